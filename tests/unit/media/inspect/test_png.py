"""PNGs as ffmpeg writes them, and what can be wrong with them."""

import zlib
from pathlib import Path

import pytest

from contracts.rulebook import Slot
from contracts.rulebook.measures import Pixels
from services.media.inspect.models import Image
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.memory import MemorySource
from tests.unit.media.inspect.pngs import END, SIGN, chunk, pixels, png

GREY = png(40, 30, 8, 0, pixels(30 * 41), END)
HONEST = {
    "one bit": png(9, 4, 1, 0, pixels(4 * 3), END),
    "sixteen bits": png(9, 4, 16, 6, pixels(4 * 73), END),
    "palette": png(9, 4, 2, 3, (b"PLTE", bytes(12)), pixels(4 * 4), END),
    "laced": png(
        9, 4, 8, 0, pixels((1 + 2) + (1 + 1) + 0 + (1 + 3) + (1 + 5) + 2 * (1 + 4) + 2 * (1 + 9)), END, laced=1
    ),
    "in pieces": png(40, 30, 8, 0, *((b"IDAT", bytes([b])) for b in zlib.compress(bytes(30 * 41))), END),
    "data after the end": GREY + b"more",
    "a wrong sum where none is needed": GREY[:33] + chunk(b"tEXt", b"a\0b")[:-1] + b"?" + GREY[33:],
}
SPOILT = {
    "no header": (SIGN + bytes(40), "damaged"),
    "signature alone": (SIGN, "truncated"),
    "header's sum": (GREY[:20] + b"?" + GREY[21:], "damaged"),
    "no such depth": (png(9, 4, 3, 2, pixels(99), END), "damaged"),
    "bomb": (png(100_000, 100_000, 8, 2, pixels(1000), END), "bomb"),
    "more than it holds": (png(20_000, 10_000, 8, 2, pixels(1000), END), "bomb"),
    "cut in its data": (GREY[:-20], "truncated"),
    "no end": (GREY[:-12], "truncated"),
    "data's sum": (GREY[:-13] + b"?" + GREY[-12:], "undecodable"),
    "no zlib": (png(9, 4, 8, 0, (b"IDAT", b"no zlib at all"), END), "undecodable"),
    "too few rows": (png(40, 30, 8, 0, pixels(29 * 41), END), "undecodable"),
    "no rows": (png(40, 30, 8, 0, END), "undecodable"),
    "no palette": (png(9, 4, 2, 3, pixels(4 * 4), END), "undecodable"),
}


@pytest.mark.parametrize("kind", HONEST)
async def test_honest_png_is_read(kind: str, cover: Slot) -> None:
    facts = await measure(MemorySource(HONEST[kind]), cover, "封面.png")
    assert (judge(facts, cover).outcome, facts.faults) == ("pass", ())


async def test_png_of_an_encoder_is_measured(folder: Path, cover: Slot) -> None:
    for form in ("rgb24", "pal8", "rgba64be", "monob"):
        target = folder / f"{form}.png"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=334x78", "-frames:v", "1", "-pix_fmt", form, target)
        facts = await measure(MemorySource(target.read_bytes()), cover, "封面.png")  # a small file
        assert [file.content for file in facts.files or ()] == [Image(Pixels(334, 78))]
        assert facts.faults == ()


@pytest.mark.parametrize("kind", SPOILT)
async def test_spoilt_png_has_its_own_fault(kind: str, cover: Slot) -> None:
    data, code = SPOILT[kind]
    verdict = judge(await measure(MemorySource(data), cover, "封面.png"), cover)
    assert [(f.rule, f.file) for f in verdict.findings if not f.ok] == [(f"file.{code}", "封面.png")]
