"""What a file is, by its first bytes; the extension is believed only where they do not tell."""

from typing import Final

from services.media.inspect.models import Family
from services.media.inspect.names import extension

LOOK: Final = 4096
"""Bytes that are enough to tell."""
SIGNS: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"PK\3\4", "zip"), (0, b"PK\5\6", "zip"), (0, b"PK\7\x08", "zip"), (0, b"Rar!\x1a\x07", "rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"), (0, b"\x1f\x8b", "gz"), (0, b"BZh", "bz2"), (0, b"\xfd7zXZ\0", "xz"),
    (257, b"ustar", "tar"), (0, b"\xff\xd8\xff", "jpg"), (0, b"\x89PNG\r\n\x1a\n", "png"), (0, b"GIF8", "gif"),
    (0, b"BM", "bmp"), (0, b"II*\0", "tif"), (0, b"MM\0*", "tif"), (8, b"WEBP", "webp"), (0, b"%PDF-", "pdf"),
    (0, b"{\\rtf", "rtf"), (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"), (8, b"AVI ", "avi"),
    (0, b"\x1aE\xdf\xa3", "mkv"), (0, b"OggS", "ogv"), (0, b"\0\0\0\x0cjP  ", "jp2"), (0, b"\0\0\0\x0cJXL ", "jxl"),
    (0, b"\xff\x0a", "jxl"), (0, b"8BPS", "psd"), (0, b"0&\xb2u\x8ef\xcf\x11", "wmv"), (0, b"FLV\1", "flv"),
    (0, b"\0\0\1\xba", "mpg"), (0, b"\0\0\1\xb3", "mpg"), (0, b".RMF", "rmvb"), (0, b"MZ", "exe"),
    (0, b"\x7fELF", "exe"), (0, b"ID3", "mp3"), (8, b"WAVE", "wav"), (0, b"ftyp", ""), (0, b"RE~^", "rar"),
    (7, b"**ACE**", "ace"), (2, b"-lh", "lzh"), (0, b"\x60\xea", "arj"), (0, b"MSCF", "cab"), (0, b"(\xb5/\xfd", "zst"),
)  # fmt: skip
BRANDS: Final = {
    b"qt  ": "mov", b"M4A ": "m4a", b"M4B ": "m4a", b"heic": "heic", b"heix": "heic", b"mif1": "heic", b"msf1": "heic",
    b"heim": "heic", b"heis": "heic", b"hevc": "heic", b"hevx": "heic", b"avif": "avif", b"avis": "avif",
    b"crx ": "cr3", b"f4v ": "f4v",
}  # fmt: skip
"""Major brands that are no mp4."""
PADDING: Final = frozenset({b"free", b"skip", b"wide", b"uuid"})
"""What may come before a movie says what it is."""
BOXES: Final = PADDING | {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"pnot", b"sidx"}
"""What a movie may begin with."""
TEXTS: Final = (
    (b"#extm3u", "m3u8"), (b"ffconcat version", "ffconcat"), (b"[playlist]", "pls"), (b"[internetshortcut]", "url"),
    (b"<mpd", "mpd"), (b"<svg", "svg"), (b"<smil", "smil"), (b"word.document", "xml"), (b"<!doctype html", "html"),
    (b"<html", "html"), (b"<head", "html"), (b"<body", "html"), (b"mime-version:", "mht"), (b"<?xml", "xml"),
)  # fmt: skip
"""What tells texts apart, in the order it is looked for among their first letters."""
TEXT_LOOK: Final = 512
OPEN: Final = ((b"vnd.oasis.opendocument.text", "odt"), (b"epub+zip", "epub"), (b"vnd.oasis.opendocument", "odf"))
"""What the first member of an open document says it is (OpenDocument 1.3, part 2, 3.3)."""
PAGES: Final = b"Index/Document.iwa"
MOVIES: Final = frozenset({"mp4", "mov", "3gp", "m4a"})
"""Formats made of boxes (ISO/IEC 14496-12)."""
DEEP: Final = MOVIES | {"jpg", "png", "zip", "ole"}
"""Formats that are ever read beyond their first bytes; of any other those say all there is to know."""
OFFICE: Final = ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx"))
FAMILIES: Final[dict[Family, frozenset[str]]] = {
    "video": frozenset(
        {"mp4", "mov", "m4v", "avi", "mkv", "webm", "wmv", "asf", "flv", "f4v", "mpg", "mpeg", "ts", "mts", "m2ts"}
        | {"rm", "rmvb", "3gp", "vob", "ogv", "m3u8"}
    ),
    "document": frozenset({"docx", "doc", "wps", "pdf", "rtf", "odt", "pages", "docm", "dot", "dotx"}),
    "images": frozenset({"jpg", "png", "gif", "bmp", "tif", "webp", "heic", "avif", "psd", "svg", "cr3", "jp2", "jxl"}),
    "archive": frozenset({"zip", "rar", "7z", "gz", "bz2", "xz", "tar", "zst", "cab", "ace", "arj", "lzh"}),
}
OFFICE_NAMES: Final = FAMILIES["document"] | {"xlsx", "xlsm", "xls", "pptx", "pptm", "ppt"}
SPELT: Final = {"jpeg": "jpg", "jpe": "jpg", "jfif": "jpg", "tiff": "tif", "tgz": "gz", "heif": "heic"}


