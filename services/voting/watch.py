"""What trips a campaign's signals: how often something was seen in a sliding window, its time passed in.

Kept in the memory of the process that takes ballots in: nothing is asked of a store, and nobody waits.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from msgspec import structs

from contracts.rulebook import Rulebook
from contracts.rulebook.signals import Burst, Rate, Series, Signal
from services.voting.models import Ballot, Handed

SLOTS: Final = 10
"""A window slides by a tenth: nothing older than its span is ever counted, of what is younger nine tenths at least."""
MOST_KEYS: Final = 50_000
"""Devices, addresses and the like one signal keeps in mind. Where more come, it looks at a shorter time."""
LAST_DIGITS: Final = re.compile(r"([^0-9]*)[0-9]{1,2}")
"""In an id read backwards."""
KEYS: Final[Mapping[str, Callable[[Handed], str | None]]] = {
    "device": lambda handed: handed.device,
    "address": lambda handed: handed.address,
    "channel": lambda handed: handed.channel,
    "entry": lambda handed: handed.entry,
}
Trips = Callable[[Handed, int, int], bool]
"""Sees a ballot, the how-manieth of its voter, at a time in milliseconds; says whether it is to be held."""


class Window:
    """How often each key was seen within a span."""

    def __init__(self, span: timedelta, most_keys: int = MOST_KEYS) -> None:
        self._slot_ms = max(1, span // timedelta(milliseconds=1) // SLOTS)
        self._most_keys = most_keys
        self._seen: defaultdict[int, int] = defaultdict(int)
        self._slots: deque[tuple[int, defaultdict[int, int]]] = deque()
        self._newest, self._share = 0, self._slide(0)

    def add(self, key: str, at_ms: int) -> int:
        """See a key once more; how often it was seen, this time included."""
        hashed, share = hash(key), self._share_at(at_ms)
        share[hashed] += 1
        self._seen[hashed] += 1
        return self._seen[hashed]

    def seen(self, key: str, at_ms: int) -> int:
        """How often a key was seen."""
        self._share_at(at_ms)
        return self._seen.get(hash(key), 0)

    def _share_at(self, at_ms: int) -> defaultdict[int, int]:
        """What is seen now; a time that goes back is still now."""
        slot = at_ms // self._slot_ms
        if slot > self._newest or len(self._share) * SLOTS > self._most_keys:
            self._newest = max(slot, self._newest)
            self._share = self._slide(self._newest)
        return self._share

    def _slide(self, slot: int) -> defaultdict[int, int]:
        self._slots.append((slot, defaultdict(int)))
        while self._slots[0][0] <= slot - SLOTS or len(self._seen) > self._most_keys:
            for hashed, times in self._slots.popleft()[1].items():
                self._seen[hashed] -= times
                if not self._seen[hashed]:
                    del self._seen[hashed]
        return self._slots[-1][1]


class Watch:
    """Of one process."""

    def __init__(self) -> None:
        self._signals: dict[str, tuple[tuple[str, Trips], ...]] = {}

    def seen(self, ballot: Ballot, handed: Handed, rulebook: Rulebook | None) -> Ballot:
        """A ballot that is to be kept, with the signals it trips. What is then not kept after all, since another
        process took its number, was seen all the same; that is rare, and no judgement."""
        if rulebook is None:
            return ballot
        signals = self._signals.get(rulebook.revision)
        if signals is None:
            signals = self._signals[rulebook.revision] = _signals(rulebook)
        if not signals:
            return ballot
        at_ms = round(handed.received_at.timestamp() * 1000)
        held = tuple([name for name, trips in signals if trips(handed, ballot.n, at_ms)])
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
    if (last := LAST_DIGITS.match(handed.own[::-1])) is None:
        return False
    key = f"{handed.channel}/{handed.own[: -last.end()]}#{last[1]}"
    return (window.add(key, at_ms) if n == 1 else window.seen(key, at_ms)) > rule.most


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
