"""Mends misspelt keys in memory after reporting them, so that one slip of the pen does not hide what else is wrong."""

from pydantic import ValidationError

from contracts.rulebook.refusal import Path, Problem
from contracts.rulebook.rulebook import Rulebook
from contracts.rulebook.source import Source
from contracts.rulebook.vocabulary import known_keys, nearest, suggestion


def spell_right(source: Source) -> list[Problem]:
    """A problem for every key nobody knows; in the source it is renamed to the missing key it means, or dropped."""
    problems: list[Problem] = []
    while unknown := _unknown_keys(source.data):
        for loc in unknown:
            path, known = written_path(source.data, loc), known_keys(Rulebook, loc[:-1])
            key = str(path[-1])
            problems.append(source.problem(path, f"is not a known key; {suggestion(key, known)}"))
            _mend(source, path[:-1], key, nearest(key, known))
    return problems


def written_path(data: object, loc: Path) -> Path:
    """A pydantic location without the union tags it names: the path a person finds in the file."""
    path: Path = ()
    tag = None
    for index, step in enumerate(loc):
        if tag is not None and step == tag:
            tag = None
            continue
        if isinstance(data, tuple) and isinstance(step, int):
            data = data[step]
        elif isinstance(data, dict) and (step in data or index == len(loc) - 1):
            data = data.get(step)
        else:
            continue
        tag = data.get("per", data.get("kind")) if isinstance(data, dict) else None
        path = (*path, step)
    return path


def _unknown_keys(data: object) -> list[Path]:
    try:
        Rulebook.model_validate(data)
    except ValidationError as refused:
        return [error["loc"] for error in refused.errors() if error["type"] == "extra_forbidden"]
    return []


def _mend(source: Source, parent: Path, key: str, meant: str | None) -> None:
    """Rename or drop a key where it stands. The values were made by the source alone, so nobody else sees it."""
    here = source.data
    for step in parent:
        here = here[step]  # type: ignore[index] # the path was walked through these values a moment ago
    assert isinstance(here, dict)
    value = here.pop(key)
    if meant and meant not in here:
        here[meant] = value
        source.rename(parent, key, meant)
