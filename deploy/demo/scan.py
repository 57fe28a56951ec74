"""A stamped form as a scanner would give it: one page of PDF with the unit's name and a round red stamp."""

from math import cos, pi, sin
from typing import Final

FONTS: Final = (
    b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [6 0 R] >>",
    b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light "
    b"/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> /FontDescriptor 7 0 R >>",
    b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] "
    b"/ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
)
"""A Chinese font every PDF reader brings along (ISO 32000-1, 9.7.5.2), so that none is embedded."""
STAMP: Final = (420.0, 250.0, 62.0)
"""Middle and radius of the stamp, in points."""


def stamped_form(lines: tuple[str, ...]) -> bytes:
    """The PDF; different lines give different bytes."""
    content = ("\n".join([*_texts(lines), *_stamp(*STAMP)])).encode("ascii")
    page = (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>"
    )
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        *FONTS,
    )
    return _file(objects)


def _texts(lines: tuple[str, ...]) -> list[str]:
    shown = [f"1 0 0 1 72 {740 - 34 * at} Tm <{line.encode('utf-16-be').hex()}> Tj" for at, line in enumerate(lines)]
    return ["BT /F 18 Tf", *shown, "ET"]


def _stamp(x: float, y: float, r: float) -> list[str]:
    k = 0.5523 * r  # how far the handles of a quarter circle's Bézier curve reach
    circle = [
        f"{x + r} {y} m",
        f"{x + r} {y + k} {x + k} {y + r} {x} {y + r} c",
        f"{x - k} {y + r} {x - r} {y + k} {x - r} {y} c",
        f"{x - r} {y - k} {x - k} {y - r} {x} {y - r} c",
        f"{x + k} {y - r} {x + r} {y - k} {x + r} {y} c S",
    ]
    points = [(x + r / 2.6 * sin(4 * pi * n / 5), y + r / 2.6 * cos(4 * pi * n / 5)) for n in range(5)]
    star = [f"{px:.2f} {py:.2f} {'l' if at else 'm'}" for at, (px, py) in enumerate(points)]
    return ["0.85 0.1 0.1 RG 0.85 0.1 0.1 rg 3 w", *circle, *star, "f"]


def _file(objects: tuple[bytes, ...]) -> bytes:
    data, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(data))
    return data + head + tail
