"""What was checked is what is shown: made ready once its entry was approved, from the bytes that were pinned."""

import io
import struct
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from contracts.events.media import MaterialPublished
from contracts.events.review import ProvinceApproved
from contracts.rulebook import SHIPPED
from services.media.app import assemble_worker
from services.media.inspect.child import Done, End
from services.media.publish import making
from services.media.queue.working import Reading
from tests.chaos.scenarios import about_entry
from tests.data.make_exif import exif
from tests.data.make_packages import docx
from tests.service.media.conftest import Media, digest, package, submitted
from tests.service.media.test_second_look import TAKEN_BACK, TWO
from tests.service.media.test_sweeping import parts_of
from tests.support.factories import make

SECRET = "39.9042"
VIDEO = "          - kind: video\n"
BESIDE = """\
          - kind: document
            count: {level: advice, min: 1}
            format: {level: advice, any_of: [docx]}
          - kind: images
            count: {level: advice, min: 1}
            format: {level: advice, any_of: [jpg]}
"""


@pytest.fixture
def rulebooks(tmp_path: Path) -> Path:
    """The campaign with rules that advise, so that a small package passes, and that ask for a document and pictures
    with the video."""
    folder = tmp_path / "campaigns"
    folder.mkdir()
    lenient = (SHIPPED / "cloud-studio-2023.yaml").read_text().replace("{level: required, ", "{level: advice, ")
    (folder / "cloud-studio-2023.yaml").write_text(lenient.replace(VIDEO, BESIDE + VIDEO))
    return folder


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A package of a video, a picture that lies on its side and a document, each saying where it was made."""
    folder = tmp_path_factory.mktemp("shown")
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:d=1:r=25", "-c:v", "libx264", "-metadata", f"title={SECRET}",
           folder / "film.mp4")  # fmt: skip
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240", "-frames:v", "1", folder / "plain.jpg")
    docx(folder / "text.docx", ["桥为什么不怕水", "第二段"])
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.write(folder / "film.mp4", "成片.mp4")
        archive.writestr("照片.jpg", on_its_side((folder / "plain.jpg").read_bytes()))
        archive.write(folder / "text.docx", "说明.docx")
    return whole.getvalue()


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


def on_its_side(jpeg: bytes) -> bytes:
    """The picture with an EXIF block: orientation 6, and where it was taken as its description."""
    block = b"Exif\0\0" + exif(SECRET.encode())
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


async def approve(media: Media, entry: str) -> None:
    """Its province saw what lies in the entry now, and approved it."""
    found = media.api.database.materials.find({"entry": entry, "superseded_by": None})
    await media.hear(
        submitted(entry, *[row["_id"] async for row in found]),
        make(ProvinceApproved, about=about_entry(entry, attempt=1)),
    )


async def published(media: Media, entry: str) -> dict[str, dict[str, object]]:
    """By kind, what anybody is shown of an entry, with its bytes."""
    answer = await media.as_("frontend").get(f"/v1/entries/{entry}/published")
    files = {each["kind"]: each for each in answer.json()}
    async with httpx.AsyncClient() as web:
        for file in files.values():
            whole = await web.get(file["url"])
            part = await web.get(file["url"], headers={"range": "bytes=1-4"})
            file["bytes"], file["part"], file["sent as"] = whole.content, part.content, whole.headers["content-type"]
    return files


async def test_approved_material_is_shown_without_what_it_said_of_its_maker(media: Media, shown: bytes) -> None:
    entry = (await media.opened()).entry
    await media.uploaded(entry, shown)
    await media.settle()
    assert await published(media, entry) == {}
    await approve(media, entry)
    await media.settle()
    files = await published(media, entry)
    assert sorted(files) == ["picture", "poster", "text", "video"]
    for file in files.values():
        data = file["bytes"]
        assert isinstance(data, bytes)
        assert (digest(data), len(data), file["part"]) == (file["sha256"], file["size"], data[1:5])
        assert SECRET.encode() not in data
        assert file["sent as"] == file["type"]
    video, picture = files["video"]["bytes"], files["picture"]["bytes"]
    assert isinstance(video, bytes)
    assert isinstance(picture, bytes)
    assert video.index(b"moov") < video.index(b"mdat")
    assert size_of(picture) == (240, 320)
    assert files["text"]["bytes"] == "桥为什么不怕水\n第二段".encode()
    [told] = media.bus.told_of(MaterialPublished)
    assert (told.sha256, {file.kind for file in told.files}) == (digest(shown), set(files))


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height from the frame header (ITU T.81, B.2.2)."""
    at = jpeg.index(b"\xff\xc0")
    height, width = struct.unpack(">HH", jpeg[at + 5 : at + 9])
    return width, height


async def test_broken_film_nobody_asked_for_keeps_nothing_from_being_shown(media: Media, tmp_path: Path) -> None:
    docx(tmp_path / "text.docx", ["桥"])
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("成片.mp4", b"\0\0\0\x20ftypisom" + bytes(1000))
        archive.write(tmp_path / "text.docx", "说明.docx")
    entry = (await media.opened(track="case")).entry
    await media.uploaded(entry, whole.getvalue(), slot="case")
    await media.settle()
    await approve(media, entry)
    await media.settle()
    assert (sorted(await published(media, entry)), await media.held()) == (["text"], [])


async def test_material_approved_before_every_byte_was_read_is_shown_after(media: Media, shown: bytes) -> None:
    entry = (await media.opened()).entry
    await media.uploaded(entry, shown)
    await media.bus.settle()
    assert await assemble_worker(media.worker, media.settings, TWO).worker.step()
    await approve(media, entry)
    assert await media.api.database.jobs.count_documents({"task": "publish"}) == 0
    await media.settle(TWO)
    assert len(media.bus.told_of(MaterialPublished)) == 1


