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

PACK: Final = (
    "请把要求的文件一起压缩为一个 zip（或 rar）后上传，只改扩展名无效。",
    "Pack the files asked for into one zip (or rar) and upload that; renaming is not enough.",
)
REPACK_OTHER: Final = (
    "请先解压，再压缩为 zip（或 rar）上传，只改扩展名无效。",
    "Unpack it, pack the files as zip (or rar) and upload that; renaming is not enough.",
)


def _kinds(kinds: str, zh: str, en: str, mend: tuple[str, str]) -> dict[str, Words]:
    return dict.fromkeys(kinds.split(), Words(zh, en, *mend))


KINDS: Final[dict[str, Words]] = {
    **_kinds(
        "mp4 mov m4a avi mkv wmv flv mpg ts rmvb 3gp m4v webm", "没有打包的视频或音频", "a video, not packed", PACK
    ),
    **_kinds("jpg png gif bmp tif webp heic avif", "没有打包的图片", "a picture, not packed", PACK),
    **_kinds("docx doc pdf rtf wps xlsx pptx xls ppt ole", "没有打包的文档", "a document, not packed", PACK),
    **_kinds(
        "7z gz bz2 xz tar zst cab ace arj lzh iso", "其他格式的压缩包", "an archive of another kind", REPACK_OTHER
    ),
    **_kinds("zip rar", "压缩包", "an archive", REPACK_OTHER),
    **_kinds("exe", "程序或自解压包", "a program or a self-extracting archive", REPACK_OTHER),
    **_kinds("html", "网页，可能是下载出错的页面", "a web page, perhaps the error page of a download", PACK),
    **_kinds("m3u8", "播放列表，不是视频本身", "a playlist, not the video itself", PACK),
    **_kinds(
        "empty", "空文件", "an empty file", ("请检查原文件后重新上传。", "Check the original and upload it again.")
    ),
    **_kinds("unknown", "无法识别的文件", "no file that is known here", PACK),
}
"""What an upload is that is no archive of the kind asked for, and what to do about it."""

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
    "video.sound": Words(
        "视频声音",
        "Sound of the video",
        "请在剪辑软件中确认有声音轨道且未静音，导出时勾选音频后重新导出。",
        "Check in the editing program that there is a sound track and that it is exported.",
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
        "请去掉密码后重新压缩上传（包括“加密文件名”选项）。",
        "Pack it again without a password, and without encrypting the file names.",
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
        "的文件名含有危险路径（{measured}）",
        "has a name that leads out of its folder ({measured})",
        "请把文件放进普通文件夹，用系统自带的压缩功能重新压缩。",
        "Put the files into an ordinary folder and pack it again with what the system brings.",
    ),
    "name": Trouble(
        "advice",
        "的文件名在部分系统上无法使用或显示不真实（{measured}）",
        "has a name that some systems cannot use or show truly ({measured})",
        "建议改用普通文字命名后重新压缩。",
        "Better rename it plainly and pack again.",
    ),
    "case": Trouble(
        "advice",
        "与“{measured}”只有大小写不同，在 Windows 上会互相覆盖",
        "differs from “{measured}” in case alone; one overwrites the other on Windows",
        "建议给其中一个文件改名后重新压缩。",
        "Better rename one of them and pack again.",
    ),
    "folder": Trouble(
        "required",
        "是文件夹，却带有数据（{measured}）",
        "is a folder, yet carries data ({measured})",
        *REPACK,
    ),
    "ambiguous": Trouble(
        "required",
        "有互相矛盾的目录（{measured}），不同软件解出的内容会不同",
        "has directories that contradict each other ({measured}): programs would unpack different files",
        *REPACK,
    ),
    "empty": Trouble(
        "required",
        "里没有任何文件（{measured}）",
        "holds no file ({measured})",
        "请先把文件放进文件夹，再压缩上传。",
        "Put the files into a folder first, then pack and upload it.",
    ),
    "link": Trouble(
        "required",
        "不是普通文件（{measured}）",
        "is no regular file ({measured})",
        "请放入文件本身，而不是快捷方式、链接或引用。",
        "Pack the file itself, not a shortcut, link or reference.",
    ),
    "method": Trouble(
        "required",
        "使用了不支持的压缩方法（{measured}）",
        "is packed by an unsupported method ({measured})",
        "请重新压缩为 zip：在 7-Zip、Bandizip、WinRAR 中选“zip”格式、“Deflate”算法，或选“存储”。",
        "Pack it again as zip: choose zip with Deflate, or Store, in 7-Zip, Bandizip or WinRAR.",
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
    ),
    "template": Trouble(
        "required",
        "打开时会从网络加载模板（{measured}），不予接收",
        "loads a template from the network when opened ({measured}), which is refused",
        "请新建空白文档，把内容全选复制过去，另存为 docx 后重新打包上传。",
        "Copy the content into a new empty document, save it as docx and pack it again.",
    ),
    "local-template": Trouble(
        "advice",
        "引用了作者电脑上的模板（{measured}）",
        "refers to a template on its author's computer ({measured})",
        "不影响上传；如需去掉，可把内容复制到新建的空白文档后另存。",
        "This does no harm; copying the content into a new document removes it.",
    ),
    "linked": Trouble(
        "required",
        "打开时会从网络加载内容（{measured}），不予接收",
        "loads something from the network when opened ({measured}), which is refused",
        "请把网上的图片或内容先保存到电脑，再“插入→图片→此设备”，删去原来的链接后另存为 docx。",
        "Save the picture to your computer first and insert it from there; remove the linked one and save as docx.",
    ),
    "ole": Trouble(
        "required",
        "嵌有可运行的对象（{measured}），不予接收",
        "has an object inside that can be run ({measured}), which is refused",
        "请把嵌入的表格、公式或文件改为图片（截图粘贴）或普通文字，再另存为 docx。",
        "Turn embedded sheets, formulas or files into pictures or plain text, and save it as docx again.",
    ),
    "altchunk": Trouble(
        "required",
        "引用了另一份文件的内容（{measured}），不予接收",
        "takes in the content of another file ({measured}), which is refused",
        "请用 Word 打开，全选复制到新建的空白文档，另存为 docx 后重新打包上传。",
        "Open it in Word, copy everything into a new document, save that as docx and pack it again.",
    ),
    "dde": Trouble(
        "required",
        "含有会启动其他程序的域代码（{measured}），不予接收",
        "has a field that starts another program ({measured}), which is refused",
        "请在 Word 中全选（Ctrl+A）后按 Ctrl+Shift+F9 把域转为文字，另存为 docx 后重新打包上传。",
        "Select all in Word and press Ctrl+Shift+F9 to turn fields into text; save it as docx and pack it again.",
    ),
    "resave": Trouble(
        "advice",
        "是旧版 Word 文档（{measured}），字数和图片无法自动核对，将由人工查看",
        "is an old Word document ({measured}): its length and pictures are left to a person",
        "建议用 Word 或 WPS 打开，点“文件→另存为”，类型选“Word 文档(*.docx)”，重新打包上传，即可当场得到结果。",
        "Better save it as Word Document (*.docx) from Word or WPS and pack it again, for an answer at once.",
    ),
    "coding": Trouble(
        "required",
        "是少见的 JPEG 变体（{measured}），浏览器和 Word 打不开",
        "is a rare kind of JPEG ({measured}), which browsers and Word do not open",
        "请用“画图”或看图软件打开原图，另存为普通 JPEG 图片（8 位）。",
        "Open the original in a picture viewer and save it as an ordinary JPEG of 8 bits.",
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
    "name": "a/b.c",
    "case": "1",
    "folder": "0 B",
    "ambiguous": "1",
    "empty": "≥ 1",
    "link": "regular file",
    "method": "zip: store / deflate; rar 4 / 5",
    "duplicate": "1",
    "surplus": "0 B",
    "nested": "0",
    "dtd": "0",
    "no-video": "1",
    "several-videos": "1",
    "macros": "0",
    "template": "0",
    "local-template": "0",
    "linked": "0",
    "ole": "0",
    "altchunk": "0",
    "dde": "0",
    "resave": "docx",
    "coding": "8 bit, baseline / progressive",
    "unchecked": "zip / docx",
}
"""What should have been measured instead; `INTACT` where nothing else is said."""
