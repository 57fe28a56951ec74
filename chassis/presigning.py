"""URLs that one upload of an exact length may be PUT to: AWS Signature Version 4 in the query, with the length signed.

The SDK signs the host alone, so its URLs take any length. Source: AWS, "Authenticating Requests: Using Query
Parameters (AWS Signature Version 4)".
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SIGNED: Final = "content-length;host"


@dataclass(frozen=True)
class Presigner:
    """Signs for one store with one key; `endpoint` is where the sender reaches it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str

    def put(self, path: str, query: Mapping[str, str], size: int, expires_s: int, now: datetime) -> str:
        """A URL that takes exactly `size` bytes until `expires_s` seconds from `now`; the store refuses others."""
        stamp = now.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        said = {
            **query,
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self.access_key}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(expires_s),
            "X-Amz-SignedHeaders": SIGNED,
        }
        asked = "&".join(f"{_escaped(name)}={_escaped(value)}" for name, value in sorted(said.items()))
        where = quote(path, safe="/-_.~")
        headers = (f"content-length:{size}", f"host:{_host(self.endpoint)}", "")
        request = "\n".join(("PUT", where, asked, *headers, SIGNED, "UNSIGNED-PAYLOAD"))
        return f"{self.endpoint}{where}?{asked}&X-Amz-Signature={self._signature(stamp, scope, request)}"

    def _signature(self, stamp: str, scope: str, request: str) -> str:
        key = f"AWS4{self.secret_key}".encode()
        for word in scope.split("/"):
            key = _mac(key, word)
        digest = hashlib.sha256(request.encode()).hexdigest()
        return _mac(key, "\n".join((ALGORITHM, stamp, scope, digest))).hex()


def _host(endpoint: str) -> str:
    """As a browser names it, without the port its scheme has anyway."""
    url = urlsplit(endpoint)
    return url.netloc.removesuffix({"http": ":80", "https": ":443"}[url.scheme])


def _escaped(word: str) -> str:
    return quote(word, safe="-_.~")


def _mac(key: bytes, said: str) -> bytes:
    return hmac.new(key, said.encode(), hashlib.sha256).digest()
