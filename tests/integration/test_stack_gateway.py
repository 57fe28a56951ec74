"""The gateway is one origin: files reach the store exactly as signed, pages are served, services are found."""

import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from minio import Minio

from deploy.local.addresses import Addresses
from tests.support.native import Native

PART = b"\x00\x01" * 3_000_000


@pytest.fixture(scope="module")
def addresses(native: Native) -> Addresses:
    return native.gateway()


@pytest.fixture
def signer(addresses: Addresses) -> Minio:
    """What a service signs with: the store's keys and the address browsers see."""
    s3 = addresses.s3
    host = s3.public_endpoint.removeprefix("http://")
    return Minio(endpoint=host, access_key=s3.access_key, secret_key=s3.secret_key, secure=False, region="us-east-1")


def test_presigned_put_and_get_through_the_gateway_verify(addresses: Addresses, signer: Minio) -> None:
    name = "筑梦 entry+1/作品.zip"
    put = httpx.put(signer.presigned_put_object(addresses.s3.bucket, name), content=PART)
    got = httpx.get(signer.presigned_get_object(addresses.s3.bucket, name))
    assert (put.status_code, got.status_code, got.content == PART) == (200, 200, True)


def test_presigned_put_when_altered_is_refused(addresses: Addresses, signer: Minio) -> None:
    url = signer.presigned_put_object(addresses.s3.bucket, "a").replace("/a?", "/b?")
    assert httpx.put(url, content=b"x").status_code == 403


def test_presigned_part_of_a_multipart_upload_through_the_gateway_becomes_the_object(
    addresses: Addresses, signer: Minio
) -> None:
    bucket, name = addresses.s3.bucket, "parts.bin"
    upload = signer._create_multipart_upload(bucket, name, {})
    asked: dict[str, str | list[str] | tuple[str]] = {"uploadId": upload, "partNumber": "1"}
    put = httpx.put(signer.get_presigned_url("PUT", bucket, name, extra_query_params=asked), content=PART)
    etag = put.headers["ETag"].strip('"')
    listed = signer._list_parts(bucket, name, upload).parts
    assert [(p.part_number, p.etag.strip('"'), p.size) for p in listed] == [(1, etag, len(PART))]
    signer._complete_multipart_upload(bucket, name, upload, listed)
    assert signer.stat_object(bucket, name).size == len(PART)


def test_range_through_the_gateway_is_answered_with_that_range(addresses: Addresses, signer: Minio) -> None:
    signer.put_object(addresses.s3.bucket, "range", io.BytesIO(b"0123456789"), 10)
    url = signer.presigned_get_object(addresses.s3.bucket, "range")
    answer = httpx.get(url, headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")


def test_browser_of_another_origin_may_put_parts_and_read_their_etag(addresses: Addresses, signer: Minio) -> None:
    url = signer.presigned_put_object(addresses.s3.bucket, "cors")
    asks = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "PUT"}
    allowed = httpx.options(url, headers=asks)
    put = httpx.put(url, content=b"x", headers={"Origin": "http://localhost:5173"})
    assert allowed.status_code == 200
    assert "PUT" in allowed.headers["Access-Control-Allow-Methods"]
    assert (put.status_code, "etag" in put.headers["Access-Control-Expose-Headers"].lower()) == (200, True)


def test_first_page_names_every_service(addresses: Addresses) -> None:
    page = httpx.get(f"{addresses.gateway_url}/").text
    services = ("registration", "media", "review", "voting", "notify")
    assert [name for name in services if f"/api/{name}/openapi.json" not in page] == []


def test_service_that_is_down_is_a_bad_gateway_and_not_a_page(addresses: Addresses) -> None:
    assert httpx.get(f"{addresses.gateway_url}/api/review/entries").status_code == 502


EVENT = "data: 1"


@pytest.fixture
def heard(addresses: Addresses) -> Iterator[threading.Event]:
    """Stands where the voting API does, tells one event, and ends only when that was heard."""
    heard = threading.Event()

    class Telling(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.end_headers()
            self.wfile.write(f"{EVENT}\n\n".encode())
            heard.wait(timeout=60)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", addresses.ports["voting-api"]), Telling)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield heard
    heard.set()
    server.shutdown()
    server.server_close()


def test_event_passes_the_gateway_while_its_stream_goes_on(addresses: Addresses, heard: threading.Event) -> None:
    url = f"{addresses.gateway_url}/api/voting/v1/campaigns/any/tally/events"
    with httpx.stream("GET", url, timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines) == EVENT
        heard.set()
        assert list(lines) == [""]
