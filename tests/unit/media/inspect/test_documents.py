"""Word documents: what counts as a character, and what is not read."""

import io
import re
import zipfile
from pathlib import Path

import pytest

from contracts.rulebook.measures import Pixels
from services.media.inspect import bounds, fields
from services.media.inspect.counting import count
from services.media.inspect.documents import read_text
from services.media.inspect.zip import read_directory
from tests.data.make_packages import CONTENT_TYPES
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.docx import RELS, SPACES, docx, field, inner, read, refusal, related, with_parts, written
from tests.unit.media.inspect.memory import MemorySource


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
        ("안녕하세요 세계", 2),
        ("中한국어。", 3),
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
    many = {
        "ELEMENTS": "<w:p/>" * 101,
        "ATTRIBUTES": '<w:p w:a="1" w:b="2"/>' * 51,
        "LETTERS": written("长" * 101),
        "FIELDS": field("PAGE") * 101,
        "CODES": field("PAGE" * 26),
        "TEXT": written("长" * 1000),
    }
    for name, body in many.items():
        with monkeypatch.context() as patched:
            patched.setattr(bounds, name, 1000 if name == "TEXT" else 100)
            assert await refusal(docx(body)) == "absurd"


async def test_fields_in_one_another_cost_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "QUOTE " + "A" * 40
    for _ in range(9):
        code = inner("QUOTE ", code)
    monkeypatch.setattr(bounds, "CODES", 300)
    assert await refusal(docx(f"<w:p>{code}</w:p>")) == "absurd"
    monkeypatch.setattr(bounds, "CODES", 1000)
    assert (await read(docx(f"<w:p>{code}</w:p>"))).characters == 0
    monkeypatch.setattr(fields, "NESTED", 8)
    assert await refusal(docx(f"<w:p>{code}</w:p>")) == "absurd"


async def test_parts_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    header = f"<w:hdr {SPACES}>{'<w:p/>' * 60}</w:hdr>".encode()
    names = [f"header{number}.xml" for number in range(2)]
    parts = {RELS: related(*(("header", name, False) for name in names)), **{f"word/{name}": header for name in names}}
    monkeypatch.setattr(bounds, "ELEMENTS", 100)
    assert await refusal(with_parts(docx(written("字")), parts)) == "absurd"
    monkeypatch.setattr(bounds, "ELEMENTS", 1000)
    monkeypatch.setattr(bounds, "REFERENCES", 1)
    assert await refusal(with_parts(docx(written("字")), parts)) == "absurd"


async def test_parts_that_say_nothing_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "ELEMENTS", 100)
    data = with_parts(docx(written("字")), {"customXml/item1.xml": b"<a>" + b"<b/>" * 200 + b"</a>"})
    assert (await read(data)).characters == 1
    assert await refusal(with_parts(data, {"customXml/item2.xml": b"<!--" + b" " * 70_000 + b"--><a/>"})) == "absurd"


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


@pytest.mark.parametrize(
    ("run", "characters"),
    [
        ("<w:rPr><w:rPrChange><w:rPr><w:vanish/></w:rPr></w:rPrChange></w:rPr>", 2),
        ('<w:rPr><w:vanish/><w:rPrChange><w:rPr><w:vanish w:val="0"/></w:rPr></w:rPrChange></w:rPr>', 0),
        ('<w:rPr><w:rStyle w:val="Hidden"/></w:rPr>', 0),
        ('<w:rPr><w:rStyle w:val="Based"/></w:rPr>', 0),
        ('<w:rPr><w:rStyle w:val="Shown"/></w:rPr>', 2),
        ('<w:rPr><w:rStyle w:val="Hidden"/><w:vanish w:val="0"/></w:rPr>', 2),
        ('<w:rPr><w:rStyle w:val="Circle"/></w:rPr>', 2),
    ],
)
async def test_formatting_that_holds_now_hides_text(run: str, characters: int) -> None:
    styles = {"Hidden": "<w:vanish/>", "Based": "", "Shown": '<w:vanish w:val="0"/>', "Circle": ""}
    based = {"Based": "Hidden", "Shown": "Hidden", "Circle": "Circle"}
    rows = "".join(
        f'<w:style w:type="character" w:styleId="{name}"><w:basedOn w:val="{based.get(name, "")}"/>'
        f"<w:rPr>{said}</w:rPr></w:style>"
        for name, said in styles.items()
    )
    parts = {
        RELS: related(("styles", "styles.xml", False)),
        "word/styles.xml": f"<w:styles {SPACES}>{rows}</w:styles>".encode(),
    }
    assert (await read(with_parts(docx(f"<w:p><w:r>{run}<w:t>文字</w:t></w:r></w:p>"), parts))).characters == characters


