"""Makes files of a package ready for browsers: by ffmpeg in its jail, on files nobody else can name.

Videos keep their streams, where an mp4 can hold them, and lose everything said about them; the index comes first, so
that they begin to play at once. Pictures are decoded and encoded anew, upright, so that nothing but the picture is
left. Documents become text.
"""

import asyncio
import errno
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from typing import BinaryIO, Final, Literal

from services.media.inspect.child import Done, Limits, run
from services.media.inspect.documents import read_text
from services.media.inspect.ffmpeg import ONE_FILTER_THREAD, ONE_THREAD, blame
from services.media.inspect.source import Blocks, Source
from services.media.inspect.zip import read_directory
from services.media.publish.contents import Piece

LIMITS: Final = Limits(cpu=120, wall=180, memory=2**31, file=2**30, output=2**26)
ENCODING: Final = Limits(cpu=3600, wall=180, memory=2**32, file=2**30, nice=10)
"""An hour of CPU is several times what the most pictures take that a verdict decodes; 4 GiB have room for 8K."""
FFMPEG: Final = (
    *("ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,pipe", "-max_error_rate", "1"),
    *(*ONE_FILTER_THREAD, *ONE_THREAD),
)
PLAIN: Final = (
    *("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact"),
    *ONE_THREAD,
)
OURS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EAGAIN)
"""What the machine lacks where ffmpeg ends with it, and not the file."""
WIDEST: Final = "scale='min(1280,iw)':-2"
PICTURES: Final = (
    ("-c:v", "copy"),
    ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-vf", "scale='iw-mod(iw,2)':-2"),
)
SOUNDS: Final = (("-c:a", "copy"), ("-c:a", "aac"), ("-an",))
"""The ways of a film's pictures and of its sound into an mp4, the better first."""
ENCODED: Final = {"jpeg": ("-c:v", "mjpeg", "-q:v", "3"), "png": ("-c:v", "png", "-vf", "sidedata=delete")}
"""How a picture is encoded anew; a PNG would take its EXIF and colour profile along."""
KEY_FRAMES: Final = 5
"""Looked at for the poster; all pictures of the same seconds cost five times as much."""


@dataclass(frozen=True)
class Made:
    """A file ready to be shown, complete and rewound."""

    kind: Literal["video", "poster", "picture", "text"]
    name: str
    type: str
    file: BinaryIO


async def made(piece: Piece) -> AsyncIterator[Made]:
    """What is shown of a piece; each file lasts until the next is asked for. Damaged where a tool cannot read it."""
    match piece.show:
        case "document":
            with _file() as text:
                await asyncio.to_thread(text.write, (await _text(piece.source)).encode())
                yield _made("text", piece, "text/plain; charset=utf-8", text)
        case "jpeg" | "png":
            with _file() as picture, _file(writable=True) as out:
                await piece.copy(picture)
                await _picture(picture, out, piece.show)
                yield _made("picture", piece, f"image/{piece.show}", out)
        case "video":
            with _file() as video:
                await piece.copy(video)
                with _file(writable=True) as out:
                    poster = await _film_and_poster(video, out, piece)
                    yield _made("video", piece, "video/mp4", out)
                yield poster


async def _film_and_poster(video: BinaryIO, out: BinaryIO, piece: Piece) -> Made:
    """Both at once; each has ended, whatever became of the other, before the files they work on are closed."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_film(video, out))
            poster = group.create_task(_poster(piece, video))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return poster.result()


async def _film(video: BinaryIO, out: BinaryIO) -> None:
    """Copies what an mp4 can hold. Of what it cannot the sound is encoded anew, then the pictures, and sound that no
    decoder knows is left out: nobody required it, or its check had failed."""
    source, target = video.fileno(), out.fileno()
    given = ("-f", "mov", "-i", f"/dev/fd/{source}", "-map", "0:V:0", "-map", "0:a:0?", "-dn", "-sn")
    into = (*PLAIN, "-movflags", "+faststart", "-f", "mp4", "-y", f"/dev/fd/{target}")
    limits = LIMITS
    for pictures, sound in product(PICTURES, SOUNDS):
        end = (await _ffmpeg(*given, *pictures, *sound, *into, files=[source, target], limits=limits)).end
        if end.ok or end.how != "exit":
            break
        limits = ENCODING
    end.require()


async def _poster(piece: Piece, video: BinaryIO) -> Made:
    """The most telling of the first key frames; the first picture of a video that names none."""
    for which in (("-skip_frame", "nokey"), ()):
        given = (*which, "-f", "mov", "-i", f"/dev/fd/{video.fileno()}", "-map", "0:V:0")
        image = await _image(video, *given, "-vf", f"thumbnail={KEY_FRAMES},{WIDEST}")
        if image:
            break
    return _made("poster", piece, "image/jpeg", BytesIO(image))


async def _picture(picture: BinaryIO, out: BinaryIO, kind: Literal["jpeg", "png"]) -> None:
    """A PNG stays one, or what is transparent would be black."""
    source, target = picture.fileno(), out.fileno()
    given, again = ("-f", f"{kind}_pipe", "-i", f"/dev/fd/{source}"), ENCODED[kind]
    into = (*PLAIN, "-frames:v", "1", "-f", "image2pipe", "-y", f"/dev/fd/{target}")
    (await _ffmpeg(*given, *again, *into, files=[source, target], limits=ENCODING)).end.require()


async def _image(file: BinaryIO, *given: str) -> bytes:
    into = ("-frames:v", "1", "-q:v", "3", "-f", "mjpeg", "pipe:1")
    done = await _ffmpeg(*given, *PLAIN, *into, files=[file.fileno()])
    done.end.require()
    return done.output


async def _ffmpeg(*arguments: str, files: Sequence[int], limits: Limits = LIMITS) -> Done:
    """What it wrote, and how it ended. OSError where it was the machine that ended it."""
    done = await run(*FFMPEG, *arguments, limits=limits, files=files)
    blame(done.end, *OURS)
    return done


async def _text(source: Source) -> str:
    """The running text of a docx, of the part that its characters were counted in."""
    blocks = Blocks(source)
    return (await read_text(blocks, await read_directory(blocks))).strip()


def _made(kind: Literal["video", "poster", "picture", "text"], piece: Piece, media_type: str, file: BinaryIO) -> Made:
    file.seek(0)
    return Made(kind, piece.name, media_type, file)


@contextmanager
def _file(writable: bool = False) -> Iterator[BinaryIO]:
    """A file without a name that a child, which has another uid, may open by its descriptor."""
    with tempfile.TemporaryFile() as file:
        os.fchmod(file.fileno(), 0o666 if writable else 0o644)
        yield file
