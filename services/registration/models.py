"""What the parts of registration have in common: kept records, and refusals as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Something kept or shown; replaced whole, never changed in place."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


@dataclass(frozen=True)
class Refusal:
    """Why a rule says no, in Chinese and English, with what was measured, expected, and what to do."""

    code: str
    zh: str
    en: str
    facts: Mapping[str, object] = field(default_factory=dict)
    status: int = 409
