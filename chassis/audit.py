"""Finds what was changed in, or taken from, the chained audit records."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from chassis.mongo import Document
from chassis.transaction import audit_hash


@dataclass(frozen=True)
class Flaw:
    """Where a subject's chain does not hold: at its record `n`."""

    subject: str
    n: int
    reason: str


def verify_chain(records: Iterable[Document], subjects: Iterable[Document]) -> list[Flaw]:
    """Every flaw in the `audit` records of a service, held against its `subjects`, which know each chain's end."""
    chains: dict[str, list[Document]] = defaultdict(list)
    for record in records:
        chains[record["subject"]].append(record)
    ends = {subject["_id"]: (subject.get("audited", 0), subject.get("head", "")) for subject in subjects}
    return [
        flaw
        for subject in sorted(chains.keys() | ends.keys())
        for flaw in _flaws(subject, chains.get(subject, []), *ends.get(subject, (0, "")))
    ]


def _flaws(subject: str, chain: list[Document], length: int, head: str) -> Iterable[Flaw]:
    expected, last = 1, ""
    for record in sorted(chain, key=lambda record: int(record["n"])):
        n = int(record["n"])
        if n != expected:
            yield Flaw(subject, expected, "the record is missing" if n > expected else "there are two of them")
        elif record["prev"] != last:
            yield Flaw(subject, n, "it does not follow the record before it")
        if record["hash"] != audit_hash(record):
            yield Flaw(subject, n, "it was changed after it was written")
        expected, last = n + 1, record["hash"]
    if (expected - 1, last) != (length, head):
        yield Flaw(
            subject, max(expected - 1, length), f"the chain ends at {expected - 1}, it was written up to {length}"
        )
