"""What findings say to a teacher: what is meant by a rule, and how to mend what breaks it. Chinese first."""

from typing import Final, NamedTuple

from contracts.rulebook import Level
from services.media.inspect import bounds
from services.media.inspect.models import FaultCode


class Words(NamedTuple):
    """A rule's name and the way to mend it, in both languages."""

    zh: str
    en: str
    mend_zh: str
    mend_en: str


class Trouble(NamedTuple):
    """What a fault means; `{measured}` stands for what was seen."""

    level: Level
    zh: str
    en: str
    mend_zh: str
    mend_en: str


REPACK: Final = ("请重新压缩为 zip 后再上传。", "Pack the files into a zip again and upload it.")
EXPORT: Final = (
    "请用剪辑软件重新导出 mp4 后打包上传。",
    "Export the mp4 again from the editing program, pack and upload it.",
)

RULES: Final = {
    "upload.size": Words(
        "收到的字节数",
        "Bytes received",
        "请重新上传文件。",
        "Upload the file again.",
    ),
    "upload.sha256": Words(
        "文件校验值（SHA-256）",
        "Checksum (SHA-256)",
        "收到的文件与登记的不一致，请重新上传。",
        "What arrived is not what was announced; upload the file again.",
    ),
    "container.format": Words(
        "压缩包格式",
        "Kind of archive",
        "请把材料压缩为要求的格式后上传，只改扩展名无效。",
        "Pack the material into an archive of the kind asked for; renaming is not enough.",
    ),
    "container.size": Words(
        "文件大小",
        "Size of the file",
        "请压缩视频码率或减少文件后重新打包。",
        "Lower the video's bit rate or leave files out, and pack again.",
    ),
    "container.others": Words(
        "其他文件",
        "Other files",
        "不需要的文件可从压缩包中删去。",
        "Files nobody asked for may be left out of the archive.",
    ),
    "naming": Words(
        "文件命名",
        "Name of the file",
        "请按要求重命名压缩包。",
        "Rename the archive as asked.",
    ),
    "video.count": Words(
        "视频个数",
        "Number of videos",
        "每个压缩包请只放规定个数的视频。",
        "Put exactly as many videos as asked for into the archive.",
    ),
    "video.format": Words(
        "视频格式",
        "Video format",
        "请导出为要求的格式，只改扩展名无效。",
        "Export the video in the format asked for; renaming is not enough.",
    ),
    "video.size": Words(
        "视频大小",
        "Size of the video",
        "请降低码率后重新导出。",
        "Export again at a lower bit rate.",
    ),
    "video.duration": Words(
        "视频时长",
        "Length of the video",
        "请剪辑到要求的时长后重新导出。",
        "Cut the video to the length asked for and export it again.",
    ),
    "video.aspect": Words(
        "画面比例",
        "Aspect ratio",
        "请按要求的画面比例重新导出（竖拍或 4:3 的素材需裁剪或补边）。",
        "Export in the aspect ratio asked for; crop or pad upright and 4:3 footage.",
    ),
    "video.resolution": Words(
        "画面分辨率",
        "Picture size",
        "请用原始素材按要求的分辨率重新导出。",
        "Export from the original footage at the picture size asked for.",
    ),
    "video.codec": Words(
        "视频编码",
        "Video codec",
        "建议用 H.264（AVC）编码重新导出，以便各种浏览器播放。",
        "Better export as H.264 (AVC), which every browser plays.",
    ),
    "document.count": Words(
        "文档个数",
        "Number of documents",
        "请只放规定个数的文档。",
        "Put exactly as many documents as asked for into the archive.",
    ),
    "document.format": Words(
        "文档格式",
        "Document format",
        "请另存为要求的格式。",
        "Save the document in a format asked for.",
    ),
    "document.size": Words(
        "文档大小",
        "Size of the document",
        "请压缩文档中的图片后重新保存。",
        "Compress the pictures in the document and save it again.",
    ),
    "document.characters": Words(
        "文档字数",
        "Length of the text",
        "请调整文字篇幅（按 Word 的“字数”统计）。",
        "Adjust the text; it is counted as Word counts 字数.",
    ),
    "images.count": Words(
        "图片张数",
        "Number of pictures",
        "请补足图片；重复的图片只计一张。",
        "Add pictures; the same picture counts once.",
    ),
    "images.format": Words(
        "图片格式",
        "Picture format",
        "请另存为要求的格式，只改扩展名无效。",
        "Save the picture in the format asked for; renaming is not enough.",
    ),
    "images.size": Words(
        "图片大小",
        "Size of the picture",
        "请压缩图片后重新保存。",
        "Compress the picture and save it again.",
    ),
    "images.resolution": Words(
        "图片分辨率",
        "Picture size",
        "请换用更清晰的原图，放大小图无效。",
        "Use the original picture; enlarging a small one does not help.",
    ),
}

