"""Word's 字数: what its 字数统计 dialog calls 字数 and its object model `wdStatisticWords`.

Microsoft counts an East Asian character as a word of its own and everything else by words between blanks
(support.microsoft.com, "Show word count"; learn.microsoft.com, `Document.ComputeStatistics`). So: each Chinese
character, kana and full-width mark is one; so is each symbol Chinese fonts draw full width, such as ① ℃ ×; each run of
other letters, digits and marks is one; blanks are none. Korean is written in words, and counted by them: the dialog's
own row is called 中文字符和朝鲜语单词."""

import unicodedata
from collections.abc import Iterator
from typing import Final

EAST_ASIAN: Final = frozenset({"W", "F", "H"})
UNSEEN: Final = frozenset({"Cf", "Mn", "Me", "Cc"})
APOSTROPHE: Final = "’"
HANGUL: Final = ("HANGUL", "HALFWIDTH HANGUL")


def count(text: str) -> int:
    """字数 of a text."""
    return sum(_counts(text))


def _counts(text: str) -> Iterator[int]:
    in_run = False
    for at, letter in enumerate(text):
        if _full_width(letter) and not (letter == APOSTROPHE and in_run and text[at + 1 : at + 2].isalpha()):
            in_run = False
            yield 0 if letter.isspace() else 1
        elif letter.isspace():
            in_run = False
        elif unicodedata.category(letter) not in UNSEEN:
            yield 0 if in_run else 1
            in_run = True


def _full_width(letter: str) -> bool:
    """Whether a letter takes a Chinese character's place. Unicode leaves the width of some open: of these, letters such
    as é and α are Western, marks and symbols are Chinese text's (UAX #11)."""
    if letter.isascii() or (letter.isalpha() and unicodedata.name(letter, "").startswith(HANGUL)):
        return False
    width = unicodedata.east_asian_width(letter)
    return width in EAST_ASIAN or (width == "A" and unicodedata.category(letter)[0] in "PSN") or letter == "·"