async def test_material_taken_back_is_never_shown(media: Media, shown: bytes) -> None:
    entry = (await media.opened()).entry
    await media.uploaded(entry, shown)
    await media.bus.settle()
    await approve(media, entry)
    await media.settle(TAKEN_BACK)
    assert (media.bus.told_of(MaterialPublished), await published(media, entry)) == ([], {})


async def test_package_overwritten_between_check_and_publication_is_not_shown(media: Media, shown: bytes) -> None:
    entry = (await media.opened()).entry
    await media.uploaded(entry, shown)
    await media.settle()
    [key] = await media.keys()
    async with httpx.AsyncClient() as web:
        url = media.store.presign_put(key, 60)
        (await web.put(url, content=shown.replace(b"testsrc", b"TESTSRC") + b"\0")).raise_for_status()
    await approve(media, entry)
    await media.settle()
    assert [reason.partition(":")[0] for reason in await media.held()] == ["object_changed"]
    assert (media.bus.told_of(MaterialPublished), await published(media, entry)) == ([], {})


@pytest.mark.parametrize("how", ["overwritten", "removed"])
async def test_published_file_that_is_not_what_was_published_is_not_shown(media: Media, shown: bytes, how: str) -> None:
    entry = (await media.opened()).entry
    await media.uploaded(entry, shown)
    await media.settle()
    await approve(media, entry)
    await media.settle()
    [told] = media.bus.told_of(MaterialPublished)
    text = next(file for file in told.files if file.kind == "text")
    await media.store.remove(text.object.key)
    if how == "overwritten":
        await media.store.put(text.object.key, io.BytesIO(bytes(text.size)), text.size, text.type)
    assert sorted(await published(media, entry)) == ["picture", "poster", "video"]


async def test_file_that_lies_where_one_is_to_be_published_is_not_taken_for_it(media: Media, shown: bytes) -> None:
    entry = (await media.opened()).entry
    material = await media.uploaded(entry, shown)
    await media.settle()
    words = "桥为什么不怕水\n第二段".encode()
    await media.store.put(f"published/{material}/{digest(words)}", io.BytesIO(bytes(len(words))), len(words), "x/y")
    await approve(media, entry)
    await media.settle()
    assert (await published(media, entry))["text"]["bytes"] == words


async def test_publication_cut_off_before_it_was_kept_is_done_again_and_leaves_nothing(
    media: Media, shown: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = (await media.opened()).entry
    material = await media.uploaded(entry, shown)
    await media.settle()
    await approve(media, entry)
    with monkeypatch.context() as patched:
        patched.setattr("chassis.crash.point", died)
        publishing = assemble_worker(media.worker, media.settings)
        job = await publishing.queue.claim("dead", {}, everything=True)
        assert job is not None
        with pytest.raises(SystemExit):
            await publishing.publishing.publish(job, Reading())
    await media.store.put(f"published/{material}/stray", io.BytesIO(b"x"), 1, "text/plain")
    await media.api.database.jobs.update_one({"_id": job.id}, {"$set": {"state": "waiting"}})
    await media.settle()
    [told] = media.bus.told_of(MaterialPublished)
    keys = {file.object.key for file in told.files}
    assert {item.key for item in await media.store.list(f"published/{material}/")} == keys | {
        f"published/{material}/stray"
    }
    await sweep_in_time_to_come(media)
    assert {item.key for item in await media.store.list(f"published/{material}/")} == keys | {
        f"published/{material}/stray"
    }
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    await media.api.database.jobs.update_one({"_id": job.id}, {"$set": {"finished_at": long_ago}})
    await sweep_in_time_to_come(media)
    assert {item.key for item in await media.store.list(f"published/{material}/")} == keys


async def sweep_in_time_to_come(media: Media) -> None:
    """Sweep as if all that lies in the store had lain there for long."""
    media.clock.set(media.clock.now().replace(year=2100))
    await parts_of(media).sweep.clear_orphans()


@pytest.mark.parametrize("state", ["waiting", "running", "paused", "held", "done", None])
async def test_files_of_a_publication_that_does_not_go_on_are_dropped(
    media: Media, shown: bytes, state: str | None
) -> None:
    entry = (await media.opened()).entry
    material = await media.uploaded(entry, shown)
    await media.settle()
    await approve(media, entry)
    if state is None:  # finished jobs are forgotten after a while
        await media.api.database.jobs.delete_many({"task": "publish"})
    await media.api.database.jobs.update_one({"task": "publish"}, {"$set": {"state": state}})
    await media.store.put(f"published/{material}/half", io.BytesIO(b"x"), 1, "text/plain")
    await sweep_in_time_to_come(media)
    goes_on = state in ("waiting", "running", "paused")
    assert len(await media.store.list(f"published/{material}/")) == goes_on


def died(point: str) -> None:
    if point == "stored":
        raise SystemExit


async def test_tool_that_dies_on_a_file_holds_that_material_and_no_other(
    media: Media, shown: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object, **__: object) -> Done:
        return Done(b"", End("ffmpeg", "signal", 11))

    first, second = (await media.opened()).entry, (await media.opened()).entry
    await media.uploaded(first, shown)
    await media.uploaded(second, package(1))
    await media.settle()
    monkeypatch.setattr(making, "run", killed)
    for entry in (first, second):
        await approve(media, entry)
    await media.settle()
    why = "not_presentable: The material passed and cannot be made ready: damaged: ffmpeg: signal 11."
    assert await media.held() == [why]
    assert [told.entry for told in media.bus.told_of(MaterialPublished)] == [second]
