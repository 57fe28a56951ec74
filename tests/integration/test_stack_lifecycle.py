"""A local stack comes up, says what is wrong when it cannot, keeps its data, and leaves no process."""

import io
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from minio import Minio

from deploy.local import leftovers
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.part import NotReady, Part
from deploy.local.stack import DidNotStart, LocalStack
from tests.support.kinds import connect_mongo

STORES = ("mongodb", "seaweedfs")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "one")
    yield home
    LocalStack.stop_at(home)


def client(addresses: Addresses) -> Minio:
    s3 = addresses.s3
    return Minio(s3.endpoint.removeprefix("http://"), access_key=s3.access_key, secret_key=s3.secret_key, secure=False)


def test_stack_when_stopped_leaves_no_process(home: Home) -> None:
    stack = LocalStack.open(home)
    stack.start(*STORES, "mail")
    before = len(leftovers.living(home))
    stack.stop()
    assert (before >= 4, leftovers.living(home)) == (True, {})


def test_stack_when_started_twice_is_the_same_one(home: Home) -> None:
    first = LocalStack.open(home)
    first.start("mail")
    pid = first.supervisor.processes()["mail"].pid
    again = LocalStack.open(home)
    again.start("mail")
    assert (again.addresses, again.supervisor.processes()["mail"].pid) == (first.addresses, pid)


def test_stack_when_its_ports_were_taken_meanwhile_moves_and_keeps_its_data(home: Home) -> None:
    stack = LocalStack.open(home)
    stack.start(*STORES)
    with connect_mongo(stack.addresses.mongo_url) as mongo:
        mongo["kept"]["c"].insert_one({"_id": 1})
    client(stack.addresses).put_object(stack.addresses.s3.bucket, "kept", io.BytesIO(b"bytes"), 5)
    stack.stop()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.addresses.ports["mongodb"]))
        moved = LocalStack.open(home)
        moved.start(*STORES)
    assert moved.addresses.ports["mongodb"] != stack.addresses.ports["mongodb"]
    with connect_mongo(moved.addresses.mongo_url) as mongo:
        assert mongo["kept"]["c"].find_one() == {"_id": 1}
    with client(moved.addresses).get_object(moved.addresses.s3.bucket, "kept") as answer:
        assert answer.read() == b"bytes"


def test_stacks_in_two_folders_when_both_run_share_nothing_that_runs(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "two")
    try:
        stacks = [LocalStack.open(each) for each in (home, other)]
        for stack in stacks:
            stack.start("mail")
        ports = [stack.addresses.ports["smtp"] for stack in stacks]
        secrets = [set(stack.addresses.secrets.values()) for stack in stacks]
        assert (len(set(ports)), secrets[0] & secrets[1]) == (2, set())
        stacks[0].stop()
        stacks[1].parts["mail"].ready()
    finally:
        LocalStack.stop_at(other)


def test_part_that_ends_at_once_is_named_with_the_end_of_its_log(home: Home) -> None:
    def never() -> None:
        raise NotReady("it never answers")

    broken = Part("broken", ("sh", "-c", "echo the disk is on fire; exit 3"), 1, ready=never)
    stack = LocalStack.open(home, more=lambda *_: [broken])
    with pytest.raises(DidNotStart, match=r"(?s)broken .*: it never answers.*the disk is on fire"):
        stack.start("broken", within=2)


def test_process_when_killed_is_started_again(home: Home) -> None:
    stack = LocalStack.open(home)
    stack.start("mongodb")
    killed = stack.supervisor.processes()["mongodb"].pid
    os.kill(killed, signal.SIGKILL)
    until = time.monotonic() + 10
    while stack.supervisor.processes()["mongodb"].pid in {0, killed} and time.monotonic() < until:
        time.sleep(0.1)
    with connect_mongo(stack.addresses.mongo_url) as mongo:
        assert mongo.admin.command("ping")["ok"] == 1


def test_stack_whose_supervisor_was_killed_when_stopped_leaves_no_process(home: Home) -> None:
    stack = LocalStack.open(home)
    stack.start("mail")
    os.kill(int((home.root / "supervisord.pid").read_text()), signal.SIGKILL)
    LocalStack.stop_at(home)
    assert leftovers.living(home) == {}
