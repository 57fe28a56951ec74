"""Small real archives spoilt at random: always a verdict, the same three times, and never past a bound."""

import random
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.rulebook import Slot
from services.media.inspect import bounds
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from tests.data.make_rars import SIGN4, Member, block4, block5, pack4, pack5, rar4, rar5
from tests.unit.media.inspect.archives import long_form, streamed, zipped
from tests.unit.media.inspect.memory import MemorySource

TEXT = b"what a teacher wrote " * 20
NOISE = random.Random(5).randbytes(700)
DOCX = zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}, zipfile.ZIP_DEFLATED)
JPEG = bytes.fromhex("ffd8ffc0000b080100010001011100ffda0008010100003f00") + NOISE + b"\xff\xd9"
MEMBERS: dict[str | bytes, bytes] = {"图/a.jpg": JPEG, "案例.docx": DOCX, "b.txt": TEXT, "视频/": b""}
FILES = {str(name).encode(): data for name, data in MEMBERS.items() if data}
ZIPS = [zipped(MEMBERS), zipped(MEMBERS, zipfile.ZIP_DEFLATED), streamed({"a.txt": TEXT}), long_form(zipped(MEMBERS))]
STORED_RARS = [rar(*(Member(name, data) for name, data in FILES.items())) for rar in (rar4, rar5)]
PACKED_RARS = [rar(*(Member(name, data, True) for name, data in FILES.items())) for rar in (rar4, rar5)]
STREAMED = 4
"""How often all bytes may pass: once for the proof, and again where a tool gave up in the middle."""


@dataclass(frozen=True)
class Spoilt:
    """One change to the bytes, at a share of their length."""

    kind: str
    at: float
    length: int
    value: int

    def of(self, data: bytes) -> bytes:
        at = int(self.at * len(data))
        match self.kind:
            case "flip":
                return data[:at] + bytes([data[at] ^ (self.value or 1)]) + data[at + 1 :] if at < len(data) else data
            case "cut":
                return data[:at]
            case "leave out":
                return data[:at] + data[at + self.length :]
            case "double":
                return data[: at + self.length] + data[at:]
            case _:
                return data[:at] + bytes([self.value]) * self.length + data[at + self.length :]


SPOILT = st.lists(
    st.builds(
        Spoilt,
        st.sampled_from(["flip", "flip", "flip", "cut", "leave out", "double", "fill"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 40),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)
"""Where a change hits is more telling than what it hits with: no shrinking, it would take longer than the test."""
QUICK = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],
}


class CountedSource(MemorySource):
    """Counts what is streamed as well."""

    streamed = 0

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        async for chunk in super().stream(start, length):
            self.streamed += len(chunk)
            yield chunk


async def three_times(data: bytes, changes: list[Spoilt], slot: Slot) -> None:
    for change in changes:
        data = change.of(data)
    verdicts = []
    for _ in range(3):
        source = CountedSource(data)
        facts = await measure(source, slot, "package")
        assert sum(file.size for file in facts.files or ()) <= bounds.inflated(len(data))
        assert source.streamed <= STREAMED * len(data)
        verdicts.append((facts, judge(facts, slot)))
    assert verdicts[0] == verdicts[1] == verdicts[2]


@settings(max_examples=150, **QUICK)  # type: ignore[arg-type] # options by name
@given(data=st.sampled_from(ZIPS), changes=SPOILT)
async def test_spoilt_zip_has_one_verdict(data: bytes, changes: list[Spoilt], slots: dict[str, Slot]) -> None:
    await three_times(data, changes, slots["case"])


@settings(max_examples=100, **QUICK)  # type: ignore[arg-type] # the same
@given(data=st.sampled_from(STORED_RARS), changes=SPOILT)
async def test_spoilt_stored_rar_has_one_verdict(data: bytes, changes: list[Spoilt], slots: dict[str, Slot]) -> None:
    await three_times(data, changes, slots["case"])


@settings(max_examples=25, **QUICK)  # type: ignore[arg-type] # the same
@given(data=st.sampled_from(PACKED_RARS), changes=SPOILT)
async def test_spoilt_packed_rar_has_one_verdict(data: bytes, changes: list[Spoilt], slots: dict[str, Slot]) -> None:
    await three_times(data, changes, slots["case"])


@settings(max_examples=25, **QUICK)  # type: ignore[arg-type] # the same
@given(version=st.sampled_from([4, 5]), changes=SPOILT, size=st.sampled_from([len(JPEG), 1, 5000, 2**22]))
async def test_spoilt_packed_bytes_have_one_verdict(
    version: int, changes: list[Spoilt], size: int, slots: dict[str, Slot]
) -> None:
    packed = pack4(JPEG) if version == 4 else pack5(JPEG)
    for change in changes:
        packed = change.of(packed)
    member = Member(b"a.jpg", packed, method=0x33 if version == 4 else 3 << 7, size=size, crc=1)
    await three_times((rar4 if version == 4 else rar5)(member), [], slots["case"])


@settings(max_examples=200, **QUICK)  # type: ignore[arg-type] # the same
@given(
    kind=st.sampled_from([1, 2, 3, 4, 5, 9]), flags=st.integers(0, 127), said=st.binary(max_size=60), data=st.binary()
)
async def test_rar_header_of_any_bytes_has_one_verdict(
    kind: int, flags: int, said: bytes, data: bytes, slots: dict[str, Slot]
) -> None:
    await three_times(rar5(before=block5(kind, flags, said, data)), [], slots["case"])
    await three_times(SIGN4 + block4(0x73, 0, bytes(6)) + block4(0x72 + kind, flags, said, data), [], slots["case"])
