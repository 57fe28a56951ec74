"""Files that are not what their names say."""

import io
import zipfile
from pathlib import Path

import pytest

from contracts.rulebook import Slot
from contracts.rulebook.material import FileContainer
from services.media.inspect.formats import LOOK, family_of, format_of
from services.media.inspect.kinds import KINDS, WAYS
from services.media.inspect.models import Document
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from tests.data.make_packages import CONTENT_TYPES, ffmpeg
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.atoms import box
from tests.unit.media.inspect.docx import SPACES, docx, related, with_parts, written
from tests.unit.media.inspect.memory import MemorySource
from tests.unit.media.inspect.ole import ole

PICTURE = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=0.4"]
FILMS = {
    "webm": ["-c:v", "libvpx", "-f", "webm"],
    "mkv": ["-c:v", "mpeg4", "-f", "matroska"],
    "avi": ["-c:v", "mpeg4", "-f", "avi"],
    "flv": ["-c:v", "flv1", "-f", "flv"],
    "wmv": ["-c:v", "wmv2", "-f", "asf"],
    "ts": ["-c:v", "mpeg2video", "-f", "mpegts"],
    "m2ts": ["-c:v", "mpeg2video", "-f", "mpegts", "-mpegts_m2ts_mode", "1"],
    "mpg": ["-c:v", "mpeg2video", "-r", "25", "-f", "mpeg"],
    "ogv": ["-c:v", "libtheora", "-f", "ogg"],
    "mov": ["-c:v", "mpeg4", "-f", "mov"],
    "3gp": ["-c:v", "mpeg4", "-f", "3gp"],
}
PICTURES = {
    "png": ["-c:v", "png", "-f", "image2pipe"],
    "bmp": ["-c:v", "bmp", "-f", "image2pipe"],
    "gif": ["-f", "gif"],
    "tif": ["-c:v", "tiff", "-f", "image2pipe"],
    "webp": ["-c:v", "libwebp", "-f", "webp"],
    "jp2": ["-c:v", "libopenjpeg", "-f", "image2pipe", "-format", "jp2"],
    "avif": ["-c:v", "libaom-av1", "-cpu-used", "8", "-still-picture", "1", "-f", "avif"],
}
TEXTS = {
    "m3u8": b"#EXTM3U\n#EXTINF:10,\nhttps://example.org/a.ts\n",
    "ffconcat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "mpd": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>',
    "url": b"[InternetShortcut]\r\nURL=https://example.org\r\n",
    "txt": "视频链接".encode("gbk") + b" https://example.org/a.mp4",
    "html": b"\xef\xbb\xbf<!DOCTYPE html><html><body>x</body></html>",
}


@pytest.mark.parametrize("kind", FILMS)
async def test_film_of_another_format_is_named(kind: str, folder: Path, slots: dict[str, Slot]) -> None:
    film = ffmpeg(*PICTURE, *FILMS[kind], folder / f"disguised-{kind}.bin").read_bytes()
    verdict = judge(await measure(MemorySource(zipped({"片.mp4": film})), slots["video"]), slots["video"])
    [finding] = [finding for finding in verdict.findings if finding.rule == "video.format"]
    assert (finding.ok, finding.measured, finding.expected) == (False, kind, "mp4")
    assert KINDS[kind].zh in finding.message.zh
    assert KINDS[kind].en in finding.message.en
    assert finding.mend.zh == WAYS[KINDS[kind].way].zh.format(asked="mp4")


@pytest.mark.parametrize("kind", TEXTS)
async def test_text_called_a_video_is_a_wrong_video(kind: str, slots: dict[str, Slot]) -> None:
    verdict = judge(await measure(MemorySource(zipped({"片.mp4": TEXTS[kind]})), slots["video"]), slots["video"])
    assert [f.measured for f in verdict.findings if f.rule == "video.format"] == [kind]
    assert [f.ok for f in verdict.findings if f.rule == "video.count"] == [True]


