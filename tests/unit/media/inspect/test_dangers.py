"""Word documents that run or load something when they are opened."""

import pytest

from tests.data.make_packages import CONTENT_TYPES
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.docx import RELS, SPACES, docx, field, inner, read, refusal, related, with_parts, written

CHART = "word/charts/_rels/chart1.xml.rels"
SETTINGS = "word/_rels/settings.xml.rels"
TEXT = written("好")
OLE = '<w:object xmlns:o="urn:schemas-microsoft-com:office:office"><o:OLEObject ProgID="Package"/></w:object>'
DDE_HEADER = f"<w:hdr {SPACES}>{field('DDE a b')}</w:hdr>".encode()
FIELDS = [
    (field("DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe"), [("dde", "DDEAUTO")]),
    (field("D", "DE", " excel a b"), [("dde", "DDE")]),
    (field(inner("QUOTE 68 68 69"), " excel"), [("dde", "DDE")]),
    (field(inner(' QUOTE "DDE" ', shows="DDE"), " excel"), [("dde", "DDE")]),
    (field(inner(' QUOTE "DDE" ', shows="harmless"), " excel"), [("dde", "DDE")]),
    (field(inner("QUOTE 65", shows="DDE"), " excel"), [("dde", "DDE")]),
    (field("<w:r><w:t>DDE</w:t></w:r>", " excel"), [("dde", "DDE")]),
    ('<w:p><w:fldSimple w:instr=" dde excel"><w:r><w:t>1</w:t></w:r></w:fldSimple></w:p>', [("dde", "DDE")]),
    (field("PAGE \\* MERGEFORMAT"), []),
    (field('INCLUDEPICTURE "https://example.org/a.png" \\* MERGEFORMAT'), [("linked", "INCLUDEPICTURE")]),
    (field('INCLUDETEXT "\\\\\\\\server\\\\a.docx"'), [("linked", "INCLUDETEXT")]),
    (field('INCLUDEPICTURE "D:\\\\a.png" \\* MERGEFORMAT \\d'), []),
    (
        field('INCLUDEPICTURE "', inner(" MERGEFIELD u ", shows="https://example.org/a.png"), '" \\d'),
        [("linked", "INCLUDEPICTURE")],
    ),
    ('<w:p><v:imagedata src="http://example.org/a.png"/></w:p>', [("linked", "imagedata")]),
    ('<w:p><v:imagedata src="cid:a.png"/><v:shape href="http://example.org"/></w:p>', []),
    (field('HYPERLINK "https://example.org"'), []),
    (field('LINK Excel.Sheet.12 "C:\\\\a.xlsx"'), [("ole", "LINK")]),
    (f"<w:p><w:r>{OLE}</w:r></w:p>", [("ole", "Package")]),
    ('<w:altChunk r:id="r1" xmlns:r="r"/>', [("altchunk", "altChunk")]),
]
REFERENCES = [
    (RELS, ("hyperlink", "https://example.org", True), None),
    (RELS, ("image", "media/a.png", False), None),
    (RELS, ("image", "file:///D:/a.png", True), None),
    (RELS, ("image", "file://localhost/Users/a.png", True), None),
    (RELS, ("image", "file://D:\\a.png", True), None),
    (RELS, ("image", "file://localhost.example.org/a.png", True), ("linked", "file://localhost.example.org/a.png")),
    (RELS, ("image", "https://example.org/a.png", True), ("linked", "https://example.org/a.png")),
    (RELS, ("image", "\\\\server\\a.png", True), ("linked", "\\\\server\\a.png")),
    (RELS, ("image", "cid:image001.png@01D9A1B2", True), None),
    (RELS, ("image", "data:image/png;base64,iVBORw0KGgo=", True), None),
    (RELS, ("image", "mhtml:file://C:\\a\\b.mht!image001.png", True), None),
    (CHART, ("oleObject", "file:///C:\\a.xlsx", True), None),
    (CHART, ("oleObject", "https://example.org/a.xlsx", True), ("linked", "https://example.org/a.xlsx")),
    (RELS, ("frame", "mhtml:https://example.org", True), ("linked", "mhtml:https://example.org")),
    (RELS, ("oleObject", "embeddings/oleObject1.bin", False), ("ole", "oleObject")),
    (RELS, ("control", "activeX/activeX1.xml", False), ("ole", "control")),
    (RELS, ("package", "embeddings/chart.xlsx", False), None),
    (RELS, ("aFChunk", "a.html", False), ("altchunk", "aFChunk")),
    (SETTINGS, ("attachedTemplate", "http://example.org/a.dotm", True), ("template", "http://example.org/a.dotm")),
    (SETTINGS, ("attachedTemplate", "file://///10.0.0.1/a.dotm", True), ("template", "file://///10.0.0.1/a.dotm")),
    (SETTINGS, ("attachedTemplate", "file:////Users/a/b.dotm", True), ("local-template", "file:////Users/a/b.dotm")),
    (SETTINGS, ("attachedTemplate", "file:////server/b.dotm", True), ("template", "file:////server/b.dotm")),
    (SETTINGS, ("attachedTemplate", "ht&#9;tps://example.org/a", True), ("template", "ht\ttps://example.org/a")),
    (SETTINGS, ("attachedTemplate", "file:///C:\\a\\b.dotm", True), ("local-template", "file:///C:\\a\\b.dotm")),
]


