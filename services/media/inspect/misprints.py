"""What the same faults mean where they lie inside a document, and how to mend it in Word. Chinese first."""

from typing import Final

from services.media.inspect.blemished import PICTURES
from services.media.inspect.models import Family, Fault, FaultCode
from services.media.inspect.spoilt import FAULTS
from services.media.inspect.troubles import PACKING, Trouble

ANEW: Final = (
    "请用 Word 或 WPS 打开原文件，点“文件→另存为”，存为新的“Word 文档(*.docx)”，再重新打包上传。",
    "Open the original in Word or WPS, save it as a new Word Document (*.docx), pack and upload that.",
)
DOCUMENTS: Final[dict[FaultCode, Trouble]] = {
    **{
        code: Trouble(
            "required",
            f"的内部结构有误（{code}: {{measured}}），未检查",
            f"is faulty inside ({code}: {{measured}}) and was not checked",
            *ANEW,
        )
        for code in PACKING
    },
    "truncated": PACKING["truncated"]._replace(mend_zh=ANEW[0], mend_en=ANEW[1]),
    "damaged": PACKING["damaged"]._replace(mend_zh=ANEW[0], mend_en=ANEW[1]),
    "encrypted": Trouble(
        "required",
        "设有打开密码（{measured}），无法检查",
        "opens with a password only ({measured}) and cannot be checked",
        "请在 Word 中打开，点“文件→信息→保护文档→用密码进行加密”，清空密码后保存（WPS：“文件→文档加密→密码加密”），"
        "再重新打包上传。",
        "Open it in Word, choose File, Info, Protect Document, Encrypt with Password, clear the password, save it and "
        "pack it again.",
        expected="no password",
    ),
    "absurd": Trouble(
        "required",
        "的内容大得或复杂得异常（{measured}），未检查",
        "is absurdly large or complex inside ({measured}) and was not checked",
        "请在 Word 或 WPS 中新建空白文档，把内容全选复制过去（粘贴时选“只保留文本”），另存为 docx 后重新打包上传。",
        "Copy the content into a new empty document, keeping the text only, save it as docx and pack it again.",
    ),
}


def trouble_of(fault: Fault, family: Family | None) -> Trouble:
    """What a fault means where it lies, and in what kind of file."""
    inside = DOCUMENTS if fault.inside == "document" else PICTURES if family == "images" else {}
    return inside.get(fault.code) or FAULTS[fault.code]
