"""Reading packages in place from a real store: the bytes of one version, all that was asked for, or an error."""

import asyncio
import contextlib
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chassis.objects import ObjectStore
from chassis.refusal import Refused
from contracts.events.media import StoredObject
from contracts.rulebook import SHIPPED, Slot, load
from services.media.inspect.probe import measure, measure_first
from services.media.objects import Packages
from tests.data.make_packages import Film, distinct, pack
from tests.support.kinds import ObjectStore as Bucket
from tests.support.kinds import connect_s3


@pytest.fixture(scope="module")
def slot() -> Slot:
    rulebook = load(SHIPPED / "cloud-studio-2023.yaml")
    return next(slot for track in rulebook.tracks for slot in track.slots if slot.id == "video")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 2 MB, so that ranges are worth their while."""
    return Film(seconds=60, rate=25).make(tmp_path_factory.mktemp("film"))


def package(film: Path, mark: str, folder: Path, method: int = zipfile.ZIP_STORED) -> bytes:
    return pack(folder / f"{mark}.zip", {"片.mp4": distinct(film, mark)}, method).read_bytes()


def put(s3: Bucket, key: str, data: bytes) -> StoredObject:
    """Put an object, pinned as it is now."""
    said = connect_s3(s3).put_object(s3.bucket, key, io.BytesIO(data), len(data))
    return StoredObject(bucket=s3.bucket, key=key, etag=str(said.etag).strip('"'))


def packages(s3: Bucket) -> Packages:
    return Packages(ObjectStore(s3.endpoint, s3.endpoint, s3.access_key, s3.secret_key, s3.bucket))


async def test_package_swapped_between_the_passes_is_never_mixed(
    s3: Bucket, slot: Slot, film: Path, tmp_path: Path
) -> None:
    before, after = package(film, "a", tmp_path), package(film, "b", tmp_path)
    pinned = put(s3, "material/swapped.zip", before)
    source = packages(s3).source(pinned, len(before))
    first = await measure_first(source, slot)
    assert (first.complete, first.faults) == (False, ())
    put(s3, "material/swapped.zip", after)
    for look in (measure, measure_first):
        with pytest.raises(Refused) as refused:
            await look(source, slot)
        assert refused.value.code == "object_changed"


async def test_bucket_that_is_not_there_is_a_fault_of_the_platform_and_no_missing_object(s3: Bucket) -> None:
    pinned = StoredObject(bucket=f"{s3.bucket}-gone", key="material/e/m", etag="e")
    gone = ObjectStore(s3.endpoint, s3.endpoint, s3.access_key, s3.secret_key, pinned.bucket)
    with pytest.raises(ConnectionError, match="refused"):
        await gone.read(pinned.key, 0, 1)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.02, 0.5, 0.999])
async def test_answer_cut_short_is_a_fault_of_the_platform(
    s3: Bucket, slot: Slot, film: Path, tmp_path: Path, share: float, method: int
) -> None:
    data = package(film, f"cut-{share}-{method}", tmp_path, method)
    pinned = put(s3, f"material/cut-{share}-{method}.zip", data)
    async with cutting(s3.endpoint, int(share * len(data))) as endpoint:
        with pytest.raises(ConnectionError):
            await measure(packages(replace(s3, endpoint=endpoint)).source(pinned, len(data)), slot)
    assert (await measure(packages(s3).source(pinned, len(data)), slot)).faults == ()


@asynccontextmanager
async def cutting(endpoint: str, after: int) -> AsyncIterator[str]:
    """A line to a server that ends in good order once so many bytes were answered, all connections together."""
    left, to = after, urlsplit(endpoint)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(to.hostname, to.port)
        asking = asyncio.create_task(pump(reader, far_writer))
        await answer(far_reader, writer)
        asking.cancel()
        far_writer.close()
        writer.close()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        with contextlib.suppress(OSError):
            while left > 0 and (data := await reader.read(65536)):
                writer.write(data[:left])
                left -= len(data)
                await writer.drain()

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
