"""Turns facts into what people read, Chinese first: one text template for each notice."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".txt"


class Wording:
    """The templates, with the address people are sent to. A template's first line is the subject."""

    def __init__(self, public_url: str, zone: ZoneInfo) -> None:
        self._zone = zone
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, finalize=_on_one_line, trim_blocks=True,
            lstrip_blocks=True, autoescape=False,  # plain text: there is no markup to escape
        )  # fmt: skip
        self._templates.globals["inbox"] = f"{public_url.rstrip('/')}/api/notify/v1/inbox"
        self._templates.filters |= {"zh_time": self._zh_time, "en_time": self._en_time}

    def render(self, template: str, facts: Mapping[str, Any]) -> tuple[str, str]:
        """Subject and body."""
        text = self._templates.get_template(f"{template}{SUFFIX}").render(facts)
        subject, _, body = text.strip().partition("\n")
        return subject.strip(), body.strip() + "\n"

    def _zh_time(self, at: datetime) -> str:
        local = at.astimezone(self._zone)
        return f"{local.year}年{local.month}月{local.day}日{local:%H:%M}"

    def _en_time(self, at: datetime) -> str:
        return f"{at.astimezone(self._zone):%Y-%m-%d %H:%M (UTC%z)}"


def _on_one_line(value: object) -> object:
    """What people filled in cannot start a line of its own: neither a header nor a sentence of ours."""
    if not isinstance(value, str):
        return value
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())
