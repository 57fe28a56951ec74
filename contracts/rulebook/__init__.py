"""A campaign's rulebook: frozen types, the loader that refuses what cannot hold, and the decisions it makes alone."""

from contracts.rulebook.clause import Text
from contracts.rulebook.limits import Level, Limit
from contracts.rulebook.material import Slot
from contracts.rulebook.moment import Moment, Window
from contracts.rulebook.rulebook import Rulebook
from contracts.rulebook.tracks import Track

__all__ = ["Level", "Limit", "Moment", "Rulebook", "Slot", "Text", "Track", "Window"]
