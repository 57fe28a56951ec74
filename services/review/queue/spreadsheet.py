"""The queue as CSV that spreadsheets open: UTF-8 with a byte order mark, headings in Chinese first."""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from services.review.queue.models import EntryLine, StudioLine
from services.review.screening.models import Kind

BOM = "\ufeff"
STATES = {"waiting": "待审核", "approved": "已通过", "returned": "已退回"}
VERDICTS = {"pass": "合格", "advice": "有建议", "unchecked": "检查中", "fail": "不合格"}
Column = tuple[str, Callable[[Any], object]]

PLACE: tuple[Column, ...] = (
    ("省代码 province", lambda line: line.province),
    ("市代码 city", lambda line: line.city),
    ("次数 attempt", lambda line: line.attempt),
    ("状态 state", lambda line: STATES[line.state]),
    ("提交时间(UTC) handed in", lambda line: line.handed_in_at.isoformat(timespec="seconds")),
    ("退回原因 reasons", lambda line: "；".join(reason.text for each in line.decisions for reason in each.reasons)),
)
COLUMNS: dict[Kind, tuple[Column, ...]] = {
    "studio": (
        ("编号 studio", lambda line: line.studio),
        ("工作室名称 name", lambda line: line.name),
        ("单位类别 unit kind", lambda line: line.unit_kind),
        *PLACE,
    ),
    "entry": (
        ("编号 entry", lambda line: line.entry),
        ("工作室名称 studio", lambda line: line.studio_name),
        ("标题 title", lambda line: line.title),
        ("活动 campaign", lambda line: line.campaign),
        ("申报类别 track", lambda line: line.track),
        ("主题 theme", lambda line: line.theme or ""),
        ("检查结果 verdict", lambda line: VERDICTS[line.verdict]),
        *PLACE,
    ),
}


async def written(kind: Kind, lines: AsyncIterator[StudioLine | EntryLine]) -> AsyncIterator[str]:
    """The file, piece by piece."""
    yield BOM + row(heading for heading, _ in COLUMNS[kind])
    async for line in lines:
        yield row(value(line) for _, value in COLUMNS[kind])


def row(cells: Iterable[object]) -> str:
    """One line. A cell a spreadsheet would run as a formula is made text by an apostrophe."""
    line = io.StringIO()
    csv.writer(line).writerow([_harmless(str(cell)) for cell in cells])
    return line.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
