"""Makes real packages, right ones and wrong ones, with ffmpeg and nothing else: `python -m tests.data.make_packages
FOLDER`. The same call makes the same bytes wherever the same ffmpeg runs."""

import argparse
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

Outcome = Literal["pass", "advice", "fail"]
Members = Mapping[str | bytes, Path | bytes]
LONG_AGO: Final = (2023, 7, 1, 9, 0, 0)
TITLE: Final = "小小气象站活动视频"
SENTENCE: Final = "同学们动手搭建气象站，记录雨量和风速。"
"""19 characters as Word counts them."""
CONTENT_TYPES: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/><Default Extension="jpeg" ContentType="image/jpeg"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument'
    '.wordprocessingml.document.main+xml"/></Types>'
)
IMAGE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"
PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
WORD: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def ffmpeg(*arguments: str | Path) -> Path:
    """Run ffmpeg so that nothing of the time or the machine gets into the file, which is the last argument."""
    quiet = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
    exact = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    *before, target = map(str, arguments)
    subprocess.run([*quiet, *before, *exact, target], check=True, timeout=120)
    return Path(target)


@dataclass(frozen=True)
class Film:
    """A video to be made: its picture, how long it runs, where its index lies. `rate` frames a second; one is enough
    for a teacher's slides and quick to encode. `noise` makes it large: some 5 MB a second at 1080p and 25 frames."""

    width: int = 1920
    height: int = 1080
    seconds: int = 90
    rate: int = 1
    noise: bool = False
    faststart: bool = False
    sound: bool = True
    extra: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        flags = "".join(letter for letter, on in (("n", self.noise), ("f", self.faststart), ("s", self.sound)) if on)
        plain = "_".join(self.extra).replace("/", "-").replace(":", "-").replace("=", "-").replace("+", "")
        return f"{self.width}x{self.height}_{self.seconds}s_{self.rate}_{flags}{plain}.mp4"

    def make(self, folder: Path) -> Path:
        """The file, made once for a folder: a short clip, then repeated without encoding it again."""
        target = folder / self.name
        if not target.exists():
            clip = folder / f"clip_{target.name}"
            self._encode(clip, min(self.seconds, 2 if self.noise else 10))
            again: list[str | Path] = ["-stream_loop", "-1", "-i", clip, "-t", str(self.seconds), "-c", "copy"]
            half = target.with_suffix(".part.mp4")
            ffmpeg(*again, *(["-movflags", "+faststart"] if self.faststart else []), *self.extra, half)
            half.rename(target)
            clip.unlink()
        return target

    def _encode(self, clip: Path, seconds: int) -> None:
        picture = f"smptehdbars=size={self.width}x{self.height}:rate={self.rate}"
        sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"] if self.sound else []
        noise = ["-vf", "noise=alls=40:allf=t:all_seed=7", "-b:v", "40M"] if self.noise else []
        coded = ["-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-pix_fmt", "yuv420p", "-c:a", "aac"]
        ffmpeg("-f", "lavfi", "-i", picture, *sound, "-t", str(seconds), *noise, *coded, clip)


def distinct(film: Path, mark: str) -> bytes:
    """A video's bytes with a `free` box of its own at the end, so that no two packages are the same."""
    payload = mark.encode()
    return film.read_bytes() + (8 + len(payload)).to_bytes(4, "big") + b"free" + payload


