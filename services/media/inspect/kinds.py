"""What formats are called, and how to turn what was handed in into what is asked for. Chinese first."""

from typing import Final, NamedTuple

from contracts.events.media import Text
from services.media.inspect.names import extension


class Kind(NamedTuple):
    """A format's name in both languages, and which way leads from it to another."""

    zh: str
    en: str
    way: str


WAYS: Final = {
    "video": Text(
        zh="请用剪辑软件（如剪映）或格式工厂打开，导出为 {asked}（H.264 编码）后重新打包；只改扩展名无效。",
        en="Open it in an editing program, export it as {asked} (H.264) and pack it again; renaming is not enough.",
    ),
    "phone": Text(
        zh="请用剪映等软件导入后导出为 {asked}；iPhone 可先在“设置→相机→格式”中选“兼容性最佳”。只改扩展名无效。",
        en="Import it into an editing program and export it as {asked}; renaming is not enough.",
    ),
    "sound": Text(
        zh="这个文件只有声音，没有画面，请上传视频本身（{asked}）。",
        en="This file has sound and no picture; hand in the video itself as {asked}.",
    ),
    "list": Text(
        zh="这个文件只是一段文字或地址，不含要求的内容本身，请找到原文件（{asked}）重新打包上传。",
        en="This file is only a text or an address; find the original as {asked}, pack and upload that.",
    ),
    "word": Text(
        zh="请用 Word 或 WPS 打开，点“文件→另存为”，文件类型选“Word 文档(*.docx)”，再重新打包（要求：{asked}）。",
        en="Open it in Word or WPS, choose Save As, Word Document (*.docx), and pack it again (asked for: {asked}).",
    ),
    "anew": Text(
        zh="请用 Word 或 WPS 打开原文件，点“文件→另存为”，存为新的“Word 文档(*.docx)”后重新打包（要求：{asked}）；"
        "如果是压缩包改了扩展名，请解压后放入其中的文档。",
        en="Open the original in Word or WPS, save it as a new Word Document (*.docx) and pack that (asked for: "
        "{asked}); if it is an archive that was renamed, hand in the document inside.",
    ),
    "pages": Text(
        zh="请在 Pages 文稿中点“文件→导出为→Word”，存为 docx 后重新打包（要求：{asked}）。",
        en="In Pages choose File, Export To, Word, and pack the docx (asked for: {asked}).",
    ),
    "pdf": Text(
        zh="请上传编辑时的 Word 原文件（{asked}）；没有原文件的，可用 WPS 或 Word 打开 pdf 后另存为 docx。",
        en="Hand in the Word file it was made from as {asked}, or open the pdf in Word and save it as docx.",
    ),
    "picture": Text(
        zh="请用“画图”或看图软件打开，点“另存为→JPEG 图片”，再重新打包（要求：{asked}）；只改扩展名无效。",
        en="Open it in a viewer, save it as JPEG and pack it again (asked for: {asked}); renaming is not enough.",
    ),
    "heic": Text(
        zh="这是手机的高效照片格式。请用微信“原图”发送到电脑、或在电脑看图软件中另存为 JPEG（要求：{asked}）；"
        "iPhone 可在“设置→相机→格式”中选“兼容性最佳”后再拍。",
        en="A phone's space-saving photograph; export it as JPEG (asked for: {asked}). Renaming is not enough.",
    ),
    "archive": Text(
        zh="这是压缩包，请解压后把里面的文件（{asked}）直接打包上传。",
        en="This is an archive; unpack it and hand in the {asked} file inside.",
    ),
    "program": Text(
        zh="这是程序，不是要求的文件。自解压包请先解压，再放入其中的 {asked} 文件，重新打包上传。",
        en="This is a program. Unpack it if it unpacks itself, and pack the {asked} file inside.",
    ),
    "nothing": Text(
        zh="请检查原文件（{asked}）能否打开，再重新打包上传。",
        en="Check that the original opens, and pack it again as {asked}.",
    ),
    "other": Text(
        zh="这不是要求的文件，请换成 {asked} 文件后重新打包上传。",
        en="This is not the file asked for; put the {asked} file in its place and pack again.",
    ),
}