async def test_style_of_a_paragraph_hides_it_and_what_hangs_on_it() -> None:
    styles = '<w:style w:type="paragraph" w:default="1" w:styleId="N"><w:rPr><w:vanish/></w:rPr></w:style>'
    parts = {
        RELS: related(("styles", "styles.xml", False)),
        "word/styles.xml": f"<w:styles {SPACES}>{styles}</w:styles>".encode(),
    }
    named = '<w:p><w:pPr><w:pStyle w:val="Other"/><w:rPr><w:vanish/></w:rPr></w:pPr><w:r><w:t>看见</w:t></w:r></w:p>'
    box = f"<w:p><w:r><w:txbxContent>{named}</w:txbxContent><w:t>不见</w:t></w:r></w:p>"
    assert (await read(with_parts(docx(written("不见") + named + box), parts))).characters == 2


@pytest.mark.parametrize(
    ("body", "characters"),
    [
        (field(" IF ", inner(" MERGEFIELD x ", shows="内部值"), ' = "1" "a" "b"'), 0),
        (f"<w:p>{inner(' IF ', inner(' MERGEFIELD x ', shows='内部值'), ' = 1', shows='结果')}</w:p>", 2),
        (f"<w:p>{inner(' IF 1=1 ', '<w:r><w:t>代码中</w:t></w:r>', shows='结果')}</w:p>", 2),
        (f"<w:p>{inner(' TOC ', shows='目录')}</w:p>", 2),
        ('<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r></w:p>' + written("没有结束"), 4),
    ],
)
async def test_text_in_a_field_s_code_does_not_count(body: str, characters: int) -> None:
    assert (await read(docx(body))).characters == characters


async def test_field_in_what_is_not_shown_hides_nothing_that_is() -> None:
    marks = [f'<w:del><w:r><w:fldChar w:fldCharType="{kind}"/></w:r></w:del>' for kind in ("begin", "end")]
    assert (await read(docx(f"<w:p>{marks[0]}<w:r><w:t>看见</w:t></w:r>{marks[1]}</w:p>"))).characters == 2


@pytest.mark.parametrize(
    ("versions", "characters"),
    [
        ("<mc:Choice Requires='wps'>一</mc:Choice><mc:Fallback>二二</mc:Fallback>", 1),
        ("<mc:Choice Requires='zz'>一</mc:Choice><mc:Fallback>二二</mc:Fallback>", 2),
        ("<mc:Choice Requires='wps zz'>一</mc:Choice><mc:Fallback>二二</mc:Fallback>", 2),
        ("<mc:Choice Requires='zz'>一</mc:Choice><mc:Choice Requires='wps'>三三三</mc:Choice>", 3),
        ("<mc:Choice Requires='nowhere'>一</mc:Choice>", 0),
        ("<mc:Choice Requires='wps'>一</mc:Choice><mc:Choice Requires='wps'>三三三</mc:Choice>", 1),
        ("<mc:Fallback>二二</mc:Fallback>", 2),
    ],
)
async def test_the_version_that_is_shown_counts(versions: str, characters: int) -> None:
    shown = re.sub(r">(\w+)<", r"><w:t>\1</w:t><", versions)
    body = f"<w:p><w:r><mc:AlternateContent>{shown}</mc:AlternateContent></w:r></w:p>"
    assert (await read(docx(body))).characters == characters


async def test_tabs_part_words_and_symbols_are_letters() -> None:
    assert (await read(docx("<w:p><w:r><w:t>left</w:t><w:ptab/><w:t>right</w:t></w:r></w:p>"))).characters == 2
    assert (await read(docx('<w:p><w:r><w:t>科</w:t><w:sym w:char="F0FC"/><w:t>技</w:t></w:r></w:p>'))).characters == 3


async def test_pictures_count_where_the_text_refers_to_them() -> None:
    photos = {"media/a.jpg": b"1", "word/b.jpg": b"2", "word/media/c.jpg": b"3", "word/media/orphan.jpg": b"4"}
    shown = related(("image", "/media/a.jpg", False), ("image", "b.jpg", False), ("footnotes", "footnotes.xml", False))
    notes = {
        "word/footnotes.xml": f"<w:footnotes {SPACES}/>".encode(),
        "word/_rels/footnotes.xml.rels": related(("image", "media/c.jpg", False)),
    }
    document = await read(with_parts(docx(written("图")), {**photos, **notes, RELS: shown}))
    assert [each.name for each in document.pictures] == ["media/a.jpg", "word/b.jpg", "word/media/c.jpg"]


async def test_pictures_of_a_text_that_refers_to_nothing_are_those_where_pictures_lie() -> None:
    text = f"<w:document {SPACES}><w:body>{written('图')}</w:body></w:document>".encode()
    document = await read(zipped({"word/document.xml": text, "word/media/a.jpg": b"1", "word/b.jpg": b"2"}))
    assert [each.name for each in document.pictures] == ["word/media/a.jpg"]


async def test_text_is_where_the_package_says() -> None:
    text = f"<w:document {SPACES}><w:body>{written('别处')}</w:body></w:document>".encode()
    rels = related(("officeDocument", "/word/document2.xml", False))
    members: dict[str | bytes, bytes] = {"[Content_Types].xml": CONTENT_TYPES.encode(), "_rels/.rels": rels}
    data = zipped({**members, "word/document2.xml": text})
    assert (await read(data)).characters == 2
    assert (await read_text(MemorySource(data), await read_directory(MemorySource(data)))).strip() == "别处"
