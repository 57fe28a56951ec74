"""Reads a source as one of our types, with every problem at its place. Misspelt keys are mended in memory after they
were reported, so that one slip of the pen does not hide what else is wrong."""

from collections.abc import Iterator
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from contracts.rulebook.clause import CONTRADICTION, Clause
from contracts.rulebook.refusal import Path, Problem, path_of
from contracts.rulebook.source import Source
from contracts.rulebook.vocabulary import known_keys, nearest, suggestion
from contracts.rulebook.wording import reason_of

Form = TypeVar("Form", bound=Clause)


def read_as(form: type[Form], source: Source) -> tuple[Form | None, set[Problem]]:
    """The source in its form, None where it does not fit; and all problems, those of the YAML itself included.
    The source's data is left with its keys spelt right."""
    problems = {*source.problems, *_spell_right(form, source)}
    try:
        return form.model_validate(source.data), problems
    except ValidationError as refused:
        return None, problems.union(*(_problems(source, error) for error in refused.errors()))


def _problems(source: Source, error: ErrorDetails) -> Iterator[Problem]:
    path = written_path(source.data, error["loc"])
    if error["type"] == CONTRADICTION:
        for contradiction in error["ctx"]["found"]:
            yield source.problem(path + path_of(contradiction.at), contradiction.reason)
    elif error["type"] != "too_short" or len(error["input"]) < error["ctx"]["min_length"]:
        # pydantic calls a list too short as soon as one of its items is wrong, which is said by itself
        yield source.problem(path, reason_of(error))


def _spell_right(form: type[Clause], source: Source) -> list[Problem]:
    """A problem for every key nobody knows; in the source it is renamed to the missing key it means, or dropped."""
    problems: list[Problem] = []
    while unknown := _unknown_keys(form, source.data):
        for loc in unknown:
            path, known = written_path(source.data, loc), known_keys(form, loc[:-1])
            key = str(path[-1])
            meant = nearest(key, known)
            cut = _mend(source, path[:-1], key, meant) is None and meant is None
            hint = "a comma cut the text before it, put that in quotes" if cut else suggestion(key, known)
            problems.append(source.problem(path, f"is not a known key; {hint}"))
    return problems


def written_path(data: object, loc: Path) -> Path:
    """A pydantic location without the union tags it names: the path a person finds in the file."""
    path: Path = ()
    tags: tuple[object, ...] = ()
    for index, step in enumerate(loc):
        if step in tags:
            tags = ()
            continue
        if isinstance(data, tuple) and isinstance(step, int):
            data = data[step]
        elif isinstance(data, dict) and (step in data or index == len(loc) - 1):
            data = data.get(step)
        else:
            continue
        tags = (data.get("per"), data.get("kind")) if isinstance(data, dict) else ()
        path = (*path, step)
    return path


def _unknown_keys(form: type[Clause], data: object) -> list[Path]:
    try:
        form.model_validate(data)
    except ValidationError as refused:
        return [error["loc"] for error in refused.errors() if error["type"] == "extra_forbidden"]
    return []


def _mend(source: Source, parent: Path, key: str, meant: str | None) -> object:
    """Rename or drop a key where it stands, and give its value. The values were made by the source alone, so nobody
    else sees it."""
    here = source.data
    for step in parent:
        here = here[step]  # type: ignore[index] # the path was walked through these values a moment ago
    assert isinstance(here, dict)
    value = here.pop(key)
    if meant and meant not in here:
        here[meant] = value
        source.rename(parent, key, meant)
    return value
