"""A campaign's rulebook: frozen types, the loader that refuses what cannot hold, and the decisions it makes alone."""

from contracts.rulebook.clause import Text
from contracts.rulebook.limits import Level, Limit
from contracts.rulebook.loader import SHIPPED, Rulebooks, dump, load, load_all, parse
from contracts.rulebook.material import Slot
from contracts.rulebook.moment import Moment, Window
from contracts.rulebook.refusal import Problem, RulebookRefused
from contracts.rulebook.rehearsal import rehearsal
from contracts.rulebook.rulebook import Rulebook
from contracts.rulebook.tracks import Track

__all__ = [
    "SHIPPED",
    "Level",
    "Limit",
    "Moment",
    "Problem",
    "Rulebook",
    "RulebookRefused",
    "Rulebooks",
    "Slot",
    "Text",
    "Track",
    "Window",
    "dump",
    "load",
    "load_all",
    "parse",
    "rehearsal",
]
