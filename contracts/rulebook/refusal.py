"""What is wrong with a rulebook: where, why, and what to do about it."""

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Steps from the top of a file to a value: keys and positions in lists."""


def path_text(path: Path) -> str:
    """`tracks[0].slots[1].id`, the way people point at it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def path_of(text: str) -> Path:
    """The inverse of `path_text`."""
    steps = text.replace("[", ".[").split(".")
    return tuple(int(step[1:-1]) if step.startswith("[") else step for step in steps if step)


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in one place. Lines count from 1; the path is empty for the whole file."""

    file: str
    line: int
    path: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.path}: {self.reason}" if self.path else f"{where}: {self.reason}"


class RulebookRefused(Exception):
    """A rulebook, or a folder of them, that cannot be used, with every problem found."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))
