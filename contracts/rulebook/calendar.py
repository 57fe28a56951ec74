"""The phases a campaign goes through."""

from typing import Literal

from contracts.rulebook.clause import Text
from contracts.rulebook.moment import Window

PhaseId = Literal[
    "mobilisation",
    "registration",
    "submission",
    "preparation",
    "holding",
    "screening",
    "voting",
    "evaluation",
    "publication",
    "exhibition",
    "summary",
]
"""`holding` is the time activities take place in; `summary` the time in which they are reported on."""


class Phase(Window):
    """One phase. Phases may overlap: a province screens while others still submit."""

    id: PhaseId
    title: Text
