"""What decoding a film may cost, whatever it claims, and who is to blame where it ends early."""

import asyncio
import time
from array import array
from fractions import Fraction
from pathlib import Path

import pytest

from contracts.rulebook import Slot
from services.media.inspect import bounds, reel, tracks, watching
from services.media.inspect.child import Limits
from services.media.inspect.decode import Budget, film_decodes
from services.media.inspect.flaws import of_film
from services.media.inspect.models import Damaged
from services.media.inspect.mp4 import read_movie
from services.media.inspect.phrases import stretch
from services.media.inspect.probe import measure, measure_first
from services.media.inspect.reel import Reel
from services.media.inspect.samples import Samples
from services.media.inspect.source import Source
from services.media.inspect.tracks import Track
from services.media.inspect.watching import BROKEN, MISSING, WHOLE, Pictures, Watched
from tests.data.make_packages import ffmpeg
from tests.data.make_rars import Member, rar5
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.atoms import STBL, changed, numbers
from tests.unit.media.inspect.films import faults, film, spoilt
from tests.unit.media.inspect.memory import MemorySource


async def test_film_beyond_the_budget_is_decoded_as_far_as_that_goes(folder: Path) -> None:
    data = film("h264.mp4", folder)
    enough = 60 * reel.LEAST + 110 * reel.PACKET
    late, early = await spoilt(data, 100, 140), await spoilt(data, 20, 50)
    partly = ("partly", "0:00–0:03 / 0:00–0:06")
    assert [await faults(data, budget=Budget(enough)) for _ in range(3)] == [[partly]] * 3
    assert await faults(late, budget=Budget(enough)) == [partly]
    assert [code for code, _ in await faults(early, budget=Budget(enough))] == ["undecodable", "partly"]
    assert await faults(data, budget=Budget(0)) == [("partly", "0:00–0:00 / 0:00–0:06")]


async def test_budget_is_one_for_all_films_of_a_package(folder: Path, slots: dict[str, Slot]) -> None:
    data, budget = film("h264.mp4", folder), Budget(200 * reel.LEAST)
    slot = slots["video"]
    two = zipped({"一.mp4": data, "二.mp4": data + bytes(8)})
    several = slot.model_copy(update={"rules": tuple(_any_count(part) for part in slot.rules)})
    facts = await measure(MemorySource(two), several, budget=budget)
    assert [(fault.code, fault.file) for fault in facts.faults] == [("partly", "二.mp4")]


def _any_count(part: object) -> object:
    count = part.count.model_copy(update={"min": 1, "max": 3})  # type: ignore[attr-defined]
    return part.model_copy(update={"count": count})  # type: ignore[attr-defined]