PACK: Final = Text(
    zh="请把要求的文件一起压缩为一个 zip（或 rar）后上传，只改扩展名无效。",
    en="Pack the files asked for into one zip (or rar) and upload that; renaming is not enough.",
)
REPACK: Final = Text(
    zh="请先解压，再压缩为 zip（或 rar）上传，只改扩展名无效。",
    en="Unpack it, pack the files as zip (or rar) and upload that; renaming is not enough.",
)
LOOSE: Final = {
    "archive": REPACK,
    "program": REPACK,
    "nothing": Text(zh="请检查原文件后重新上传。", en="Check the original and upload it again."),
}
"""What to do with an upload that is no archive of the kind asked for, by the way that leads from it; else `PACK`."""

KINDS: Final = {
    "webm": Kind("WebM 视频", "WebM video", "video"),
    "mkv": Kind("MKV（Matroska）视频", "Matroska video (MKV)", "video"),
    "avi": Kind("AVI 视频", "AVI video", "video"),
    "flv": Kind("FLV（Flash）视频", "Flash video (FLV)", "video"),
    "f4v": Kind("F4V（Flash）视频", "Flash video (F4V)", "video"),
    "wmv": Kind("WMV（Windows Media）视频", "Windows Media video (WMV)", "video"),
    "mpg": Kind("MPEG 视频", "MPEG video", "video"),
    "ts": Kind("TS（MPEG 传输流）视频", "MPEG transport stream (TS)", "video"),
    "m2ts": Kind("M2TS（摄像机）视频", "camcorder video (M2TS)", "video"),
    "ogv": Kind("Ogg 音视频", "Ogg video or sound", "video"),
    "rmvb": Kind("RealMedia 视频", "RealMedia video", "video"),
    "3gp": Kind("3GP 手机视频", "3GP phone video", "video"),
    "mov": Kind("QuickTime 影片（mov）", "QuickTime movie (mov)", "phone"),
    "m4a": Kind("M4A 音频", "M4A sound", "sound"),
    "mp3": Kind("MP3 音频", "MP3 sound", "sound"),
    "wav": Kind("WAV 音频", "WAV sound", "sound"),
    "m3u8": Kind("播放列表（m3u8）", "playlist (m3u8)", "list"),
    "ffconcat": Kind("播放列表", "playlist", "list"),
    "pls": Kind("播放列表", "playlist", "list"),
    "mpd": Kind("播放列表（DASH）", "playlist (DASH)", "list"),
    "smil": Kind("播放列表", "playlist", "list"),
    "url": Kind("网址快捷方式", "internet shortcut", "list"),
    "txt": Kind("纯文本", "plain text", "list"),
    "doc": Kind("旧版 Word 文档（doc）", "old Word document (doc)", "word"),
    "docm": Kind("带宏的 Word 文档（docm）", "Word document with macros (docm)", "word"),
    "wps": Kind("WPS 文字文档（wps）", "WPS Writer document (wps)", "word"),
    "odt": Kind("OpenDocument 文档（odt）", "OpenDocument text (odt)", "word"),
    "rtf": Kind("RTF 文档", "RTF document", "word"),
    "html": Kind("网页（可能是下载出错的页面）", "web page, perhaps the error page of a download", "word"),
    "mht": Kind("网页存档（mht）", "web archive (mht)", "word"),
    "xml": Kind("XML 文件", "XML file", "word"),
    "pages": Kind("苹果 Pages 文稿", "Apple Pages document", "pages"),
    "pdf": Kind("PDF 文件", "PDF file", "pdf"),
    "xlsx": Kind("Excel 表格（xlsx）", "Excel workbook (xlsx)", "other"),
    "xls": Kind("Excel 表格（xls）", "Excel workbook (xls)", "other"),
    "pptx": Kind("PowerPoint 演示文稿（pptx）", "PowerPoint presentation (pptx)", "other"),
    "ppt": Kind("PowerPoint 演示文稿（ppt）", "PowerPoint presentation (ppt)", "other"),
    "png": Kind("PNG 图片", "PNG picture", "picture"),
    "gif": Kind("GIF 图片", "GIF picture", "picture"),
    "bmp": Kind("BMP 位图", "BMP bitmap", "picture"),
    "tif": Kind("TIFF 图片", "TIFF picture", "picture"),
    "webp": Kind("WebP 图片", "WebP picture", "picture"),
    "avif": Kind("AVIF 图片", "AVIF picture", "picture"),
    "jp2": Kind("JPEG 2000 图片", "JPEG 2000 picture", "picture"),
    "jxl": Kind("JPEG XL 图片", "JPEG XL picture", "picture"),
    "svg": Kind("SVG 矢量图", "SVG drawing", "picture"),
    "psd": Kind("Photoshop 文件（psd）", "Photoshop file (psd)", "picture"),
    "cr3": Kind("相机 RAW 照片", "raw camera photograph", "picture"),
    "heic": Kind("HEIC 照片", "HEIC photograph", "heic"),
    "jpg": Kind("JPEG 图片", "JPEG picture", "other"),
    "mp4": Kind("MP4 视频", "MP4 video", "other"),
    "docx": Kind("Word 文档（docx）", "Word document (docx)", "other"),
    "zip": Kind("zip 压缩包", "zip archive", "archive"),
    "rar": Kind("rar 压缩包", "rar archive", "archive"),
    "7z": Kind("7z 压缩包", "7z archive", "archive"),
    "gz": Kind("gz 压缩文件", "gzip file", "archive"),
    "bz2": Kind("bz2 压缩文件", "bzip2 file", "archive"),
    "xz": Kind("xz 压缩文件", "xz file", "archive"),
    "tar": Kind("tar 归档", "tar archive", "archive"),
    "zst": Kind("zstd 压缩文件", "zstd file", "archive"),
    "cab": Kind("cab 压缩包", "cabinet (cab)", "archive"),
    "ace": Kind("ace 压缩包", "ace archive", "archive"),
    "arj": Kind("arj 压缩包", "arj archive", "archive"),
    "lzh": Kind("lzh 压缩包", "lzh archive", "archive"),
    "exe": Kind("程序文件（可能是自解压包）", "program, perhaps one that unpacks itself", "program"),
    "ole": Kind("旧版 Office 类文件", "file of an old Office kind", "other"),
    "odf": Kind("OpenDocument 文件", "OpenDocument file", "other"),
    "epub": Kind("电子书（epub）", "e-book (epub)", "other"),
    "empty": Kind("空文件", "empty file", "nothing"),
}  # fmt: skip
WORD_NAMES: Final = frozenset({"docx", "docm", "dotx", "doc"})
SPOILT: Final = Kind(
    "zip 压缩包，里面缺少 Word 文档应有的内容，可能已损坏",
    "zip without what a Word document consists of, perhaps damaged",
    "anew",
)


