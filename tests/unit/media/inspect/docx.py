"""Word documents with chosen content."""

import io
import zipfile
from collections.abc import Mapping
from typing import Final

import pytest

from services.media.inspect.documents import read_docx
from services.media.inspect.models import Damaged, Document
from services.media.inspect.zip import read_directory
from tests.data.make_packages import CONTENT_TYPES, WORD
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.memory import MemorySource

OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
OUTSIDE: Final = 'TargetMode="External"'
RELS: Final = "word/_rels/document.xml.rels"
SPACES: Final = (
    f'xmlns:w="{WORD}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:zz="urn:unknown"'
)
OPC: Final = "http://schemas.openxmlformats.org/package/2006/relationships"


def written(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(body: str, declared: str = "", media: Mapping[str, bytes] = {}) -> bytes:
    text = f'<?xml version="1.0" encoding="UTF-8"?>{declared}<w:document {SPACES}><w:body>{body}</w:body></w:document>'
    members: dict[str | bytes, bytes] = {
        "[Content_Types].xml": CONTENT_TYPES.encode(),
        "word/document.xml": text.encode(),
    }
    if media:
        members |= {f"word/media/{name}": data for name, data in media.items()}
        members[RELS] = related(*(("image", f"media/{name}", False) for name in media))
    return zipped(members, zipfile.ZIP_DEFLATED)


async def read(data: bytes) -> Document:
    source = MemorySource(data)
    return await read_docx(source, await read_directory(source))


async def refusal(data: bytes) -> str:
    with pytest.raises(Damaged) as refused:
        await read(data)
    return refused.value.code


def related(*references: tuple[str, str, bool]) -> bytes:
    """A part's references: (last word of the type, target, whether it is outside)."""
    rows = "".join(
        f'<Relationship Id="r{n}" Type="{OFFICE}/{kind}" Target="{target}" {OUTSIDE * outside}/>'
        for n, (kind, target, outside) in enumerate(references)
    )
    return f'<Relationships xmlns="{OPC}">{rows}</Relationships>'.encode()


def with_parts(data: bytes, parts: Mapping[str, bytes]) -> bytes:
    """The document with further parts."""
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def field(*codes: str) -> str:
    """A paragraph with a field of such code."""
    return f"<w:p>{inner(*codes)}</w:p>"


def inner(*codes: str, shows: str = "") -> str:
    """A field inside another one's code, which is what begins like an element; what it `shows` follows its code."""
    begin, separate, end = (f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>' for kind in ("begin", "separate", "end"))
    runs = "".join(code if code.startswith("<") else f"<w:r><w:instrText>{code}</w:instrText></w:r>" for code in codes)
    return begin + runs + (f"{separate}<w:r><w:t>{shows}</w:t></w:r>" if shows else "") + end
