"""What a rule is called to a teacher, and how to mend what breaks it. Chinese first."""

from typing import Final, NamedTuple


class Words(NamedTuple):
    """A rule's name and the way to mend it, in both languages."""

    zh: str
    en: str
    mend_zh: str
    mend_en: str


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
