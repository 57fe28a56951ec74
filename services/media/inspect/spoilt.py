"""The same of what videos, documents and pictures hold."""

from typing import Final

from services.media.inspect.models import FaultCode
from services.media.inspect.troubles import PACKING, Trouble

EXPORT: Final = (
    "请用剪辑软件重新导出 mp4 后打包上传。",
    "Export the mp4 again from the editing program, pack and upload it.",
)
CONTENTS: Final[dict[FaultCode, Trouble]] = {
    "blank": Trouble(
        "required",
        "是空文件（{measured}）",
        "is an empty file ({measured})",
        "请检查原文件能否正常打开，重新放入后压缩上传。",
        "Check that the original opens, put it in again, pack and upload it.",
        expected="> 0 B",
    ),
    "absurd": Trouble(
        "required",
        "的结构异常（{measured}），未检查",
        "has an absurd structure ({measured})",
        *EXPORT,
    ),
    "dtd": Trouble(
        "required",
        "含有不允许的 XML 声明（{measured}）",
        "declares a document type, which is refused ({measured})",
        "请在 Word 中另存为新的 docx。",
        "Save it as a new docx from Word.",
        expected="0",
    ),
    "no-video": Trouble(
        "required",
        "没有视频画面",
        "has no video stream",
        *EXPORT,
        expected="1",
    ),
    "several-videos": Trouble(
        "required",
        "含有多路视频画面（{measured}）",
        "has several video streams ({measured})",
        *EXPORT,
        expected="1",
    ),
    "missing-samples": Trouble(
        "required",
        "声明的画面或声音数据不存在（{measured}）",
        "declares pictures or sound that are not there ({measured})",
        *EXPORT,
    ),
    "undecodable": Trouble(
        "required",
        "有画面无法解码（{measured}），会显示为黑屏、花屏或打不开",
        "has pictures that cannot be decoded ({measured}): they stay black, garbled or do not open",
        "请在电脑上打开看一遍；视频请用剪辑软件重新导出 mp4（H.264 编码），图片请用原图重新另存为 JPEG。",
        "Open and watch it; export a video again as mp4 (H.264), save a picture again as JPEG from the original.",
    ),
    "flawed": Trouble(
        "advice",
        "有部分画面数据损坏（{measured}），可能显示为花斑或灰块",
        "has damaged picture data ({measured}) and may show patches of grey or noise",
        "请打开看一遍，如有花斑请换用原图。",
        "Look at it, and use the original if it shows patches.",
    ),
    "picture": Trouble(
        "required",
        "的实际画面与文件记录的大小不符（{measured}）",
        "does not show pictures of the size it declares ({measured})",
        *EXPORT,
    ),
    "macros": Trouble(
        "required",
        "含有宏程序（{measured}），不予接收",
        "holds macros ({measured}), which are refused",
        "请在 Word 中点“文件→另存为”，类型选不带宏的“Word 文档(*.docx)”，再重新打包上传。",
        "Save it from Word as a Word Document (*.docx) without macros, and pack it again.",
        expected="0",
    ),
    "template": Trouble(
        "required",
        "打开时会从网络加载模板（{measured}），不予接收",
        "loads a template from the network when opened ({measured}), which is refused",
        "请新建空白文档，把内容全选复制过去，另存为 docx 后重新打包上传。",
        "Copy the content into a new empty document, save it as docx and pack it again.",
        expected="0",
    ),
    "local-template": Trouble(
        "advice",
        "引用了作者电脑上的模板（{measured}）",
        "refers to a template on its author's computer ({measured})",
        "不影响上传；如需去掉，可把内容复制到新建的空白文档后另存。",
        "This does no harm; copying the content into a new document removes it.",
        expected="0",
    ),
    "linked": Trouble(
        "required",
        "打开时会从网络加载内容（{measured}），不予接收",
        "loads something from the network when opened ({measured}), which is refused",
        "请把网上的图片或内容先保存到电脑，再“插入→图片→此设备”，删去原来的链接后另存为 docx。",
        "Save the picture to your computer first and insert it from there; remove the linked one and save as docx.",
        expected="0",
    ),
    "ole": Trouble(
        "required",
        "嵌有可运行的对象（{measured}），不予接收",
        "has an object inside that can be run ({measured}), which is refused",
        "请把嵌入的表格、公式或文件改为图片（截图粘贴）或普通文字，再另存为 docx。",
        "Turn embedded sheets, formulas or files into pictures or plain text, and save it as docx again.",
        expected="0",
    ),
    "altchunk": Trouble(
        "required",
        "引用了另一份文件的内容（{measured}），不予接收",
        "takes in the content of another file ({measured}), which is refused",
        "请用 Word 打开，全选复制到新建的空白文档，另存为 docx 后重新打包上传。",
        "Open it in Word, copy everything into a new document, save that as docx and pack it again.",
        expected="0",
    ),
    "dde": Trouble(
        "required",
        "含有会启动其他程序的域代码（{measured}），不予接收",
        "has a field that starts another program ({measured}), which is refused",
        "请在 Word 中全选（Ctrl+A）后按 Ctrl+Shift+F9 把域转为文字，另存为 docx 后重新打包上传。",
        "Select all in Word and press Ctrl+Shift+F9 to turn fields into text; save it as docx and pack it again.",
        expected="0",
    ),
    "resave": Trouble(
        "advice",
        "是旧版 Word 文档（{measured}），字数和图片无法自动核对，将由人工查看",
        "is an old Word document ({measured}): its length and pictures are left to a person",
        "建议用 Word 或 WPS 打开，点“文件→另存为”，类型选“Word 文档(*.docx)”，重新打包上传，即可当场得到结果。",
        "Better save it as Word Document (*.docx) from Word or WPS and pack it again, for an answer at once.",
        expected="docx",
    ),
    "coding": Trouble(
        "required",
        "是少见的 JPEG 变体（{measured}），浏览器和 Word 打不开",
        "is a rare kind of JPEG ({measured}), which browsers and Word do not open",
        "请用“画图”或看图软件打开原图，另存为普通 JPEG 图片（8 位）。",
        "Open the original in a picture viewer and save it as an ordinary JPEG of 8 bits.",
        expected="8 bit, baseline / progressive",
    ),
    "unchecked": Trouble(
        "advice",
        "暂不支持 {measured} 自动检查，将由人工核对",
        "is a {measured}, which is not checked automatically yet; a person will look at it",
        "可等待人工核对；如需立即得到结果，压缩包请改用 zip，文档请另存为 docx。",
        "You may wait for that; for an answer at once, use zip for archives and docx for documents.",
        expected="zip / docx",
    ),
}
"""Faults of what a file holds."""
FAULTS: Final = {**PACKING, **CONTENTS}
