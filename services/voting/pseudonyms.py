"""How voters, devices and addresses are kept: as keyed hashes, equal where they are, of no use to anybody without the
key."""

import hmac
import ipaddress
import json
import unicodedata
from collections.abc import Callable
from functools import lru_cache

_quoted: Callable[[str], str] = json.encoder.encode_basestring  # in C; a whole JSON encoder costs ten times as much


def normal_voter(voter: str) -> str:
    """The form in which two ids of one voter are equal; empty where nothing of it is left.

    Control and invisible format characters dropped, Unicode NFKC (full-width and composed forms), case folded,
    runs of white space one blank, none at the ends.
    """
    if voter.isascii() and voter.isprintable():
        return " ".join(voter.lower().split())
    visible = "".join(c for c in voter if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())
    return " ".join(folded.split())


def normal_address(address: str) -> str:
    """The form in which two addresses of one subscriber are equal: IPv4, or of IPv6 the 64 bits a line has for itself.
    ValueError where it is no address."""
    ip = ipaddress.ip_address(address.strip())
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.IPv6Network((ip, 64), strict=False))
    return str(ip)


def of_voter(key: bytes, channel: str, normal: str) -> str:
    """A voter of a channel, by the normalised id."""
    return _pseudonym(_begun(key, channel), normal)


def of_device(key: bytes, channel: str, device: str) -> str:
    """A device as a channel names it; no channel knows another's."""
    return _pseudonym(_begun(key, channel, "device"), device)


def of_address(key: bytes, address: str) -> str:
    """A network address, the same in every channel. ValueError where it is none."""
    return _pseudonym(_begun(key, "", "address"), normal_address(address))


def _pseudonym(begun: hmac.HMAC, last: str) -> str:
    """128 bits in hex: HMAC-SHA-256 over a JSON array of what is said, cut in half."""
    keyed = begun.copy()
    keyed.update(f"{_quoted(last)}]".encode(errors="surrogatepass"))
    return keyed.hexdigest()[:32]


@lru_cache
def _begun(key: bytes, *said: str) -> hmac.HMAC:
    """Begun with the key and what many have in common: a copy costs half of what beginning anew does."""
    first = "".join(f"{_quoted(each)}, " for each in said)
    return hmac.new(key, f"[{first}".encode(errors="surrogatepass"), "sha256")
