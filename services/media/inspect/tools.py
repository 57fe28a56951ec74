"""Where the tools are that parse what was handed in."""

import errno
import shutil
from typing import Final

import imageio_ffmpeg

PATH: Final = "/usr/local/bin:/usr/bin:/bin"
TOOLS: Final = ("bsdtar", "unar", "ffmpeg", "djpeg")
"""Every tool that checks and publications run."""


class ToolMissing(OSError):
    """A tool is not installed: the operator's fault."""


async def check_tools() -> None:
    """ToolMissing where one is not installed: health red, and what needs it waits."""
    for tool in TOOLS:
        find(tool)


def find(tool: str) -> str:
    """Where a tool is installed. ToolMissing where it is not."""
    path = shutil.which(_ffmpeg() if tool == "ffmpeg" else tool, path=PATH)
    if path is None:
        raise ToolMissing(errno.ENOENT, "工具未安装 tool not installed", tool)
    return path


def _ffmpeg() -> str:
    """The same on every machine, and one file: Debian's loads 200 libraries, which costs 80 ms at every start."""
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise ToolMissing(errno.ENOENT, str(error), "ffmpeg") from error
