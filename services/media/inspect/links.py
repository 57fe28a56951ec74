"""Where an address in a document leads: beyond the machine it is opened on, or not."""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

OWN: Final = re.compile(r"^//(localhost|[a-z]:)?(?=/)", re.IGNORECASE)
"""How the address of a file begins that lies on the reader's own machine: no host, this one, or (wrongly) a drive."""
ROOTS: Final = re.compile(r"^//+(?=(Users|Applications|Library|Volumes|private|home)/)")
"""The same as Word for Mac writes it, with a slash too many: no host, but the first folder of a disk."""
HERE: Final = frozenset({"cid", "data", "about"})
"""Schemes that bring along what they stand for: pictures out of a mail, or written out in the address."""
AROUND: Final = frozenset({"mhtml", "url"})
"""Schemes that only go before another address."""


def leads_away(target: str) -> bool:
    """Whether an address leads beyond the machine: to the web, or to a share of another computer. Line ends, tabs and
    letters nobody sees are passed over, as programs do that follow addresses."""
    path = "".join(letter for letter in unquote(target) if unicodedata.category(letter)[0] != "C")
    path = path.strip().replace("\\", "/")
    scheme, colon, rest = path.partition(":")
    scheme = scheme.casefold() if colon else ""
    if scheme in AROUND:
        return leads_away(rest)
    if scheme == "file":
        path = ROOTS.sub("/", OWN.sub("", rest))
    elif len(scheme) > 1 and scheme.isalnum():
        return scheme not in HERE
    return path.startswith("//")