def claimed(name: str) -> str:
    """The format a name's extension claims; empty where there is none."""
    return SPELT.get(extension(name), extension(name))


def looks_like(kind: str, name: str) -> str:
    """What to call a zip or an OLE file that cannot be looked into: the document its name says, if it says one."""
    return claimed(name) if kind in ("zip", "ole") and claimed(name) in OFFICE_NAMES else kind


def format_of(first: bytes, name: str) -> str:
    """The format as a lower-case extension: `mp4`, `jpg`, `zip`; `unknown` where neither bytes nor name tell. Office
    documents look like any `zip` or `ole` here; `office` and `ole` tell them apart."""
    said = claimed(name)
    if first[4:8] in BOXES:
        return _movie(first, said)
    for at, sign, kind in SIGNS:
        if kind and first.startswith(sign, at):
            return _narrower(kind, first)
    if first[:1] == b"\x47" and first[188:189] == b"\x47":
        return "ts"
    if first[4:5] == b"\x47" and first[196:197] == b"\x47":
        return "m2ts"
    known = {kind for _, _, kind in SIGNS} | {"mp4", "mov", "docx", "doc"}
    if said in known or not said:
        return text_kind(first) or "unknown"
    return said if said.isascii() and said.isalnum() and len(said) <= 8 else "unknown"


def _narrower(kind: str, first: bytes) -> str:
    """Formats that begin alike told apart: Matroska by the kind it names itself, open documents by their type."""
    if kind == "mkv":
        return "webm" if b"\x42\x82\x84webm" in first[:64] else "mkv"
    if kind == "zip" and first[30:38] == b"mimetype":
        return next((each for sign, each in OPEN if sign in first[38:120]), "zip")
    return kind


def text_kind(first: bytes) -> str:
    """What a text is by how it begins; nothing where it is no text."""
    begins = first[:TEXT_LOOK].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not begins or any(byte < 32 and byte not in b"\t\r\n\f" for byte in begins):
        return ""
    return next((kind for sign, kind in TEXTS if sign in begins.lower()), "txt")


def _movie(first: bytes, said: str) -> str:
    """By brand (ISO/IEC 14496-12, 4.3), which may come after some padding, and after so much that it is taken for what
    its name `said`. A QuickTime file that also promises to be an mp4 is one, and so is a phone's."""
    at = 0
    while first[at + 4 : at + 8] in PADDING and (size := int.from_bytes(first[at : at + 4], "big")) >= 8:
        at += size
    if at >= len(first) and said in MOVIES:
        return said
    if first[at + 4 : at + 8] not in (b"ftyp", b"styp"):
        return "mov"
    first = first[at:]
    length = min(int.from_bytes(first[:4], "big"), len(first))
    brands = [first[8:12], *(first[at : at + 4] for at in range(16, length - 3, 4))]
    kind = BRANDS.get(brands[0]) or ("3gp" if brands[0][:2] == b"3g" else "mp4")
    promises = {"mov": (b"iso", b"mp4", b"avc"), "3gp": (b"mp4",)}.get(kind, ())
    return "mp4" if any(brand[:3] in promises for brand in brands) else kind


def office(names: set[bytes]) -> str:
    """What a zip is by the names of its members: an office document has its content types at the top. Old tools write
    backslashes, and no case matters."""
    if PAGES in names:
        return "pages"
    paths = {name.replace(b"\\", b"/").lower() for name in names}
    if b"[content_types].xml" in paths:
        for folder, kind in OFFICE:
            if any(path.startswith(folder) for path in paths):
                return kind
    return "zip"


def family_of(kind: str, name: str) -> Family:
    """The kind of part a file is, by its format; by its name's extension where the format is none of any part, so that
    a text called a video is a wrong video and not a missing one. An archive called a document is a spoilt one."""
    said = claimed(name)
    said = "" if said in FAMILIES["archive"] else said
    spoilt = kind in FAMILIES["archive"] and said in FAMILIES["document"]
    tellers = (said,) if spoilt or kind in ("unknown", "ole") else (kind, said)
    return next((family for each in tellers for family, kinds in FAMILIES.items() if each in kinds), "other")