@pytest.mark.parametrize("packed", [False, True])
async def test_film_that_takes_time_is_decoded_after_the_first_verdict(
    packed: bool, folder: Path, slots: dict[str, Slot], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = await spoilt(film("h264.mp4", folder), 60, 90)
    package = rar5(Member("片.mp4".encode(), broken, packed=True)) if packed else zipped({"片.mp4": broken})
    at_once = await measure_first(MemorySource(package), slots["video"])
    assert (at_once.complete, [fault.code for fault in at_once.faults]) == (True, ["undecodable"])
    monkeypatch.setattr(bounds, "QUICK", 1000)
    first = await measure_first(MemorySource(package), slots["video"])
    assert (first.complete, first.sha256, first.faults) == (False, at_once.sha256, ())
    whole = await measure(MemorySource(package), slots["video"])
    assert (whole.complete, whole.faults, whole.files) == (True, at_once.faults, first.files)


@pytest.fixture(scope="module")
def heavy(folder: Path) -> bytes:
    """Two seconds of work for a decoder: one picture of 4K noise, again and again."""
    one, many = folder / "heavy-one.mp4", folder / "heavy.mp4"
    noise = ("-f", "lavfi", "-i", "testsrc2=size=3840x2160:rate=25,noise=alls=60:allf=t", "-frames:v", "1")
    ffmpeg(*noise, "-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p", one)
    return ffmpeg("-stream_loop", "59", "-i", one, "-c", "copy", many).read_bytes()


async def test_film_that_takes_more_time_than_any_is_absurd(heavy: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("PACE", "DENSE"):
        monkeypatch.setattr(watching, bound, 10**12)
    monkeypatch.setattr(watching, "CPU", 1)
    assert await faults(heavy) == [("absurd", "ffmpeg: cpu")]


async def test_film_that_makes_the_decoder_talk_is_absurd(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "Limits", lambda **given: Limits(**{**given, "errors": 2**12}))
    assert await faults(film("h264.mp4", folder)) == [("absurd", "ffmpeg: overrun")]


async def test_film_is_read_once_and_no_more_of_it_is_held(heavy: bytes) -> None:
    source = Read(heavy)
    assert await film_decodes(source, None, Budget(bounds.DECODED), heard=False) == ()
    assert source.fetched <= 1.01 * len(heavy) + 2**18
    assert source.longest <= reel.PIECE
    assert source.requests <= len(heavy) // reel.PIECE + 10


class Read(MemorySource):
    """Remembers the longest read."""

    longest = 0

    async def read(self, start: int, length: int) -> bytes:
        self.longest = max(self.longest, length)
        return await super().read(start, length)


async def test_film_whose_samples_lie_upside_down_is_not_read_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = film("intra.mp4", folder)
    samples = (await read_movie(MemorySource(data))).track.samples
    places = [samples.place(number)[0] for number in range(len(samples.sizes))]
    sizes = [0, 0, len(places), *samples.sizes[::-1]]
    shared = changed(
        changed(data, STBL + b"stsc", lambda _: numbers([0, 1, 1, 1, 1])), STBL + b"stsz", lambda _: numbers(sizes)
    )
    turned = changed(shared, STBL + b"stco", lambda _: numbers([0, len(places), *places[::-1]]))
    assert await faults(turned) == []
    monkeypatch.setattr(reel, "READS", 20)
    [(code, _)] = await faults(turned)
    assert code == "absurd"


async def test_sound_that_claims_more_than_there_is_is_not_read(folder: Path) -> None:
    data = film("h264.mp4", folder)
    vast = changed(data, STBL + b"stsz", lambda c: c[:12] + numbers([2**16] * ((len(c) - 12) // 4)), nth=1)
    [(code, _)] = await faults(vast)
    assert code == "missing-samples"


async def test_absurd_count_of_tiny_pictures_is_bounded_by_what_each_takes() -> None:
    track = _track(2**19)
    taken = reel.wind(track, None, 1000 * reel.LEAST)
    assert (taken.strips[0].taken, taken.cost, taken.strips[0].whole) == (1000, 1000 * reel.LEAST, False)


def _track(count: int, sizes: int = 100, codec: str = "h264") -> Track:
    """A track of so many samples of one size, in one chunk."""
    some = Samples(
        array("I", [sizes]) * count,
        array("Q", [0]),
        array("Q", [0]),
        array("I", [1]),
        array("I", [count]),
        array("I", [1]),
    )
    return Track(1, b"vide", 25, count, codec, samples=some)


@pytest.mark.parametrize(
    ("became", "refused", "found"),
    [
        (bytes((WHOLE, MISSING)) * 50, 0, None),
        (bytes((WHOLE, MISSING)) * 50, 2, None),
        (bytes((WHOLE, MISSING)) * 50, 50, "undecodable"),
        (bytes((WHOLE,)) * 99 + bytes((MISSING,)), 0, None),
        (bytes((WHOLE,)) * 99 + bytes((MISSING,)), 1, "flawed"),
        (bytes((WHOLE,)) * 98 + bytes((MISSING, MISSING)), 0, "flawed"),
        (bytes((WHOLE,)) * 87 + bytes((BROKEN,)) * 13, 0, "undecodable"),
        (bytes((WHOLE,)) * 88 + bytes((BROKEN,)) * 12, 0, "flawed"),
        (bytes((MISSING,)) * 100, 0, "undecodable"),
    ],
)
def test_pictures_that_did_not_come_are_bad_where_the_film_was_not_made_so(
    became: bytes, refused: int, found: str | None
) -> None:
    wound = reel.wind(_track(100), None, bounds.DECODED)
    watched = Watched(Pictures(bytearray(became), refused=refused), None)
    faults = list(of_film(wound, watched, None, heard=False))
    assert [fault.code for fault in faults] == ([found] if found else [])


@pytest.mark.parametrize(
    ("codec", "became", "refused", "found"),
    [
        ("mpeg4", (WHOLE, MISSING, MISSING, MISSING), 0, None),
        ("mpeg4", (WHOLE, MISSING, MISSING, MISSING), 75, "undecodable"),
        ("mpeg4", (MISSING,) * 4, 0, "undecodable"),
        ("h264", (WHOLE, MISSING, MISSING, MISSING), 0, "undecodable"),
    ],
)
def test_samples_that_say_nothing_moved_need_no_picture(
    codec: str, became: tuple[int, ...], refused: int, found: str | None
) -> None:
    wound = reel.wind(_track(100, sizes=7, codec=codec), None, bounds.DECODED)
    watched = Watched(Pictures(bytearray(bytes(became) * 25), refused=refused), None)
    assert [fault.code for fault in of_film(wound, watched, None, heard=False)] == ([found] if found else [])


def test_many_edits_of_many_bad_pictures_take_no_time() -> None:
    track = _track(100_000)
    edits = ((90_000 - 90 * n, Fraction(1, 25)) for n in range(1000))
    track.edits = (*edits, (50_000, Fraction(1000)))
    watched = Watched(Pictures(bytearray(bytes((BROKEN,)) * 100_000)), None)
    began = time.process_time()
    [fault] = of_film(reel.wind(track, None, bounds.DECODED), watched, None, heard=False)
    assert (fault.code, fault.measured.rpartition(": ")[2]) == ("undecodable", "25722 / 100000")
    assert time.process_time() - began < 5


@pytest.mark.parametrize("processors", ["7", "32"])
async def test_decoder_needs_no_more_threads_where_there_are_more_processors(
    processors: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "READING", ("-cpucount", processors, *watching.READING))
    assert [await faults(film("h264.mp4", folder)) for _ in range(6)] == [[]] * 6


async def test_samples_of_all_tracks_together_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = film("h264.mp4", folder)
    movie = await read_movie(MemorySource(data))
    assert movie.sound is not None
    most = max(len(each.samples.sizes) for each in (movie.track, movie.sound))
    monkeypatch.setattr(tracks, "ALTOGETHER", most)
    with pytest.raises(Damaged, match="absurd"):
        await read_movie(MemorySource(data))


def test_absurd_timescale_gives_an_index_all_the_same() -> None:
    track = _track(2)
    track.timescale = 0xFFFFFFFF
    assert len(reel.wind(track, None, bounds.DECODED).header) > 100


@pytest.mark.parametrize(
    ("start", "end", "said"), [(Fraction(0), Fraction(1, 25), "0:00–0:01"), (61.9, 125.0, "1:01–2:05")]
)
def test_stretch_is_told_in_whole_seconds(start: Fraction | float, end: Fraction | float, said: str) -> None:
    assert stretch(start, end) == said


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.subprocess.Process]:
    """The children that were started."""
    children, start = list[asyncio.subprocess.Process](), asyncio.create_subprocess_exec

    async def remembered(*arguments: str, **how: object) -> asyncio.subprocess.Process:
        children.append(await start(*arguments, **how))  # type: ignore[arg-type]
        return children[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", remembered)
    return children


async def test_log_that_is_torn_is_no_verdict(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "TRIES", 2)
    monkeypatch.setattr(Pictures, "_sum_up", _one_more)
    with pytest.raises(InterruptedError):
        await faults(film("alone.mp4", folder))


def _one_more(pictures: Pictures, seen: bool, frames: int) -> None:
    """As if the decoder counted a picture that its log does not tell of."""
    pictures.finished, pictures.frames = seen or pictures.finished, frames + 1


@pytest.mark.parametrize("harmed", [False, True])
async def test_what_only_one_run_says_is_no_verdict(
    harmed: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = film("h264.mp4", folder)
    data = await spoilt(data, 60, 90) if harmed else data
    truly, run, runs = await faults(data), watching._run, list[Watched]()

    async def astray(source: Source, wound: Reel, nice: int) -> Watched:
        runs.append(await run(source, wound, nice))
        if len(runs) == 1:
            runs[0].pictures.became[20] = BROKEN
        return runs[-1]

    monkeypatch.setattr(watching, "_run", astray)
    assert (await faults(data), len(runs)) == (truly, 3 if harmed else 2)


class Halting(MemorySource):
    """A store that stands still once half of the film was read."""

    async def read(self, start: int, length: int) -> bytes:
        if length > 10_000 and self.size // 2 < start < self.size - 20_000:
            await asyncio.sleep(3600)
        return await super().read(start, length)


async def test_decoder_that_the_machine_ends_is_no_verdict(
    heavy: bytes, started: list[asyncio.subprocess.Process]
) -> None:
    watching_it = asyncio.ensure_future(faults_of(Halting(heavy)))
    while not started:  # noqa: ASYNC110 # it is a process of its own
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    started[0].kill()
    with pytest.raises(InterruptedError):
        await watching_it


async def faults_of(source: MemorySource) -> object:
    return await film_decodes(source, None, Budget(bounds.DECODED), heard=False)


async def test_decoder_ends_at_once_with_who_wanted_it(heavy: bytes, started: list[asyncio.subprocess.Process]) -> None:
    watching_it = asyncio.ensure_future(faults_of(Halting(heavy)))
    while not started:  # noqa: ASYNC110 # it is a process of its own
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    began = time.monotonic()
    watching_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching_it
    assert time.monotonic() - began < 2
    assert started[0].returncode is not None


@pytest.mark.parametrize("lost", ["decoder -> pts:0 pts_time:0 pkt_dts:1", "corrupt decoded frame"])
def test_line_that_lost_its_beginning_is_seen(lost: str) -> None:
    whole, torn = Pictures(bytearray(1)), Pictures(bytearray(1))
    whole.hear(f"[vist#0:0/h264 @ 0x1] [dec:h264 @ 0x2] {lost}\n".encode())
    torn.hear(f"  Stream #1:0(und): Audio: pcm_s16le, 48000 Hz, 768 kb/s{lost}\n".encode())
    assert (whole.torn, torn.torn) == (False, True)
