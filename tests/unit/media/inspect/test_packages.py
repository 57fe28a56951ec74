"""Whole packages of every kind, and the same ones spoilt at random: there is always a verdict."""

import random
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.rulebook import Slot
from contracts.rulebook.limits import SoundLimit
from contracts.rulebook.material import FileContainer
from contracts.rulebook.measures import Pixels
from services.media.inspect.models import File, Naming, PackageFacts, Video
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from tests.data.make_packages import RECIPES, make
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.docx import docx
from tests.unit.media.inspect.memory import MemorySource
from tests.unit.media.inspect.ole import ole

GOOD = Video("h264", Pixels(1920, 1080), Pixels(1920, 1080), timedelta(minutes=3), audio=True)


@pytest.mark.parametrize("kind", RECIPES)
async def test_package_of_each_kind_is_judged_as_its_recipe_says(
    kind: str, folder: Path, slots: dict[str, Slot]
) -> None:
    recipe = RECIPES[kind]
    package = make(kind, folder)
    data = package.read_bytes()
    verdict = judge(await measure(MemorySource(data), slots[recipe.slot], package.name), slots[recipe.slot])
    assert {finding.rule for finding in verdict.findings if not finding.ok} == recipe.broken
    assert verdict.outcome == recipe.outcome


async def test_package_is_judged_the_same_every_time(folder: Path, slots: dict[str, Slot]) -> None:
    data = make("leftovers", folder).read_bytes()  # a small file
    facts = [await measure(MemorySource(data), slots["video"]) for _ in range(3)]
    assert facts[0] == facts[1] == facts[2]


def with_video(**changes: object) -> PackageFacts:
    video = replace(GOOD, **changes)  # type: ignore[arg-type] # fields by name
    return PackageFacts("zip", 1000, "0" * 64, (File("a.mp4", 900, "mp4", "video", (900, 1), video),))


@pytest.mark.parametrize(
    ("facts", "broken"),
    [
        (with_video(), set()),
        (with_video(duration=timedelta(seconds=59.5)), set()),
        (with_video(duration=timedelta(seconds=59.499)), {"video.duration"}),
        (with_video(duration=timedelta(seconds=300.5)), set()),
        (with_video(duration=timedelta(seconds=300.501)), {"video.duration"}),
        (with_video(shown=Pixels(1920, 1088)), set()),
        (with_video(shown=Pixels(1920, 1200)), {"video.aspect"}),
        (with_video(shown=Pixels(1080, 1920)), {"video.aspect", "video.resolution"}),
        (with_video(shown=Pixels(3840, 2160)), set()),
        (with_video(codec="hevc"), {"video.codec"}),
        (replace(with_video(), size=300 * 2**20 - 1), set()),
        (replace(with_video(), size=300 * 2**20), {"container.size"}),
    ],
)
def test_limit_is_kept_to_its_very_end(facts: PackageFacts, broken: set[str], slots: dict[str, Slot]) -> None:
    verdict = judge(facts, slots["video"])
    assert {finding.rule for finding in verdict.findings if not finding.ok} == broken


@pytest.mark.parametrize(("audio", "broken"), [(True, set()), (False, {"video.sound"})])
def test_sound_is_asked_for_where_the_rulebook_says_so(audio: bool, broken: set[str], slots: dict[str, Slot]) -> None:
    [video] = slots["video"].rules
    slot = slots["video"].model_copy(update={"rules": (video.model_copy(update={"sound": SoundLimit()}),)})
    verdict = judge(with_video(audio=audio), slot)
    assert {finding.rule for finding in verdict.findings if not finding.ok} == broken


def test_finding_says_what_was_measured_and_how_to_mend_it(slots: dict[str, Slot]) -> None:
    verdict = judge(with_video(shown=Pixels(1440, 1080)), slots["video"])
    [aspect] = [finding for finding in verdict.findings if finding.rule == "video.aspect"]
    assert (aspect.level, aspect.measured, aspect.expected, aspect.file) == (
        "required",
        "4:3 (1.333)",
        "16:9 ±1%",
        "a.mp4",
    )
    assert aspect.message.zh == "“a.mp4”的画面比例：4:3 (1.333)（要求：16:9 ±1%），不符合。"
    assert "16:9" in aspect.message.en
    assert "重新导出" in aspect.mend.zh


