"""Word documents: what counts as a character, and what is not read."""

import io
import zipfile
from pathlib import Path

import pytest

from contracts.rulebook.measures import Pixels
from services.media.inspect import bounds
from services.media.inspect.counting import count
from tests.data.make_packages import CONTENT_TYPES
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.docx import RELS, SPACES, docx, read, refusal, related, with_parts, written


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
        ("don’t panic’", 3),
        ("‘好’", 3),
        ("①②100℃×3", 6),
        ("café über", 2),
        ("ｱｲｳ", 3),
        ("𠮷野家", 3),
        ("👍", 1),
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
        docx(written("图"), media={"image1.jpeg": photo, "image2.png": b"\x89PNG\r\n\x1a\n", "x.jpg": b"\0?"})
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


async def test_notes_count_and_headers_and_comments_do_not() -> None:
    kinds = ("footnotes", "endnotes", "header", "footer", "comments")
    note = f'<w:footnote w:type="separator"><w:p/></w:footnote><w:footnote>{written("注释")}</w:footnote>'
    parts = {f"word/{kind}.xml": f"<w:x {SPACES}>{note}</w:x>".encode() for kind in kinds}
    parts[RELS] = related(*((kind, f"{kind}.xml", False) for kind in kinds))
    assert (await read(with_parts(docx(written("正文")), parts))).characters == 6


async def test_hidden_text_and_readings_do_not_count() -> None:
    hidden = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>看不见</w:t></w:r>"
    shown = '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>看见</w:t></w:r>'
    readings, base = "<w:rt><w:r><w:t>pinyin</w:t></w:r></w:rt>", "<w:rubyBase><w:r><w:t>字</w:t></w:r></w:rubyBase>"
    ruby = f"<w:r><w:ruby>{readings}{base}</w:ruby></w:r>"
    assert (await read(docx(f"<w:p>{hidden}{shown}{ruby}</w:p>"))).characters == 3


async def test_text_is_where_the_package_says() -> None:
    text = f"<w:document {SPACES}><w:body>{written('别处')}</w:body></w:document>".encode()
    rels = related(("officeDocument", "/word/document2.xml", False))
    members: dict[str | bytes, bytes] = {"[Content_Types].xml": CONTENT_TYPES.encode(), "_rels/.rels": rels}
    assert (await read(zipped({**members, "word/document2.xml": text}))).characters == 2
