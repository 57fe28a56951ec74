"""Old Office documents: known by what they hold, wherever in the file it is named."""

import pytest

from contracts.rulebook import Slot
from contracts.rulebook.material import FileContainer
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.memory import MemorySource
from tests.unit.media.inspect.ole import ole

WORD = b"\xec\xa5\xc1\0" + bytes(5000)
LOCKED = WORD[:11] + b"\x01" + WORD[12:]
FILLER = {f"stream {n}": b"" for n in range(20)}
DOCUMENTS = {
    "plain": (ole({"WordDocument": WORD}), "doc", "resave"),
    "named late": (ole({**FILLER, "WordDocument": WORD}), "doc", "resave"),
    "password": (ole({**FILLER, "WordDocument": LOCKED}), "doc", "encrypted"),
    "macros": (ole({"WordDocument": WORD, "Macros": b"", "VBA": b"", "dir": b""}), "doc", "macros"),
    "half": (ole({"WordDocument": WORD})[:-3000], "doc", "truncated"),
    "cut short": (ole({"WordDocument": WORD})[:1000], "doc", "truncated"),
    "docx with a password": (ole({**FILLER, "EncryptedPackage": bytes(5000)}), "docx", "encrypted"),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
async def test_old_document_is_known_by_what_it_holds(kind: str, slots: dict[str, Slot]) -> None:
    data, form, fault = DOCUMENTS[kind]
    facts = await measure(MemorySource(zipped({f"案例.{form}": data})), slots["case"])
    assert [file.format for file in facts.files or ()] == [form]
    assert [(each.code, each.file) for each in facts.faults] == [(fault, f"案例.{form}")]


@pytest.mark.parametrize("kind", DOCUMENTS)
async def test_old_document_alone_is_judged_the_same(kind: str, slots: dict[str, Slot]) -> None:
    data, form, fault = DOCUMENTS[kind]
    slot = slots["case"].model_copy(update={"container": FileContainer(kind="file"), "rules": slots["case"].rules[:1]})
    verdict = judge(await measure(MemorySource(data), slot, f"案例.{form}"), slot)
    assert [(each.rule, each.file) for each in verdict.findings if not each.ok] == [(f"file.{fault}", f"案例.{form}")]


async def test_spreadsheet_called_a_document_is_named(slots: dict[str, Slot]) -> None:
    facts = await measure(MemorySource(zipped({"案例.doc": ole({**FILLER, "Workbook": bytes(9)})})), slots["case"])
    assert [file.format for file in facts.files or ()] == ["xls"]
