"""SeaweedFS: the embedded S3 store, all its roles in one process."""

import json
import sys
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import S3Error
from urllib3.exceptions import HTTPError

from deploy.local.addresses import Addresses, S3Address
from deploy.local.home import Home
from deploy.local.part import NotReady, Part

VOLUME_LIMIT_MB = 256
"""Size at which a volume is full; the free disk divided by it is how many there may be. Nothing is allocated ahead."""

ONE_VOLUME_AT_A_TIME = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
"""Every bucket has its own volumes and by default takes seven at once, which soon uses up what there may be."""

STOP_WITHIN = 2
"""On SIGTERM it waits 15 s for its own connections to itself; what was answered is already written."""


def seaweedfs(home: Home, addresses: Addresses) -> Part:
    """The store with one identity that may do everything; POST policies need an identities file."""
    folder = home.folder("seaweedfs")
    identities = folder / "identities.json"
    identities.touch(mode=0o600)
    identities.write_text(json.dumps(_identities(addresses.s3)))
    ports = addresses.ports
    command = (
        str(Path(sys.executable).with_name("weed")),
        *(
            "-logtostderr=true",
            "server",
            f"-dir={home.folder('seaweedfs/data')}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
        ),
        *(f"-master.port={ports['master']}", f"-master.port.grpc={ports['master-grpc']}"),
        *(f"-master.volumeSizeLimitMB={VOLUME_LIMIT_MB}", "-master.telemetry=false"),
        *("-master.electionTimeout=500ms", "-master.heartbeatInterval=100ms"),  # it stands alone: nothing to wait for
        *(f"-volume.port={ports['volume']}", f"-volume.port.grpc={ports['volume-grpc']}"),
        *("-volume.max=0", "-volume.preStopSeconds=0"),
        *("-filer", f"-filer.port={ports['filer']}", f"-filer.port.grpc={ports['filer-grpc']}"),
        *("-s3", f"-s3.port={ports['s3']}", f"-s3.port.grpc={ports['s3-grpc']}", f"-s3.config={identities}"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.localSocket={folder / 's3.sock'}"),
    )
    surroundings = ONE_VOLUME_AT_A_TIME | {"TMPDIR": str(folder)}
    return Part(
        "seaweedfs",
        command,
        ports["s3"],
        surroundings,
        ready=lambda: _make_bucket(addresses.s3),
        stop_within=STOP_WITHIN,
    )


def _identities(s3: S3Address) -> object:
    keys = {"accessKey": s3.access_key, "secretKey": s3.secret_key}
    return {"identities": [{"name": "zhumeng", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List"]}]}


def _make_bucket(s3: S3Address) -> None:
    """The bucket everything goes into; making it needs a volume server that has joined, so it proves the store."""
    client = Minio(
        endpoint=s3.endpoint.removeprefix("http://"),
        access_key=s3.access_key,
        secret_key=s3.secret_key,
        secure=False,
        http_client=urllib3.PoolManager(timeout=2, retries=False),
    )
    try:
        if not client.bucket_exists(s3.bucket):
            client.make_bucket(s3.bucket)
    except (S3Error, HTTPError) as error:
        raise NotReady(f"the S3 store: {error}") from error
