"""A YAML file as plain values that remember their lines. YAML 1.2's few scalars only, so that `16:9`, `on` and
`2023-06-06` stay the texts people wrote; no tags, no anchors, no key twice."""

import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath

import yaml

from contracts.rulebook.refusal import Path, Problem, RulebookRefused, path_text

PREFIX = "tag:yaml.org,2002:"
DEEPEST = 40
LARGEST_FILE = 2**20


class CoreLoader(yaml.SafeLoader):
    """Knows texts, whole numbers, true, false and null."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 # as PyYAML declares it


CoreLoader.add_implicit_resolver(f"{PREFIX}bool", re.compile(r"^(true|false)$"), list("tf"))
CoreLoader.add_implicit_resolver(f"{PREFIX}int", re.compile(r"^-?(0|[1-9][0-9]{0,17})$"), list("-0123456789"))
CoreLoader.add_implicit_resolver(f"{PREFIX}null", re.compile(r"^(null|~|)$"), ["n", "~", ""])


@dataclass
class Source:
    """A file read: its values (lists as tuples), the line of every path, and what was wrong with the YAML itself."""

    file: str
    data: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest thing around it that is written in the file."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, reason: str, line: int | None = None) -> Problem:
        """A problem of this file, at the line of its path unless told better."""
        return Problem(self.file, line or self.line(path), path_text(path), reason)

    def rename(self, parent: Path, old: str, new: str) -> None:
        """Let the lines below `parent.old` be found under `parent.new` too."""
        known = (*parent, old)
        for path in [path for path in self.lines if path[: len(known)] == known]:
            self.lines[(*parent, new, *path[len(known) :])] = self.lines[path]


def read_text(path: FilePath) -> str:
    """Read a file; RulebookRefused where it cannot be read as text at all."""
    try:
        raw = path.read_bytes()
        if len(raw) > LARGEST_FILE:
            raise RulebookRefused(
                (Problem(str(path), 1, "", "the file is larger than 1 MiB; a rulebook is a few pages"),)
            )
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise RulebookRefused(
            (Problem(str(path), 1, "", f"cannot be read: {error.strerror}; check the path"),)
        ) from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise RulebookRefused((Problem(str(path), line, "", "is not UTF-8; save the file as UTF-8"),)) from error


def parse_source(text: str, file: str) -> Source:
    """Parse YAML text; RulebookRefused where it is not one YAML mapping."""
    source = Source(file)
    try:
        root = yaml.compose(text, CoreLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        reason = f"is not YAML: {error.problem or error.context}; check indentation, colons and quotes around this line"
        raise RulebookRefused((Problem(file, line, "", reason),)) from error
    except yaml.YAMLError as error:
        raise RulebookRefused((Problem(file, 1, "", f"is not YAML: {error}"),)) from error
    except RecursionError as error:
        raise RulebookRefused((Problem(file, 1, "", "is nested too deeply to be a rulebook"),)) from error
    if not isinstance(root, yaml.MappingNode):
        raise RulebookRefused(
            (Problem(file, 1, "", "holds no rulebook; it must start with keys such as id and title"),)
        )
    source.data = _Reader(source).value(root, ())
    return source


class _Reader:
    """Turns nodes into values, noting lines and problems in the source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.seen: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> object:
        line = node.start_mark.line + 1
        self.source.lines.setdefault(path, line)
        if id(node) in self.seen or len(path) > DEEPEST:
            self.refuse(path, "anchors and deep nesting are not used in rulebooks; write the value out", line)
            return None
        self.seen.add(id(node))
        match node:
            case yaml.MappingNode():
                return self.mapping(node, path)
            case yaml.SequenceNode():
                return tuple(self.value(child, (*path, index)) for index, child in enumerate(node.value))
            case _:
                return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, child in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(path, "a key must be one word", line)
            elif key.value in values:
                first = self.source.lines[(*path, key.value)]
                self.refuse((*path, key.value), f"is written twice, first in line {first}; keep one of them", line)
            else:
                self.source.lines[(*path, key.value)] = line
                values[key.value] = self.value(child, (*path, key.value))
        return values

    def scalar(self, node: yaml.Node, path: Path) -> object:
        match node.tag.removeprefix(PREFIX):
            case "str":
                return node.value
            case "int" if re.fullmatch(r"-?\d{1,18}", node.value):
                return int(node.value)
            case "bool" if node.value in ("true", "false"):
                return bool(node.value == "true")
            case "null":
                return None
            case _:
                self.refuse(path, f"the tag {node.tag} is not used in rulebooks; take it out", node.start_mark.line + 1)
                return None

    def refuse(self, path: Path, reason: str, line: int) -> None:
        self.source.problems.append(self.source.problem(path, reason, line))