def pack(target: Path, members: Members, method: int = zipfile.ZIP_STORED) -> Path:
    """A zip of the members. A name in bytes is written as it is, without the UTF-8 flag, as old Windows tools do."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            info = RawInfo(name)
            info.compress_type = zipfile.ZIP_STORED if info.is_dir() else method
            archive.writestr(info, content.read_bytes() if isinstance(content, Path) else content)
    return target


class RawInfo(zipfile.ZipInfo):
    """A member of a fixed date, under a name of any bytes."""

    def __init__(self, name: str | bytes) -> None:
        super().__init__(name if isinstance(name, str) else name.decode("latin-1"), LONG_AGO)
        self.raw = name if isinstance(name, bytes) else None
        self.external_attr = 0o644 << 16

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 # zipfile's own name for what it asks here
        if self.raw is not None:
            return self.raw, self.flag_bits & ~0x800
        return self.filename.encode(), self.flag_bits | (0 if self.filename.isascii() else 0x800)


def photo(folder: Path, number: int, width: int = 1280, height: int = 960) -> Path:
    """A JPEG unlike those of other numbers."""
    target = folder / f"photo_{width}x{height}_{number}.jpg"
    if not target.exists():
        picture = f"testsrc2=size={width}x{height}:rate=1,hue=h={number * 17}"
        ffmpeg("-f", "lavfi", "-i", picture, "-frames:v", "1", "-q:v", "4", target)
    return target


def docx(target: Path, paragraphs: list[str], pictures: list[Path] = []) -> Path:  # noqa: B006 # never changed
    """A Word document with its text and pictures."""
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    text = f'<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    members: dict[str | bytes, Path | bytes] = {
        "[Content_Types].xml": CONTENT_TYPES.encode(),
        "word/document.xml": text.encode(),
        "word/_rels/document.xml.rels": _references(
            [f"media/image{number + 1}.jpeg" for number in range(len(pictures))]
        ),
    }
    members |= {f"word/media/image{number}.jpeg": picture for number, picture in enumerate(pictures, 1)}
    return pack(target, members, zipfile.ZIP_DEFLATED)


def _references(pictures: list[str]) -> bytes:
    rows = "".join(f'<Relationship Id="r{n}" Type="{IMAGE}" Target="{name}"/>' for n, name in enumerate(pictures))
    return f'<Relationships xmlns="{PACKAGE}">{rows}</Relationships>'.encode()


@dataclass(frozen=True)
class Recipe:
    """A kind of package: what it is, where it goes, and what the check has to find in it under cloud-studio-2023."""

    slot: str
    outcome: Outcome
    make: Callable[[Path, Path, str], object]
    """(folder for what packages share, the package to write, its mark)"""
    broken: frozenset[str] = field(default_factory=frozenset)


def film_in(
    name: str | bytes, film: Film = Film(), method: int = zipfile.ZIP_STORED
) -> Callable[[Path, Path, str], object]:
    """A package of one video under a name."""
    return lambda shared, target, mark: pack(target, {name: distinct(film.make(shared), mark)}, method)


def with_leftovers(shared: Path, target: Path, mark: str) -> None:
    """A package as macOS makes it: one folder around everything, and what Finder adds."""
    film = distinct(Film().make(shared), mark)
    pack(target, {
        f"{TITLE}/": b"",
        f"{TITLE}/{TITLE}.mp4": film,
        f"{TITLE}/.DS_Store": b"\0\0\0\1Bud1" + bytes(64),
        f"__MACOSX/{TITLE}/._{TITLE}.mp4": b"\0\5\x16\7" + bytes(64),
        f"{TITLE}/Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64),
    })  # fmt: skip


def cut_short(shared: Path, target: Path, mark: str) -> None:
    """A package of which the last third never arrived."""
    film_in(f"{TITLE}.mp4")(shared, target, mark)
    data = target.read_bytes()
    target.write_bytes(data[: len(data) * 2 // 3])


def case(
    sentences: int = 20, photos: int = 5, width: int = 1280, height: int = 960, method: int = zipfile.ZIP_DEFLATED
) -> Callable[[Path, Path, str], object]:
    """A package of a Word document and photographs."""

    def make(shared: Path, target: Path, mark: str) -> None:
        text = docx(target.with_suffix(".docx"), [*[SENTENCE] * sentences, mark])
        members: dict[str | bytes, Path | bytes] = {"案例.docx": text}
        members |= {f"图片{n}.jpg": photo(shared, n, width, height) for n in range(1, photos + 1)}
        pack(target, members, method)
        text.unlink()

    return make


def case_in_one(shared: Path, target: Path, mark: str) -> None:
    """A Word document with its five photographs inside."""
    text = docx(target.with_suffix(".docx"), [SENTENCE, mark], [photo(shared, number) for number in range(1, 6)])
    pack(target, {"案例.docx": text}, zipfile.ZIP_DEFLATED)
    text.unlink()


RECIPES: Final[dict[str, Recipe]] = {
    "stored": Recipe("video", "pass", film_in(f"{TITLE}.mp4")),
    "deflated": Recipe("video", "pass", film_in(f"{TITLE}.mp4", method=zipfile.ZIP_DEFLATED)),
    "faststart": Recipe("video", "pass", film_in("activity.mp4", Film(faststart=True), zipfile.ZIP_DEFLATED)),
    "gbk-name": Recipe("video", "pass", film_in(f"{TITLE}.mp4".encode("gbk"))),
    "leftovers": Recipe("video", "pass", with_leftovers),
    "too-long": Recipe("video", "advice", film_in("long.mp4", Film(seconds=540)), frozenset({"video.duration"})),
    "four-three": Recipe("video", "fail", film_in("43.mp4", Film(1920, 1440)), frozenset({"video.aspect"})),
    "720p": Recipe("video", "fail", film_in("hd.mp4", Film(1280, 720)), frozenset({"video.resolution"})),
    "cut-short": Recipe("video", "fail", cut_short, frozenset({"package.truncated"})),
    "case": Recipe("case", "pass", case()),
    "case-in-one": Recipe("case", "pass", case_in_one),
    "case-wordy": Recipe("case", "fail", case(sentences=30), frozenset({"document.characters"})),
    "case-few": Recipe("case", "fail", case(photos=4), frozenset({"images.count"})),
    "case-small": Recipe("case", "fail", case(width=480, height=360), frozenset({"images.resolution"})),
}


def make(kind: str, folder: Path, mark: str = "1") -> Path:
    """The package of a kind and a mark: `folder/<kind>-<mark>.zip`. Parts are made once for a folder."""
    shared = folder / "parts"
    shared.mkdir(parents=True, exist_ok=True)
    target = folder / f"{kind}-{mark}.zip"
    if not target.exists():
        half = folder / f".{kind}-{mark}.half.zip"
        RECIPES[kind].make(shared, half, mark)
        shutil.move(half, target)
    return target


def main() -> None:
    """Make one package of each kind, and say what each is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    for kind, recipe in RECIPES.items():
        said = {"file": str(make(kind, folder)), "slot": recipe.slot, "outcome": recipe.outcome}
        print(json.dumps({**said, "broken": sorted(recipe.broken)}, ensure_ascii=False))  # noqa: T201 # its output


if __name__ == "__main__":
    main()
