"""What trips a campaign's signals: how often something was seen in a sliding window, its time passed in.

Kept in the memory of the process that takes ballots in: nothing is asked of a store, and nobody waits.
"""

import re
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Final

from msgspec import structs

from contracts.rulebook import Rulebook
from contracts.rulebook.signals import Burst, Rate, Series, Signal
from services.voting.models import Ballot, Handed

SLOTS: Final = 5
"""A window slides by a fifth: nothing older than its span is ever counted, of what is younger four fifths at least."""
MOST_KEYS: Final = 100_000
"""Devices, addresses and the like one signal keeps in mind. Where more come, it looks at a shorter time."""
NO_DIGITS: Final = "".join(chr(n) for n in range(128) if not chr(n).isdigit())
LAST_DIGITS: Final = re.compile(r"([^0-9]*)[0-9]{1,2}")
"""In an id read backwards."""
KEYS: Final[Mapping[str, Callable[[Handed], str | None]]] = {
    per: attrgetter(per) for per in ("device", "address", "channel", "entry")
}
Trips = Callable[[Handed, int, int], bool]
"""Sees a ballot, the how-manieth of its voter, at a time in milliseconds; says whether it is to be held."""


class Window:
    """How often each key was seen within a span."""

    def __init__(self, span: timedelta, most_keys: int = MOST_KEYS) -> None:
        self._slot_ms = max(1, span // timedelta(milliseconds=1) // SLOTS)
        self._most_keys = most_keys // SLOTS
        self._slot = 0
        self._newest: dict[int, int] = {}
        self._older: deque[tuple[int, dict[int, int]]] = deque(maxlen=SLOTS - 1)
        self._until_ms = 0

    def add(self, key: Hashable, at_ms: int) -> int:
        """See a key once more; how often it was seen, this time included."""
        if at_ms >= self._until_ms or len(self._newest) >= self._most_keys:
            self._slide(at_ms)
        hashed = hash(key)
        seen = self._newest[hashed] = self._newest.get(hashed, 0) + 1
        for _, older in self._older:
            seen += older.get(hashed, 0)
        return seen

    def seen(self, key: Hashable, at_ms: int) -> int:
        """How often a key was seen."""
        if at_ms >= self._until_ms:
            self._slide(at_ms)
        hashed = hash(key)
        return self._newest.get(hashed, 0) + sum(older.get(hashed, 0) for _, older in self._older)

    def _slide(self, at_ms: int) -> None:
        """Begin a slot, and drop what is too old, or too much; a time that goes back is in the newest."""
        self._older.append((self._slot, self._newest))
        self._slot, self._newest = max(self._slot, at_ms // self._slot_ms), {}
        self._until_ms = (self._slot + 1) * self._slot_ms
        while self._older and self._older[0][0] <= self._slot - SLOTS:
            self._older.popleft()


class Watch:
    """Of one process."""

    def __init__(self) -> None:
        self._signals: dict[str, tuple[tuple[str, Trips], ...]] = {}
        self._at: datetime | None = None
        self._at_ms = 0

    def seen(self, ballot: Ballot, handed: Handed, rulebook: Rulebook | None) -> Ballot:
        """A ballot that is to be kept, with the signals it trips. What is then not kept after all, since another
        process took its number, was seen all the same; that is rare, and no judgement."""
        if rulebook is None:
            return ballot
        signals = self._signals.get(rulebook.revision)
        if signals is None:
            signals = self._signals[rulebook.revision] = _signals(rulebook)
        if handed.received_at is not self._at:  # all of a batch have the very same
            self._at, self._at_ms = handed.received_at, round(handed.received_at.timestamp() * 1000)
        held: tuple[str, ...] = ()
        for name, trips in signals:
            if trips(handed, ballot.n, self._at_ms):
                held = (*held, name)
        return structs.replace(ballot, held=held) if held else ballot


def _signals(rulebook: Rulebook) -> tuple[tuple[str, Trips], ...]:
    if rulebook.voting is None or rulebook.voting.signals is None:
        return ()
    return tuple((rule.id, _trips(rule)) for rule in rulebook.voting.signals.rules)


def _trips(rule: Signal) -> Trips:
    match rule:
        case Rate():
            return partial(_too_often, rule, KEYS[rule.per], Window(rule.within))
        case Burst():
            return _Surge(rule)
        case Series():
            return partial(_in_a_row, rule, Window(rule.within))


def _too_often(
    rule: Rate, key_of: Callable[[Handed], str | None], window: Window, handed: Handed, n: int, at_ms: int
) -> bool:
    key = key_of(handed)
    return key is not None and window.add(key, at_ms) > rule.most


def _in_a_row(rule: Series, window: Window, handed: Handed, n: int, at_ms: int) -> bool:
    """Voters are counted, each with the first ballot; the others of a voter in a row are held as well."""
    if (shape := _shape(handed.own)) is None:
        return False
    key = (handed.channel, *shape)
    return (window.add(key, at_ms) if n == 1 else window.seen(key, at_ms)) > rule.most


def _shape(own: str) -> tuple[str, str] | None:
    """What stands before and behind the last two digits of the last number in an id; None where it has no number."""
    if not own.isascii():
        last = LAST_DIGITS.match(own[::-1])
        return last and (own[: -last.end()], last[1])
    if not (numbered := own.rstrip(NO_DIGITS)):
        return None
    return numbered[: -2 if numbered[-2:-1].isdigit() else -1], own[len(numbered) :]


class _Surge:
    """What a burst is measured by: a short window, and a long one that says what is usual."""

    def __init__(self, rule: Burst) -> None:
        self._rule, self._key_of = rule, KEYS[rule.per]
        self._short, self._long = Window(rule.within), Window(rule.over)
        self._within_ms, self._over_ms = (span // timedelta(milliseconds=1) for span in (rule.within, rule.over))
        self._since_ms: int | None = None

    def __call__(self, handed: Handed, n: int, at_ms: int) -> bool:
        if (key := self._key_of(handed)) is None:
            return False
        if self._since_ms is None:
            self._since_ms = at_ms
        now, all_of_it = self._short.add(key, at_ms), self._long.add(key, at_ms)
        before_ms = min(at_ms - self._since_ms, self._over_ms) - self._within_ms
        if now <= self._rule.least or before_ms < self._within_ms:
            return False
        usual = (all_of_it - now) * self._within_ms / before_ms
        return now > self._rule.times * usual
