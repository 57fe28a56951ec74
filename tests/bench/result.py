"""The one JSON line a bench prints, and its verdict."""

import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path


def report(name: str, ours: float, peer: float, at_least: float, unit: str) -> None:
    """Print a measurement against its peer of the same run; an AssertionError fails the bench when it is below."""
    ratio = ours / peer
    ok = ratio >= at_least
    line = {"bench": name, "ratio": round(ratio, 3), "at_least": at_least, "ok": ok}
    print(json.dumps(line | {"ours": round(ours, 1), "peer": round(peer, 1), "unit": unit}), flush=True)
    assert ok, f"{name}: {ratio:.3f} is below {at_least}"


def report_limit(name: str, measured: float, at_most: float, unit: str) -> None:
    """Print a measurement that has a limit instead of a peer."""
    ok = measured <= at_most
    print(
        json.dumps({"bench": name, "measured": round(measured, 1), "at_most": at_most, "ok": ok, "unit": unit}),
        flush=True,
    )
    assert ok, f"{name}: {measured:.1f} {unit} is above {at_most}"


def percentile(values: Sequence[float], percent: int) -> float:
    """The given percentile, inclusive method."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def resident_mb(pid: int) -> float:
    """Resident memory of a process as the kernel counts it, in 10^6 bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
