"""What is wrong with a picture, where that is told in other words than of a film or an archive. Chinese first."""

from typing import Final

from services.media.inspect import bounds
from services.media.inspect.models import FaultCode
from services.media.inspect.troubles import Trouble

ORIGINAL: Final = (
    "请打开原图看是否完整，换用原图后重新打包上传。",
    "Look whether the original is whole, put that in its place, pack and upload it again.",
)
SAVED: Final = (
    "请用“画图”或看图软件打开原图，另存为普通 JPEG 图片后重新打包上传。",
    "Open the original in a picture viewer, save it as an ordinary JPEG, pack and upload it again.",
)
PICTURES: Final[dict[FaultCode, Trouble]] = {
    "truncated": Trouble(
        "required",
        "不完整，有一部分画面缺失（{measured}）",
        "is cut short: a part of the picture is missing ({measured})",
        *ORIGINAL,
        expected="100 %",
    ),
    "undecodable": Trouble(
        "required",
        "无法解码（{measured}），打不开或显示不出来",
        "cannot be decoded ({measured}): it does not open or is not shown",
        *SAVED,
    ),
    "flawed": Trouble(
        "advice",
        "有画面数据损坏（{measured}），可能显示为花斑、错位或灰块",
        "has damaged picture data ({measured}) and may show noise, shifts or patches of grey",
        "请打开看一遍，如有花斑请换用原图。",
        "Look at it; if it shows patches, use the original.",
        expected="0",
    ),
    "bomb": Trouble(
        "required",
        "记录的像素多得异常，或多过文件所能容纳的（{measured}），未检查",
        "claims absurdly many pixels, or more than its bytes can hold ({measured}); it was not checked",
        "请换用相机或手机拍的原图；确实特别大的图片请缩小后另存为 JPEG。",
        "Use the camera's original; make a picture that is really so large smaller and save it as JPEG.",
        expected=f"≤ {bounds.PIXELS:,} px，与文件大小相称 in keeping with its bytes",
    ),
    "absurd": Trouble(
        "required",
        "超出图片的检查限度（{measured}），未检查",
        "goes beyond what is checked of a picture ({measured})",
        *SAVED,
        expected="限度内 within bounds",
    ),
}
