"""Ids inside a file: each named once, each reference leading somewhere; the rest of the file may still be wrong."""

from collections.abc import Iterator

from contracts.rulebook.refusal import Path, path_text
from contracts.rulebook.vocabulary import suggestion

REFERENCES = (
    ("tracks[*].applicants[*]", "applicants.kinds[*].id", "kind of applicant"),
    ("voting.tracks[*]", "tracks[*].id", "track"),
    ("awards[*].basis.track", "tracks[*].id", "track"),
    ("quotas[*].track", "tracks[*].id", "track"),
    ("quotas[*].kind", "recommenders[*].id", "kind of recommender"),
    ("review_chain[*].phase", "phases[*].id", "phase"),
    ("scoring.phase", "phases[*].id", "phase"),
)
"""Where a reference stands, where what it names is defined, and what to call it."""


def values(data: object, pattern: str, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text at a pattern such as `tracks[*].slots[*].id`, with its path."""
    head, _, rest = pattern.replace("[*]", ".*").partition(".")
    if not head:
        if isinstance(data, str):
            yield path, data
    elif head == "*" and isinstance(data, tuple):
        for index, child in enumerate(data):
            yield from values(child, rest, (*path, index))
    elif isinstance(data, dict) and head in data:
        yield from values(data[head], rest, (*path, head))


def doubled_ids(data: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Within one list, no two things may have the same id."""
    if isinstance(data, dict):
        for key, child in data.items():
            yield from doubled_ids(child, (*path, key))
    elif isinstance(data, tuple):
        first: dict[str, Path] = {}
        for at, written in values(data, "*.id", path):
            if written in first:
                yield at, f"{written!r} is already the id of {path_text(first[written][:-1])}; give another one"
            first.setdefault(written, at)
        for index, child in enumerate(data):
            yield from doubled_ids(child, (*path, index))


def lost_references(data: object) -> Iterator[tuple[Path, str]]:
    """Every reference must name something the file defines."""
    for pattern, target, noun in REFERENCES:
        defined = tuple(dict.fromkeys(written for _, written in values(data, target)))
        for at, written in values(data, pattern):
            if written not in defined:
                hint = suggestion(written, defined) if defined else f"define it under {target.partition('[')[0]}"
                yield at, f"the rulebook has no {noun} {written!r}; {hint}"
