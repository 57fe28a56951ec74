"""Tries whole films in a real decoder, which runs in a jail of its own.

A film is read once more for it and takes a second of CPU for some hundred pictures of 1080p. That belongs to the pass
after the first verdict. ffmpeg is given the samples in a file of our own making through a pipe, knows no other protocol
and no other format, and has neither network nor a folder to read: a playlist or an address inside a video leads
nowhere.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

from services.media.inspect import bounds
from services.media.inspect.flaws import of_film, reached, untried
from services.media.inspect.models import Damaged, Fault
from services.media.inspect.mp4 import read_movie
from services.media.inspect.phrases import pixels
from services.media.inspect.reel import SAMPLE, cost_of, price, wind
from services.media.inspect.sound import DECODED as SOUNDS
from services.media.inspect.source import Source
from services.media.inspect.tracks import Track
from services.media.inspect.watching import NICE, watch

DECODED: Final = frozenset({"h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mpeg2video", "mpeg1video", "h263", "mjpeg",
                            "prores", "png", "dvvideo", "dnxhd", "jpeg2000", "svq1", "svq3", "cinepak"})  # fmt: skip
"""Codecs that every ffmpeg of Debian decodes; others are named in the verdict and not tried."""
STRANGE: Final = 8
"""Pictures that are tried of a codec that is not known by name."""


@dataclass
class Budget:
    """Pixels that may still be decoded of a package, of its videos and of its pictures, however fast the machine is.
    What they do not suffice for is put off, or, where nothing comes later, a video is decoded `partly` and a picture
    is one too many. `hears` is told how many bytes more of its films the decoder was given, each once."""

    pixels: int
    pictures: int = bounds.PICTURES
    partly: bool = True
    put_off: bool = False
    hears: Callable[[int], None] = lambda _: None

    def affords(self, picture: int) -> bool:
        """Whether a picture that counts as so many pixels is decoded now; they are taken. Damaged where it is one too
        many."""
        if picture <= self.pictures:
            self.pictures -= picture
            return True
        if self.partly:
            raise Damaged("absurd", f"图片共 pictures altogether > {bounds.PICTURES:,} px")
        self.put_off = True
        return False


class Given:
    """A film that tells as it is read on; what is read again, to be sure, is no more of it."""

    def __init__(self, film: Source, hears: Callable[[int], None]) -> None:
        self._film, self._hears, self.size = film, hears, film.size
        self._furthest = 0

    async def read(self, start: int, length: int) -> bytes:
        data = await self._film.read(start, length)
        further = max(self._furthest, start + length)
        self._hears(further - self._furthest)
        self._furthest = further
        return data

    def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        return self._film.stream(start, length)


async def film_decodes(source: Source, name: str | None, budget: Budget, heard: bool) -> tuple[Fault, ...]:
    """What is wrong with the pictures of an mp4 and its sound, of which the rulebook may want that it is `heard`, once
    all were decoded, or as many as the budget suffices for. OSError where the decoder is missing or was killed by the
    machine: no verdict then."""
    try:
        return tuple([fault async for fault in _film(source, name, budget, heard)])
    except Damaged as damage:
        return (Fault(damage.code, damage.measured, name),)


async def _film(source: Source, name: str | None, budget: Budget, heard: bool) -> AsyncIterator[Fault]:
    movie = await read_movie(source)
    track, sound = movie.track, movie.sound
    if sound and (fault := untried(sound, name, heard)):
        yield fault
    if track.codec not in DECODED:
        if not track.named and await _is_strange(source, track):
            yield Fault("undecodable", f"stsd: {track.codec}", name)
        return
    if track.coded.width * track.coded.height > bounds.FRAME:
        raise Damaged("absurd", pixels(track.coded))
    sound = sound if sound and sound.codec in SOUNDS and sound.samples.sizes else None
    if not budget.partly and price(track, sound) > budget.pixels:
        budget.put_off = True
        return
    reel = await asyncio.to_thread(wind, track, sound, budget.pixels)
    budget.pixels -= reel.cost
    if reel.strips[0].taken:
        watched = await watch(Given(source, budget.hears), reel, NICE if budget.partly else 0)
        for fault in await asyncio.to_thread(lambda: list(of_film(reel, watched, name, heard))):
            yield fault
    if not reel.strips[0].whole:
        yield Fault("partly", reached(reel), name)


async def _is_strange(source: Source, track: Track) -> bool:
    """Whether no decoder makes anything of the first pictures of a codec that is not known by name."""
    if track.coded.width * track.coded.height > bounds.FRAME or max(track.samples.sizes) > SAMPLE:
        return False
    watched = await watch(source, wind(track, None, STRANGE * cost_of(track)))
    return not watched.pictures.shown