def test_name_is_judged_where_its_words_are_known(slots: dict[str, Slot]) -> None:
    naming = Naming("晨光工作室-活动视频材料.zip", applicant="晨光工作室", province="甘肃省", title="气象站")
    assert judge(with_video(), slots["video"], naming=naming).outcome == "pass"
    assert judge(with_video(), slots["video"], naming=replace(naming, name="新建文件夹.zip")).outcome == "advice"


@pytest.mark.parametrize(
    ("names", "broken"),
    [
        (["a.mp4", "b.mp4"], {"video.count"}),
        (["a.mp4", "b.mov"], {"video.count", "video.format"}),
        (["a.mov"], {"video.format"}),
        (["a.mp4", "readme.txt"], {"container.others"}),
        ([], {"video.count"}),
    ],
)
def test_files_are_counted_by_their_kind(names: list[str], broken: set[str], slots: dict[str, Slot]) -> None:
    kinds = [(name, name.rpartition(".")[2]) for name in names]
    files = [
        File(name, 900, kind, "other" if kind == "txt" else "video", (n, n), GOOD if kind != "txt" else None)
        for n, (name, kind) in enumerate(kinds)
    ]
    verdict = judge(PackageFacts("zip", 1000, "0" * 64, tuple(files)), slots["video"])
    assert {finding.rule for finding in verdict.findings if not finding.ok} == broken


async def test_pictures_in_a_document_that_do_not_count_are_told(slots: dict[str, Slot], jpeg: Path) -> None:
    photo = jpeg.read_bytes()  # noqa: ASYNC240 # a small file
    media = {"a.png": b"\x89PNG\r\n\x1a\n", "b.jpg": b"\xff\xd8\xff", "c.jpg": photo}
    case = slots["case"]
    assert case.images
    assert case.images.resolution
    large = case.images.resolution.model_copy(update={"min": Pixels(2000, 2000)})
    strict = case.model_copy(update={"rules": (case.images.model_copy(update={"resolution": large}),)})
    facts = await measure(MemorySource(zipped({"案例.docx": docx("<w:p/>", media=media)})), case)
    [told] = [finding for finding in judge(facts, strict).findings if finding.rule == "images.count"]
    assert "另有 3 张" in told.message.zh
    assert "1 张格式是 png（要求 jpg），1 张不够大（要求 ≥ 2000x2000 ↻），1 张无法读取" in told.message.zh
    assert "1 of format png (required: jpg), 1 too small" in told.message.en


async def test_old_word_document_is_known_under_any_name(slots: dict[str, Slot]) -> None:
    facts = await measure(MemorySource(zipped({"案例.docx": ole({"WordDocument": b"x"})})), slots["case"])
    assert [file.format for file in facts.files or ()] == ["doc"]


async def test_same_picture_counts_once_and_old_word_is_left_to_a_person(jpeg: Path, slots: dict[str, Slot]) -> None:
    photo = jpeg.read_bytes()  # noqa: ASYNC240 # a small file
    data = zipped({"案例.doc": ole({"WordDocument": b"x"}), **{f"{n}.jpg": photo for n in range(5)}})
    verdict = judge(await measure(MemorySource(data), slots["case"]), slots["case"])
    assert {(f.rule, f.level, f.measured) for f in verdict.findings if not f.ok} == {
        ("images.count", "advice", "1"),
        ("file.resave", "advice", "doc"),
    }


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_empty_file_is_told_only_where_it_was_asked_for(method: int, slots: dict[str, Slot]) -> None:
    data = zipped({"片.mp4": b"", "说明.txt": b"", "图.jpg": b""}, method)
    verdict = judge(await measure(MemorySource(data), slots["video"]), slots["video"])
    broken = [(f.rule, f.file, f.measured) for f in verdict.findings if not f.ok and f.level == "required"]
    assert broken == [("file.blank", "片.mp4", "0 B")]
    assert "空文件" in next(f.message.zh for f in verdict.findings if f.rule == "file.blank")


@pytest.mark.parametrize("name", ["片.mp4", "片", "案例.docx"])
async def test_empty_file_alone_is_told(name: str, slots: dict[str, Slot]) -> None:
    slot = slots["video"].model_copy(update={"container": FileContainer(kind="file")})
    verdict = judge(await measure(MemorySource(b""), slot, name), slot)
    assert ("file.blank", name) in [(f.rule, f.file) for f in verdict.findings if not f.ok]


