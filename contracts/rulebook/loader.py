"""Reads rulebooks from YAML and refuses what cannot hold, with every problem of a file at once."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path as FilePath

import yaml
from pydantic import TypeAdapter, ValidationError

from contracts.ids import CampaignId, Revision
from contracts.rulebook.consistency import inconsistencies
from contracts.rulebook.reading import read_as
from contracts.rulebook.references import doubled_ids, lost_references
from contracts.rulebook.refusal import Problem, RulebookRefused, path_of, path_text
from contracts.rulebook.rulebook import Rulebook
from contracts.rulebook.source import Source, parse_source, read_text

SHIPPED = FilePath(__file__).parent.parent / "campaigns"
"""The folder of the campaigns that come with the platform."""
EARLIER = "earlier"
"""The folder inside, for revisions that were in force before; decisions made under them can still be explained."""


def load(path: FilePath) -> Rulebook:
    """The rulebook in a file. RulebookRefused lists everything wrong with it."""
    return parse(read_text(path), str(path))


@lru_cache(maxsize=64)  # a process reads the same few files for each of its parts; rulebooks are frozen
def parse(text: str, file: str = "<text>") -> Rulebook:
    """The rulebook in a YAML text; `file` is what problems call it."""
    return _accept(parse_source(text, file))


def dump(rulebook: Rulebook) -> str:
    """The rulebook as YAML that `parse` reads back to the same revision. Comments of the original are not kept."""
    said = rulebook.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(said, allow_unicode=True, sort_keys=False, width=120)


class Rulebooks(Mapping[CampaignId, Rulebook]):
    """The rulebooks in force, by campaign; `at` finds earlier revisions too."""

    def __init__(self, in_force: tuple[Rulebook, ...], earlier: tuple[Rulebook, ...] = ()) -> None:
        self._in_force = {rulebook.id: rulebook for rulebook in in_force}
        self._all = {(rulebook.id, rulebook.revision): rulebook for rulebook in (*earlier, *in_force)}

    def __getitem__(self, campaign: CampaignId) -> Rulebook:
        return self._in_force[campaign]

    def __iter__(self) -> Iterator[CampaignId]:
        return iter(self._in_force)

    def __len__(self) -> int:
        return len(self._in_force)

    def at(self, campaign: CampaignId, revision: Revision) -> Rulebook:
        """The rulebook a decision was made under; KeyError where that revision is not at hand."""
        return self._all[campaign, revision]


def load_all(*folders: FilePath) -> Rulebooks:
    """Every `<id>.yaml` in the folders, and what lies in their `earlier/`. RulebookRefused over all files together."""
    problems: list[Problem] = []
    in_force: dict[CampaignId, Rulebook] = {}
    for path in (path for folder in folders for path in rulebook_files(folder)):
        try:
            rulebook = load(path)
        except RulebookRefused as refused:
            problems += refused.problems
            continue
        if rulebook.id != path.stem:
            problems.append(Problem(str(path), 1, "id", f"is {rulebook.id!r}; name the file {rulebook.id}.yaml"))
        if rulebook.id in in_force:
            problems.append(Problem(str(path), 1, "id", f"{rulebook.id!r} was read from another folder too; keep one"))
        in_force[rulebook.id] = rulebook
    if problems:
        raise RulebookRefused(tuple(problems))
    return Rulebooks(tuple(in_force.values()), tuple(_earlier(folders)))


def rulebook_files(folder: FilePath) -> list[FilePath]:
    """The rulebooks in a folder, without their cases. RulebookRefused where the folder does not exist."""
    if not folder.is_dir():
        raise RulebookRefused((Problem(str(folder), 1, "", "is no folder; point to the one that holds the rulebooks"),))
    return sorted(path for path in folder.glob("*.yaml") if not path.name.endswith(".cases.yaml"))


def _earlier(folders: tuple[FilePath, ...]) -> Iterator[Rulebook]:
    for folder in folders:
        if (folder / EARLIER).is_dir():
            yield from map(load, rulebook_files(folder / EARLIER))


def _accept(source: Source) -> Rulebook:
    rulebook, problems = read_as(Rulebook, source)
    data = source.data
    told = {problem.path for problem in problems}
    for path, reason in (*doubled_ids(data), *lost_references(data)):
        if path_text(path) not in told:
            problems.add(source.problem(path, reason))
    for contradiction in inconsistencies(_legible(data)):
        problems.add(source.problem(path_of(contradiction.at), contradiction.reason))
    if problems or rulebook is None:
        raise RulebookRefused(tuple(sorted(problems)))
    return rulebook


def _legible(data: object) -> dict[str, object]:
    """The parts of a rulebook that can be read by themselves, defaults included."""
    parts: dict[str, object] = {}
    for name, field in Rulebook.model_fields.items():
        if not isinstance(data, dict) or (name not in data and field.is_required()):
            continue
        if name not in data:
            parts[name] = field.get_default(call_default_factory=True)
            continue
        try:
            parts[name] = TypeAdapter[object](field.rebuild_annotation()).validate_python(data[name])
        except ValidationError:
            continue
    return parts
