"""Word documents: what counts as a character, and what is not read."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from contracts.rulebook.measures import Pixels
from services.media.inspect import bounds
from services.media.inspect.documents import count, read_docx
from services.media.inspect.models import Damaged, Document
from services.media.inspect.zip import read_directory
from tests.data.make_packages import CONTENT_TYPES, WORD
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.memory import MemorySource

SPACES = (
    f'xmlns:w="{WORD}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)


def written(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(body: str, declared: str = "", media: Mapping[str, bytes] = {}) -> bytes:
    text = f'<?xml version="1.0" encoding="UTF-8"?>{declared}<w:document {SPACES}><w:body>{body}</w:body></w:document>'
    members: dict[str | bytes, bytes] = {
        "[Content_Types].xml": CONTENT_TYPES.encode(),
        "word/document.xml": text.encode(),
    }
    members |= {f"word/media/{name}": data for name, data in media.items()}
    return zipped(members, zipfile.ZIP_DEFLATED)


async def read(data: bytes) -> Document:
    source = MemorySource(data)
    return await read_docx(source, await read_directory(source))


async def refusal(data: bytes) -> str:
    with pytest.raises(Damaged) as refused:
        await read(data)
    return refused.value.code


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("", 0),
        ("科技创新", 4),
        ("科技，创新。", 6),
        ("“双减”——加法…", 9),
        ("AI 人工智能 2023", 6),
        ("hello, world", 2),
        ("don't panic", 2),
        ("3.14", 1),
        ("用Python编程", 4),
        ("全角　空格\tTab\n换行", 7),
        ("（１２）ＡＢ", 6),
        ("e\u0301te\u0301", 1),
        ("零\u200b宽", 2),
    ],
)
def test_characters_are_counted_as_word_counts(text: str, characters: int) -> None:
    assert count(text) == characters


async def test_runs_of_a_paragraph_are_one_text_and_paragraphs_are_not() -> None:
    split = "<w:p><w:r><w:t>hel</w:t></w:r><w:r><w:t>lo</w:t></w:r></w:p>"
    assert (await read(docx(split + written("world")))).characters == 2


async def test_tables_and_text_boxes_count_once() -> None:
    table = f"<w:tbl><w:tr><w:tc>{written('one')}</w:tc><w:tc>{written('two')}</w:tc></w:tr></w:tbl>"
    inside = f"<w:txbxContent>{written('框')}</w:txbxContent>"
    box = (
        f"<w:p><w:r><mc:AlternateContent><mc:Choice Requires='wps'><wps:txbx>{inside}</wps:txbx></mc:Choice>"
        f"<mc:Fallback><w:pict>{inside}</w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert (await read(docx(table + box))).characters == 3


async def test_deleted_text_and_field_codes_do_not_count() -> None:
    deleted = "<w:del><w:r><w:delText>删去</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>移走</w:t></w:r></w:moveFrom>"
    field = "<w:r><w:instrText>PAGE</w:instrText></w:r>"
    assert (await read(docx(f"<w:p>{deleted}{field}</w:p>" + written("留下")))).characters == 2


async def test_pictures_inside_are_measured(jpeg: Path) -> None:
    photo = jpeg.read_bytes()  # noqa: ASYNC240 # a small file
    document = await read(
        docx(written("图"), media={"image1.jpeg": photo, "image2.png": b"\x89PNG\r\n\x1a\n", "x.jpg": b"?"})
    )
    assert [(picture.format, picture.shown) for picture in document.pictures] == [
        ("jpg", Pixels(1280, 960)),
        ("png", None),
        ("unknown", None),
    ]


async def test_document_type_is_refused_before_it_expands() -> None:
    laughs = '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    assert await refusal(docx(written("&b;"), laughs)) == "dtd"
    assert await refusal(docx(written("x"), '<!DOCTYPE w SYSTEM "file:///etc/passwd">')) == "dtd"


async def test_document_that_is_no_xml_or_lacks_its_text_is_damaged() -> None:
    assert await refusal(docx("<w:p>")) == "damaged"
    assert await refusal(zipped({"[Content_Types].xml": b"", "word/styles.xml": b""})) == "damaged"
    assert await refusal(docx("", "").replace(b"word/document.xml", b"word/documenu.xml")) == "damaged"


async def test_depth_and_length_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "<w:p>" * (bounds.DEPTH + 1) + "</w:p>" * (bounds.DEPTH + 1)
    assert await refusal(docx(deep)) == "absurd"
    monkeypatch.setattr(bounds, "ELEMENTS", 100)
    assert await refusal(docx("<w:p/>" * 101)) == "absurd"
    monkeypatch.setattr(bounds, "LETTERS", 100)
    assert await refusal(docx(written("长" * 101))) == "absurd"
    monkeypatch.setattr(bounds, "TEXT", 1000)
    assert await refusal(docx(written("长" * 1000))) == "absurd"


async def test_utf_16_is_read() -> None:
    text = (
        f'<?xml version="1.0" encoding="UTF-16"?><w:document {SPACES}><w:body>{written("文字")}</w:body></w:document>'
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("word/document.xml", text.encode("utf-16"))
    assert (await read(buffer.getvalue())).characters == 2
