"""Names as computers in China have written them."""

import zlib

import pytest

from services.media.inspect.names import UNICODE_PATH, decoded, extension, is_leftover, leads_outside, shown


def unicode_path(raw: bytes, name: str, crc: int | None = None) -> dict[int, bytes]:
    right = zlib.crc32(raw) if crc is None else crc
    return {UNICODE_PATH: b"\1" + right.to_bytes(4, "little") + name.encode()}


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("活动视频.mp4".encode(), "活动视频.mp4"),
        ("活动视频.mp4".encode("gbk"), "活动视频.mp4"),
        ("𠮷野.mp4".encode("gb18030"), "𠮷野.mp4"),
        ("乗.mp4".encode("gbk"), "乗.mp4"),
        ("科學工作室.mp4".encode("big5"), "科學工作室.mp4"),
        ("碁銹.mp4".encode("cp950"), "碁銹.mp4"),
        (b"plain.mp4", "plain.mp4"),
        (b"\xff\xfe\xff.mp4", "%FF%FE%FF.mp4"),
        (b"a\\\xff.mp4", "a\\%FF.mp4"),
    ],
)
def test_name_in_any_encoding_is_read(raw: bytes, name: str) -> None:
    assert decoded(raw, {}) == name


def test_unicode_field_counts_only_with_the_right_crc() -> None:
    raw = "活动.mp4".encode("gbk")
    assert decoded(raw, unicode_path(raw, "真名.mp4")) == "真名.mp4"
    assert decoded(raw, unicode_path(raw, "真名.mp4", crc=1)) == "活动.mp4"


def test_name_shown_cannot_play_tricks() -> None:
    assert shown("a\u202e4pm.exe\n\x1b[31m") == "a\\u202e4pm.exe\\u000a\\u001b[31m"
    assert shown("e\u0301.mp4") == "é.mp4"
    assert shown("夹\\片.mp4") == "夹/片.mp4"


@pytest.mark.parametrize(
    "name", ["__MACOSX/._a.mp4", "片/.DS_Store", "Thumbs.db", "a/desktop.ini", "._a.jpg", "~$案例.docx"]
)
def test_leftover_is_known(name: str) -> None:
    assert is_leftover(name)


@pytest.mark.parametrize("name", ["a.mp4", "macosx/a.mp4", "DS_Store.docx"])
def test_file_of_a_person_is_no_leftover(name: str) -> None:
    assert not is_leftover(name)


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/a", "C:a", "c:\\a", "\\\\host\\a", "a\0.mp4", "", "/"])
def test_name_that_leads_outside_is_told(name: str) -> None:
    assert leads_outside(name)


@pytest.mark.parametrize("name", ["a..mp4", "第1:2届.mp4", "...", "a/b/c.mp4"])
def test_odd_name_stays_inside(name: str) -> None:
    assert not leads_outside(name)


@pytest.mark.parametrize(
    ("name", "ending"), [("a.MP4", "mp4"), ("a.tar.gz", "gz"), ("片", ""), (".mp4", ""), ("a.b/c", "")]
)
def test_extension_is_what_follows_the_last_dot(name: str, ending: str) -> None:
    assert extension(name) == ending