@pytest.mark.parametrize(
    ("name", "slot", "data", "rule", "kind"),
    [
        ("案例.docx", "case", b"\x89PNG\r\n\x1a\n" + bytes(50), "document.format", "png"),
        ("片.mp4", "video", b"\xff\xd8\xff\xe0" + bytes(50), "video.format", "jpg"),
        ("片.mp4", "video", zipped({"片.mp4": b"x"}), "video.format", "zip"),
    ],
)
async def test_file_of_another_kind_under_the_only_name_asked_for_is_named(
    name: str, slot: str, data: bytes, rule: str, kind: str, slots: dict[str, Slot]
) -> None:
    verdict = judge(await measure(MemorySource(zipped({name: data})), slots[slot]), slots[slot])
    assert [(f.measured, f.file) for f in verdict.findings if f.rule == rule and not f.ok] == [(kind, name)]


@pytest.mark.parametrize(
    ("data", "kind"), [(b"%PDF-1.4 ", "pdf"), (b"\0\0\0\x18ftypmp42", "mp4"), (zipped({"a": b"b"}), "zip")]
)
@pytest.mark.parametrize("photos", [4, 5])
async def test_file_that_calls_itself_a_picture_is_named_where_pictures_are_too_few(
    data: bytes, kind: str, photos: int, jpeg: Path, slots: dict[str, Slot]
) -> None:
    photo = jpeg.read_bytes()  # noqa: ASYNC240 # a small file
    files: dict[str | bytes, bytes] = {f"{n}.jpg": photo + bytes(n) for n in range(photos)}
    package = MemorySource(zipped(files | {"照片.jpg": data + bytes(99)}))
    verdict = judge(await measure(package, slots["case"]), slots["case"])
    told = [f for f in verdict.findings if f.rule == "images.format" and not f.ok]
    assert [(f.measured, f.file, f.level) for f in told] == ([(kind, "照片.jpg", "advice")] if photos < 5 else [])
    assert all("它的内容其实是" in f.message.zh for f in told)
    assert photos == 5 or [f.measured for f in verdict.findings if f.rule == "container.others"] == ["0"]


@pytest.mark.parametrize("kind", PICTURES)
def test_picture_of_another_format_is_known(kind: str, folder: Path) -> None:
    data = ffmpeg(*PICTURE, "-frames:v", "1", *PICTURES[kind], folder / f"picture-{kind}.bin").read_bytes()
    assert (format_of(data, "图.jpg"), family_of(kind, "图.jpg")) == (kind, "images")


def opened(kind: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", b"application/vnd.oasis.opendocument." + kind)
        archive.writestr("content.xml", b"<x/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (opened(b"text"), "案例.docx", "odt"),
        (opened(b"spreadsheet"), "案例.docx", "odf"),
        (b"{\\rtf1\\ansi x}", "案例.docx", "rtf"),
        (b"%PDF-1.7\n", "案例.docx", "pdf"),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related", "案例.docx", "mht"),
        (b'<?xml version="1.0"?><?mso-application progid="Word.Document"?><w/>', "案例.docx", "xml"),
        (zipped({"Index/Document.iwa": b"x"}), "案例.docx", "pages"),
        (zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "案例.docx", "xlsx"),
        (b"MZ\x90\0\3\0", "案例.docx", "exe"),
        (bytes(5000), "案例.docx", "unknown"),
        (bytes(5000), "案例.doc", "unknown"),
        (b"\x01\xfe" * 2000, "案例.doc", "unknown"),
        ("你好".encode(), "案例.doc", "txt"),
        (b"{\\rtf1\\ansi x}", "案例.doc", "rtf"),
        (b"<html><body>x</body></html>", "案例.doc", "html"),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related", "案例.doc", "mht"),
        (b'<?xml version="1.0"?><?mso-application progid="Word.Document"?><w/>', "案例.doc", "xml"),
    ],
)
async def test_document_of_another_format_is_a_wrong_document(
    data: bytes, name: str, kind: str, slots: dict[str, Slot]
) -> None:
    verdict = judge(await measure(MemorySource(zipped({name: data})), slots["case"]), slots["case"])
    assert [(f.ok, f.measured) for f in verdict.findings if f.rule == "document.format"] == [(False, kind)]
    assert [f.level for f in verdict.findings if f.rule == "images.count"] == ["required"]
    assert verdict.outcome == "fail"