FAULTS: Final[dict[FaultCode, Trouble]] = {
    "truncated": Trouble(
        "required",
        "不完整，后面的内容缺失（{measured}）",
        "is cut short: its end is missing ({measured})",
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
        "请去掉密码后重新压缩上传。",
        "Pack it again without a password.",
    ),
    "split": Trouble(
        "required",
        "是分卷压缩包（{measured}）",
        "is one part of a split archive ({measured})",
        "请压缩为单个文件，不要分卷。",
        "Pack everything into one file, without splitting.",
    ),
    "too-many": Trouble(
        "required",
        "内文件过多（{measured}），未检查",
        "holds too many files ({measured}) to be checked",
        "请只保留要求的文件。",
        "Keep only the files asked for.",
    ),
    "bomb": Trouble(
        "required",
        "解开后大得异常（{measured}），未检查",
        "would unpack to an absurd size ({measured})",
        *REPACK,
    ),
    "overlap": Trouble(
        "required",
        "内文件互相重叠（{measured}），未检查",
        "holds files that overlap ({measured})",
        *REPACK,
    ),
    "path": Trouble(
        "required",
        "的文件名含有危险路径",
        "has a name that leads out of its folder",
        "请重命名后重新压缩。",
        "Rename it and pack again.",
    ),
    "link": Trouble(
        "required",
        "不是普通文件（{measured}）",
        "is no regular file ({measured})",
        "请放入文件本身而不是链接。",
        "Pack the file itself, not a link.",
    ),
    "method": Trouble(
        "required",
        "使用了不支持的压缩方法（{measured}）",
        "is packed by an unsupported method ({measured})",
        "请用系统自带的压缩功能重新压缩为 zip。",
        "Pack it again as a zip with what the system brings.",
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
    ),
    "surplus": Trouble(
        "advice",
        "前后有多余的数据（{measured}）",
        "has other data before or after it ({measured})",
        *REPACK,
    ),
    "nested": Trouble(
        "advice",
        "是压缩包中的压缩包（{measured}），未检查",
        "is an archive inside the archive ({measured}), not checked",
        "请把文件直接放进一个压缩包。",
        "Put the files straight into one archive.",
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
    ),
    "no-video": Trouble(
        "required",
        "没有视频画面",
        "has no video stream",
        *EXPORT,
    ),
    "several-videos": Trouble(
        "required",
        "含有多路视频画面（{measured}）",
        "has several video streams ({measured})",
        *EXPORT,
    ),
    "missing-samples": Trouble(
        "required",
        "声明的画面数据不存在（{measured}）",
        "declares pictures that are not there ({measured})",
        *EXPORT,
    ),
    "unchecked": Trouble(
        "advice",
        "暂不支持 {measured} 自动检查，将由人工核对",
        "is a {measured}, which is not checked automatically yet; a person will look at it",
        "可等待人工核对；如需立即得到结果，压缩包请改用 zip，文档请另存为 docx。",
        "You may wait for that; for an answer at once, use zip for archives and docx for documents.",
    ),
}

INTACT: Final = "intact"
EXPECTED: Final[dict[FaultCode, str]] = {
    "encrypted": "no password",
    "split": "1",
    "too-many": f"≤ {bounds.FILES}",
    "bomb": f"≤ {bounds.RATIO} ×",
    "path": "a/b.c",
    "link": "regular file",
    "method": "store / deflate",
    "duplicate": "1",
    "surplus": "0 B",
    "nested": "0",
    "dtd": "0",
    "no-video": "1",
    "several-videos": "1",
    "unchecked": "zip / docx",
}
"""What should have been measured instead; `INTACT` where nothing else is said."""