def _known(kind: str, name: str) -> Kind | None:
    return SPOILT if kind == "zip" and extension(name) in WORD_NAMES else KINDS.get(kind)


def called(kind: str, name: str) -> Text:
    """What a file really is, as a sentence of its own: also where its name says something else."""
    known, ending = _known(kind, name), extension(name)
    if known is None:
        return Text(zh="无法识别这个文件的内容。", en="What is in this file cannot be recognised.")
    if ending in (kind, {"jpg": "jpeg", "tif": "tiff"}.get(kind)):
        return Text(zh=f"这是 {known.zh}。", en=f"This is {known.en}.")
    zh = f"它的内容其实是 {known.zh}，扩展名却是 {ending or '空'}。"
    return Text(zh=zh, en=f"Its content is {known.en}, whatever its name says.")


def loose(kind: str) -> tuple[Text, Text]:
    """What an upload is that is no archive of the kind asked for, and how to pack it."""
    known = KINDS.get(kind, Kind("无法识别的文件", "file that is not known here", "other"))
    archive = known.way in LOOSE
    zh, en = (
        f"这是 {known.zh}" + ("。" if archive else "，没有打包。"),
        f"This is: {known.en}" + ("." if archive else ", not packed."),
    )
    return Text(zh=zh, en=en), LOOSE.get(known.way, PACK)


def mended(kind: str, asked: str, name: str) -> Text:
    """How to get from a format to one that is asked for. What cannot be recognised and is called a document is one
    that was spoilt."""
    known = _known(kind, name)
    way = WAYS[known.way if known else "nothing" if extension(name) in WORD_NAMES else "other"]
    return Text(zh=way.zh.format(asked=asked), en=way.en.format(asked=asked))