@pytest.mark.parametrize(
    ("data", "broken", "mend"),
    [
        (docx("<w:p>" * 300), "file.absurd", "复制"),
        (docx(written("文字"))[:-20], "file.truncated", "另存为"),
        (docx("<w:p>"), "file.damaged", "另存为"),
        (zipped({"a.txt": b"x"}), "document.format", "另存为"),
        (b"\0" * 5000, "document.format", "能否打开"),
        (with_parts(docx(written("文字")), {"../../a.txt": b""}), "file.path", "另存为"),
        (ole({"EncryptedPackage": bytes(5000)}), "file.encrypted", "保护文档"),
    ],
)
async def test_spoilt_document_is_mended_in_word(data: bytes, broken: str, mend: str, slots: dict[str, Slot]) -> None:
    case = slots["case"]
    package = zipped({"案例.docx": data})
    alone = case.model_copy(update={"container": FileContainer(kind="file"), "rules": case.rules[:1]})
    for source, slot in ((package, case), (data, alone)):
        verdict = judge(await measure(MemorySource(source), slot, "案例.docx"), slot)
        told = [f for f in verdict.findings if not f.ok and f.rule != "images.count"]
        assert [finding.rule for finding in told] == [broken]
        assert mend in told[0].mend.zh


async def test_password_of_the_archive_is_not_the_document_s(slots: dict[str, Slot]) -> None:
    locked = bytearray(zipped({"案例.docx": docx(written("文字"))}))
    locked[6] |= 1
    locked[locked.rindex(b"PK\1\2") + 8] |= 1
    verdict = judge(await measure(MemorySource(bytes(locked)), slots["case"]), slots["case"])
    assert ["保护文档" in f.mend.zh for f in verdict.findings if f.rule == "file.encrypted"] == [False]


@pytest.mark.parametrize(
    "names",
    [
        ("[Content_Types].xml", "_rels/.rels", "Word/Document.xml"),
        ("[Content_Types].xml", "_rels\\.rels", "word\\document.xml"),
        ("[Content_Types].xml", "_rels/.rels", "doc/main.xml"),
        ("[Content_Types].xml", "_rels/.rels", "main.xml"),
    ],
)
async def test_document_is_one_wherever_its_text_lies(names: tuple[str, ...], slots: dict[str, Slot]) -> None:
    contents = [CONTENT_TYPES.encode(), related(("officeDocument", names[2].replace("\\", "/"), False))]
    text = f"<w:document {SPACES}><w:body>{written('文字')}</w:body></w:document>".encode()
    data = zipped(dict(zip(names, [*contents, text], strict=True)))
    facts = await measure(MemorySource(zipped({"案例.docx": data})), slots["case"])
    [file] = facts.files or ()
    assert (file.format, facts.faults) == ("docx", ())
    assert isinstance(file.content, Document)
    assert file.content.characters == 2


def branded(*brands: bytes) -> bytes:
    return box(b"ftyp", brands[0] + bytes(4) + b"".join(brands[1:])) + box(b"mdat", bytes(50))


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (branded(b"3gp4", b"isom", b"mp42"), "片.mp4", "mp4"),
        (branded(b"3gp5", b"mp41"), "片.mp4", "mp4"),
        (branded(b"3gp6", b"isom", b"iso2", b"avc1"), "片.mp4", "3gp"),
        (branded(b"qt  ", b"isom"), "片.mp4", "mp4"),
        (branded(b"qt  "), "片.mp4", "mov"),
        (box(b"uuid", bytes(100)) + branded(b"isom"), "片.mp4", "mp4"),
        (box(b"uuid", bytes(100)) + branded(b"qt  "), "片.mp4", "mov"),
        (box(b"free", bytes(LOOK)) + branded(b"isom"), "片.mp4", "mp4"),
        (box(b"free", bytes(LOOK)) + branded(b"isom"), "片.mov", "mov"),
        (box(b"free", bytes(LOOK)) + branded(b"isom"), "片.dat", "mov"),
    ],
)
def test_movie_is_what_its_brands_say_wherever_they_come(data: bytes, name: str, kind: str) -> None:
    assert format_of(data[:LOOK], name) == kind