@pytest.mark.parametrize("cut", [200, 40, 6])
async def test_document_cut_short_is_a_document_all_the_same(cut: int, slots: dict[str, Slot]) -> None:
    case = slots["case"]
    data = docx("<w:p/>")[:-cut]
    alone = case.model_copy(update={"container": FileContainer(kind="file"), "rules": case.rules[:1]})
    for package, slot in ((zipped({"案例.docx": data}), case), (data, alone)):
        verdict = judge(await measure(MemorySource(package), slot, "案例.docx"), slot)
        wrong = [(f.rule, f.file) for f in verdict.findings if not f.ok and f.rule != "images.count"]
        assert wrong == [("file.truncated", "案例.docx")]


async def test_material_that_is_the_file_itself_is_judged_as_such(clip: Path, slots: dict[str, Slot]) -> None:
    slot = slots["video"].model_copy(update={"container": FileContainer(kind="file")})
    data = clip.read_bytes()  # noqa: ASYNC240 # a small file
    verdict = judge(await measure(MemorySource(data), slot, "片.mp4"), slot)
    assert [finding.rule for finding in verdict.findings if not finding.ok] == ["video.duration"]
    verdict = judge(await measure(MemorySource(zipped({"a.mp4": data})), slot, "片.zip"), slot)
    assert "video.format" in [finding.rule for finding in verdict.findings if not finding.ok]


async def test_more_videos_than_asked_for_are_not_all_read(clip: Path, slots: dict[str, Slot]) -> None:
    data = zipped({f"{n}.mp4": clip.read_bytes() for n in range(4)})  # noqa: ASYNC240 # a small file
    facts = await measure(MemorySource(data), slots["video"])
    assert [file.content is not None for file in facts.files or ()] == [True, True, False, False]
    assert judge(facts, slots["video"]).outcome == "fail"


SMALL = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="session")
def spoilable(folder: Path, clip: Path) -> list[tuple[str, bytes]]:
    """Packages small enough to be spoilt often."""
    names = ["case", "case-in-one", "case-small"]
    packages = [("case", make(kind, folder).read_bytes()) for kind in names]
    return [
        *packages,
        ("video", zipped({"片.mp4": clip.read_bytes()})),
        ("video", zipped({"片.mp4": clip.read_bytes()}, 8)),
    ]


@SMALL
@given(seed=st.integers(0, 2**32), flips=st.integers(0, 40), share=st.floats(0, 1), which=st.integers(0, 4))
async def test_spoilt_package_always_has_a_verdict(
    spoilable: list[tuple[str, bytes]], slots: dict[str, Slot], seed: int, flips: int, share: float, which: int
) -> None:
    chance = random.Random(seed)
    kind, whole = spoilable[which]
    data = bytearray(whole if seed % 3 else whole[: int(len(whole) * share)])
    for _ in range(flips if data else 0):
        near_end = chance.random() < 0.5
        at = chance.randrange(max(0, len(data) - 2000), len(data)) if near_end else chance.randrange(len(data))
        data[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, data[at] ^ (1 << chance.randrange(8))])
    verdict = judge(await measure(MemorySource(bytes(data)), slots[kind]), slots[kind])
    assert verdict.outcome in ("pass", "advice", "fail")


@SMALL
@given(seed=st.integers(0, 2**32), flips=st.integers(1, 12))
async def test_video_with_a_spoilt_index_always_has_a_verdict(
    clip: Path, slots: dict[str, Slot], seed: int, flips: int
) -> None:
    chance = random.Random(seed)
    data = bytearray(clip.read_bytes())  # noqa: ASYNC240 # a small file
    index = data.index(b"moov")
    for _ in range(flips):
        data[chance.randrange(index - 4, len(data))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
    verdict = judge(await measure(MemorySource(zipped({"片.mp4": bytes(data)})), slots["video"]), slots["video"])
    assert verdict.findings


@SMALL
@given(
    data=st.binary(max_size=3000),
    start=st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"\xff\xd8\xff", b"Rar!\x1a\x07", b"\0\0\0\x14ftypisom"]),
)
async def test_bytes_of_any_kind_have_a_verdict(data: bytes, start: bytes, slots: dict[str, Slot]) -> None:
    for slot in slots.values():
        assert judge(await measure(MemorySource(start + data), slot), slot).findings
        inside = zipped({"a.mp4": start + data, "b.jpg": start + data, "c.docx": start + data})
        assert judge(await measure(MemorySource(inside), slot), slot).outcome == "fail"
