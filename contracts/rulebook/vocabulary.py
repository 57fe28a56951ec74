"""Which keys a rulebook knows where, and which of them somebody probably meant."""

from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from contracts.rulebook.refusal import Path


def known_keys(top: type[BaseModel], loc: Path) -> tuple[str, ...]:
    """The keys allowed in the mapping at a pydantic error location (which names union tags on its way)."""
    here: tuple[object, ...] = (top,)
    for step in loc:
        here = tuple(inner for outer in here for inner in _into(outer, step, only=len(here) == 1))
    return tuple(key for model in here for key in getattr(model, "model_fields", ()))


def _into(outer: object, step: str | int, *, only: bool) -> tuple[object, ...]:
    if isinstance(step, int):
        return _flat(get_args(outer)[0]) if get_origin(outer) is tuple else ()
    if not (isinstance(outer, type) and issubclass(outer, BaseModel)):
        return ()
    if only and step in outer.model_fields:
        return _flat(outer.model_fields[step].annotation)
    tagged = any(step in _literals(each.annotation) for each in outer.model_fields.values())
    return (outer,) if tagged and not only else ()


def _flat(annotation: object) -> tuple[object, ...]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _flat(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(inner for arg in get_args(annotation) if arg is not NoneType for inner in _flat(arg))
    return (annotation,)


def _literals(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def nearest(written: str, known: tuple[str, ...]) -> str | None:
    """The known word somebody most likely meant; None where nothing is close."""
    shapes = {word.replace("-", "_").lower(): word for word in known}
    close = get_close_matches(written.replace("-", "_").replace(" ", "_").lower(), shapes, n=1, cutoff=0.6)
    return shapes[close[0]] if close else None


def suggestion(written: str, known: tuple[str, ...]) -> str:
    """What to do about a word nobody knows."""
    if meant := nearest(written, known):
        return f"did you mean {meant}?"
    return f"use one of: {', '.join(known)}" if known else "take it out"
