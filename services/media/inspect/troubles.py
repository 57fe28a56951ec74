"""What is wrong with any file or archive, as a teacher is told it, and how to mend it. Chinese first."""

from typing import Final, NamedTuple

from contracts.rulebook import Level
from services.media.inspect import bounds
from services.media.inspect.models import FaultCode


class Trouble(NamedTuple):
    """What a fault means; `{measured}` stands for what was seen, `expected` is what should have been seen."""

    level: Level
    zh: str
    en: str
    mend_zh: str
    mend_en: str
    expected: str = "intact"


REPACK: Final = ("请重新压缩为 zip 后再上传。", "Pack the files into a zip again and upload it.")
PACKING: Final[dict[FaultCode, Trouble]] = {
    "truncated": Trouble(
        "required",
        "不完整，有内容缺失（{measured}）",
        "is incomplete: part of it is missing ({measured})",
        "请检查原文件能否正常打开，重新压缩后上传。",
        "Check that the original opens, then pack and upload it again.",
    ),
    "damaged": Trouble(
        "required",
        "已损坏，无法读取（{measured}）",
        "is damaged and cannot be read ({measured})",
        "请检查原文件能否正常打开，重新导出或重新压缩后上传。",
        "Check that the original opens, then export or pack it again.",
    ),
    "encrypted": Trouble(
        "required",
        "已加密（{measured}），无法检查",
        "is encrypted ({measured}) and cannot be checked",
        "请去掉密码后重新压缩上传（包括“加密文件名”选项）。",
        "Pack it again without a password, and without encrypting the file names.",
        expected="no password",
    ),
    "split": Trouble(
        "required",
        "是分卷压缩包（{measured}）",
        "is one part of a split archive ({measured})",
        "请压缩为单个文件，不要分卷。",
        "Pack everything into one file, without splitting.",
        expected="1",
    ),
    "too-many": Trouble(
        "required",
        "内文件过多（{measured}），未检查",
        "holds too many files ({measured}) to be checked",
        "请只保留要求的文件。",
        "Keep only the files asked for.",
        expected=f"≤ {bounds.FILES}",
    ),
    "bomb": Trouble(
        "required",
        "解开后大得异常（{measured}），未检查",
        "would unpack to an absurd size ({measured})",
        *REPACK,
        expected=f"≤ {bounds.RATIO} ×",
    ),
    "overlap": Trouble(
        "required",
        "内文件互相重叠（{measured}），未检查",
        "holds files that overlap ({measured})",
        *REPACK,
    ),
    "path": Trouble(
        "required",
        "的文件名含有危险路径（{measured}）",
        "has a name that leads out of its folder ({measured})",
        "请把文件放进普通文件夹，用系统自带的压缩功能重新压缩。",
        "Put the files into an ordinary folder and pack it again with what the system brings.",
        expected="a/b.c",
    ),
    "name": Trouble(
        "advice",
        "的文件名在部分系统上无法使用或显示不真实（{measured}）",
        "has a name that some systems cannot use or show truly ({measured})",
        "建议改用普通文字命名后重新压缩。",
        "Better rename it plainly and pack again.",
        expected="a/b.c",
    ),
    "case": Trouble(
        "advice",
        "与“{measured}”只有大小写不同，在 Windows 上会互相覆盖",
        "differs from “{measured}” in case alone; one overwrites the other on Windows",
        "建议给其中一个文件改名后重新压缩。",
        "Better rename one of them and pack again.",
        expected="1",
    ),
    "folder": Trouble(
        "required",
        "是文件夹，却带有数据（{measured}）",
        "is a folder, yet carries data ({measured})",
        *REPACK,
        expected="0 B",
    ),
    "ambiguous": Trouble(
        "required",
        "有互相矛盾的目录（{measured}），不同软件解出的内容会不同",
        "has directories that contradict each other ({measured}): programs would unpack different files",
        *REPACK,
        expected="1",
    ),
    "empty": Trouble(
        "required",
        "里没有任何文件（{measured}）",
        "holds no file ({measured})",
        "请先把文件放进文件夹，再压缩上传。",
        "Put the files into a folder first, then pack and upload it.",
        expected="≥ 1",
    ),
    "link": Trouble(
        "required",
        "不是普通文件（{measured}）",
        "is no regular file ({measured})",
        "请放入文件本身，而不是快捷方式、链接或引用。",
        "Pack the file itself, not a shortcut, link or reference.",
        expected="regular file",
    ),
    "method": Trouble(
        "required",
        "使用了不支持的压缩方法（{measured}）",
        "is packed by an unsupported method ({measured})",
        "请重新压缩为 zip：在 7-Zip、Bandizip、WinRAR 中选“zip”格式、“Deflate”算法，或选“存储”。",
        "Pack it again as zip: choose zip with Deflate, or Store, in 7-Zip, Bandizip or WinRAR.",
        expected="zip: store / deflate; rar 4 / 5",
    ),
    "size": Trouble(
        "required",
        "的实际大小与压缩包记录不符（{measured}）",
        "is not as large as the archive says ({measured})",
        *REPACK,
    ),
    "crc": Trouble(
        "required",
        "的内容与压缩包的校验值不符（{measured}）",
        "does not match the archive's checksum ({measured})",
        *REPACK,
    ),
    "header": Trouble(
        "required",
        "的两处记录互相矛盾（{measured}）",
        "is described in two ways that contradict ({measured})",
        *REPACK,
    ),
    "duplicate": Trouble(
        "required",
        "在压缩包中出现了多次",
        "occurs more than once in the archive",
        *REPACK,
        expected="1",
    ),
    "surplus": Trouble(
        "advice",
        "前后有多余的数据（{measured}）",
        "has other data before or after it ({measured})",
        *REPACK,
        expected="0 B",
    ),
    "nested": Trouble(
        "advice",
        "是压缩包中的压缩包（{measured}），未检查",
        "is an archive inside the archive ({measured}), not checked",
        "请把文件直接放进一个压缩包。",
        "Put the files straight into one archive.",
        expected="0",
    ),
}
"""Faults of archives, and of files as what is packed."""