async def dangers(data: bytes) -> list[tuple[str, str]]:
    return [(danger.code, danger.measured) for danger in (await read(data)).dangers]


@pytest.mark.parametrize(("body", "found"), FIELDS)
async def test_field_or_object_that_runs_something_is_told(body: str, found: list[tuple[str, str]]) -> None:
    assert await dangers(docx(body)) == found


@pytest.mark.parametrize(("part", "reference", "found"), REFERENCES)
async def test_reference_that_loads_something_is_told(
    part: str, reference: tuple[str, str, bool], found: tuple[str, str] | None
) -> None:
    assert await dangers(with_parts(docx(TEXT), {part: related(reference)})) == ([found] if found else [])


async def test_field_in_a_header_is_told() -> None:
    header = {RELS: related(("header", "header1.xml", False)), "word/header1.xml": DDE_HEADER}
    assert await dangers(with_parts(docx(TEXT), header)) == [("dde", "DDE")]


async def test_macros_are_known_by_their_part_and_by_content_type() -> None:
    assert await dangers(with_parts(docx(TEXT), {"word/vbaProject.bin": b"\0"})) == [("macros", "vbaProject")]
    plain, with_macros = "openxmlformats-officedocument.wordprocessingml.document", "ms-word.document.macroEnabled"
    types = CONTENT_TYPES.replace(plain, with_macros).encode()
    renamed = zipped({"[Content_Types].xml": types, "word/document.xml": f"<w:document {SPACES}/>".encode()})
    assert await dangers(renamed) == [("macros", "vbaProject")]


async def test_macros_of_a_chart_s_workbook_or_in_a_name_alone_are_none() -> None:
    workbook = '<Default Extension="xlsm" ContentType="application/vnd.ms-excel.sheet.macroEnabled.12"/></Types>'
    members: dict[str | bytes, bytes] = {
        "[Content_Types].xml": CONTENT_TYPES.replace("</Types>", workbook).encode(),
        "word/document.xml": f"<w:document {SPACES}/>".encode(),
        "word/media/vbaProject.bin教程.png": b"",
    }
    assert await dangers(zipped(members)) == []
    assert await dangers(with_parts(zipped(members), {RELS: related(("vbaProject", "a.bin", False))})) == [
        ("macros", "vbaProject")
    ]


@pytest.mark.parametrize("name", ["word/styles.xml", RELS, "docProps/app.xml", "customXml/item1.xml"])
async def test_document_type_is_refused_in_any_part(name: str) -> None:
    laughs = b'<!DOCTYPE lolz [<!ENTITY a "ha">]><x>&a;</x>'
    assert await refusal(with_parts(docx(TEXT), {name: laughs})) == "dtd"


async def test_part_nobody_reads_need_not_be_xml() -> None:
    assert await dangers(with_parts(docx(TEXT), {"customXml/item1.xml": b"no xml"})) == []


async def test_object_is_told_once_by_its_name() -> None:
    rels = {RELS: related(("oleObject", "embeddings/oleObject1.bin", False))}
    assert await dangers(with_parts(docx(f"<w:p><w:r>{OLE}</w:r></w:p>"), rels)) == [("ole", "Package")]
