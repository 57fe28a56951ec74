"""What was agreed with a channel: its rate, its signature, and that nothing refused is counted."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from pydantic import SecretStr

from chassis.clock import SystemClock
from chassis.service import Service
from chassis.testing import Issuer, client
from contracts.ids import EntryId
from contracts.ingress import HandInBallot
from contracts.rulebook import dump
from contracts.rulebook.rehearsal import rehearsal
from services.voting.app import build_api
from services.voting.settings import Settings, key_of
from services.voting.signatures import sign
from tests.service.voting.world import BOOK, Vote, approved, somebody

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHANNELS: dict[str, Any] = {
    "slow": {"ballots_per_s": 0.001},
    "sealed": {"secret": SECRET, "signed": "required"},
    "open": {"secret": SECRET},
    "douyin": {"accounts": ["douyin-account"], "ballots_per_s": 0.001},
}
PAGE = Path(__file__).parents[3] / "docs" / "channels.md"


@pytest.fixture
async def agreed(vote: Vote, settings_of: Any, issuer: Issuer) -> AsyncIterator[Service]:
    """An API process that channels agreed something with, and an entry to vote on."""
    await vote.open("bridge")
    service = build_api(settings_of(Settings, channels=CHANNELS), vote.clock)
    service.stream = vote.bus.stream
    issuer.admit(service)
    yield service
    await service.client.close()


def ballot(voter: str, entry: str = "bridge") -> dict[str, str]:
    return {"campaign": BOOK.id, "entry": entry, "voter": voter}


def body_of(*voters: str) -> bytes:
    return json.dumps([ballot(voter) for voter in voters]).encode()


def signed(vote: Vote, body: bytes, request_id: str = "batch-1", **off: float) -> dict[str, str]:
    """The headers of a signed request, by a channel's clock that is off by so much."""
    at = str(int((vote.clock.now() + timedelta(**off)).timestamp()))
    signature = sign(key_of(SecretStr(SECRET)), request_id.encode(), at.encode(), body)
    return {"Webhook-Id": request_id, "Webhook-Timestamp": at, "Webhook-Signature": signature.decode()}


async def refused(web: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """A refusal, seen to be one in both languages and to be one line in the log without any of what came."""
    with structlog.testing.capture_logs() as lines:
        answer = await web.post("/v1/votes", content=body, headers=headers)
    said: dict[str, Any] = answer.json()
    assert (answer.headers["content-type"], said["status"]) == ("application/problem+json", answer.status_code)
    assert any("\u4e00" <= sign <= "\u9fff" for sign in said["zh"])
    assert said["en"].isascii()
    [line] = lines
    assert (line["event"], line["code"], line["status"]) == ("refused", said["code"], said["status"])
    assert not any(secret in str(lines) for secret in (SECRET, SECRET[6:], *headers.values()))
    return said | {"retry_after": answer.headers.get("retry-after"), "account": line["account"]}


async def outcomes(web: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> list[tuple[str, str | None]]:
    answer = await web.post("/v1/votes", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return [(each["outcome"], each["ballot"]) for each in answer.json()]


async def kept(vote: Vote) -> int:
    return await vote.store.count_ballots(BOOK.id)


async def test_channel_over_its_rate_is_told_when_to_come_again_and_nothing_is_counted(
    vote: Vote, agreed: Service, issuer: Issuer
) -> None:
    async with client(agreed, issuer.token("frontend", account="slow")) as slow:
        assert len(await outcomes(slow, body_of(*map(somebody, range(990))), {})) == 990
        said = await refused(slow, body_of(*(f"w{n}" for n in range(20))), {})
        assert (said["status"], said["code"], said["account"]) == (429, "too_fast", "slow")
        assert (said["measured_ballots"], said["left_ballots"], said["granted_per_s"]) == (20, 10, 0.001)
        assert said["retry_after"] == str(said["retry_after_s"])
        assert 9_000 < said["retry_after_s"] <= 10_000
        assert await kept(vote) == 990
        assert [outcome for outcome, _ in await outcomes(slow, body_of("x1", "x2"), {})] == ["counted"] * 2
    async with client(agreed, issuer.token("frontend", account="another")) as another:
        assert [outcome for outcome, _ in await outcomes(another, body_of("y"), {})] == ["counted"]
    assert await kept(vote) == 993


async def test_channel_over_its_rate_on_the_bus_loses_no_ballot(vote: Vote, agreed: Service, issuer: Issuer) -> None:
    vote.api.hears = agreed.hears
    async with client(agreed, issuer.token("frontend", account="douyin-account")) as channel:
        await outcomes(channel, body_of(*map(somebody, range(1000))), {})
        assert (await refused(channel, body_of("w"), {}))["code"] == "too_fast"
    answers = [
        await vote.bus.hand_in(
            HandInBallot(campaign=BOOK.id, entry=EntryId("bridge"), voter=f"w{n}"), "douyin-account", f"m{n}"
        )
        for n in range(5)
    ]
    assert [answer["outcome"] if isinstance(answer, dict) else answer.outcome for answer in answers] == ["counted"] * 5
    assert await kept(vote) == 1005


@pytest.mark.parametrize(("account", "change", "code"), [
    ("sealed", {"Webhook-Id": "", "Webhook-Timestamp": "", "Webhook-Signature": ""}, "signature_missing"),
    ("sealed", {"Webhook-Signature": ""}, "signature_missing"),
    ("open", {"Webhook-Id": ""}, "signature_missing"),
    ("open", {"Webhook-Id": "batch-2"}, "signature_wrong"),
    ("open", {"Webhook-Timestamp": "yesterday"}, "signature_malformed"),
    ("sealed", {"Webhook-Signature": "v1,AAAA"}, "signature_wrong"),
    ("unlisted", {}, "signature_without_secret"),
])  # fmt: skip
async def test_request_that_is_not_truly_signed_is_refused_and_nothing_is_counted(
    vote: Vote, agreed: Service, issuer: Issuer, account: str, change: dict[str, str], code: str
) -> None:
    body = body_of("wei", "li")
    headers = {name: value for name, value in (signed(vote, body) | change).items() if value}
    async with client(agreed, issuer.token("frontend", account=account)) as channel:
        said = await refused(channel, body, headers)
    assert (said["status"], said["code"], said["account"], await kept(vote)) == (401, code, account, 0)


async def test_body_changed_on_its_way_is_refused_and_nothing_is_counted(
    vote: Vote, agreed: Service, issuer: Issuer
) -> None:
    async with client(agreed, issuer.token("frontend", account="sealed")) as channel:
        said = await refused(channel, body_of("li"), signed(vote, body_of("wei")))
        assert (said["code"], await kept(vote)) == ("signature_wrong", 0)
        [(outcome, _)] = await outcomes(channel, body_of("wei"), signed(vote, body_of("wei")))
    assert outcome == "counted"


async def test_signature_holds_for_five_minutes_either_way_and_not_a_second_longer(
    vote: Vote, agreed: Service, issuer: Issuer
) -> None:
    async with client(agreed, issuer.token("frontend", account="sealed")) as channel:
        for seconds, code in ((-301, "signature_stale"), (301, "signature_early")):
            said = await refused(channel, body_of("wei"), signed(vote, body_of("wei"), seconds=seconds))
            assert (said["status"], said["code"], said["tolerance_s"]) == (401, code, 300)
            assert said["measured_s"] - said["server_s"] == seconds
        assert await kept(vote) == 0
        for voter, seconds in (("wei", -300), ("li", 300)):
            headers = signed(vote, body_of(voter), f"batch-{voter}", seconds=seconds)
            assert [each for each, _ in await outcomes(channel, body_of(voter), headers)] == ["counted"]
        assert await kept(vote) == 2


async def test_signed_request_replayed_counts_nothing_more_here_on_a_replica_and_later(
    vote: Vote, agreed: Service, issuer: Issuer, settings_of: Any
) -> None:
    replica = build_api(settings_of(Settings, channels=CHANNELS), vote.clock)
    replica.stream = vote.bus.stream
    issuer.admit(replica)
    body, token = body_of("wei", "li"), issuer.token("frontend", account="open")
    headers = signed(vote, body)
    async with client(agreed, token) as channel, client(replica, token) as other:
        first = await outcomes(channel, body, headers)
        assert [outcome for outcome, _ in first] == ["counted"] * 2
        assert [await outcomes(channel, body, headers), await outcomes(other, body, headers)] == [first, first]
        vote.clock.advance(timedelta(seconds=301))
        assert (await refused(channel, body, headers))["code"] == "signature_stale"
        assert await outcomes(other, body, signed(vote, body)) == first
    assert await kept(vote) == 2
    await replica.client.close()


async def test_id_given_to_another_body_is_refused_and_nothing_is_counted(
    vote: Vote, agreed: Service, issuer: Issuer
) -> None:
    async with client(agreed, issuer.token("frontend", account="open")) as channel:
        first = await outcomes(channel, body_of("wei"), signed(vote, body_of("wei")))
        said = await refused(channel, body_of("li"), signed(vote, body_of("li")))
        assert (said["status"], said["code"], await kept(vote)) == (409, "id_reused", 1)
        assert await outcomes(channel, body_of("wei"), signed(vote, body_of("wei"))) == first
    async with client(agreed, issuer.token("frontend", account="sealed")) as another:
        [(outcome, _)] = await outcomes(another, body_of("li"), signed(vote, body_of("li")))
    assert outcome == "counted"


async def test_channel_with_a_secret_may_leave_its_requests_unsigned_until_it_is_required(
    vote: Vote, agreed: Service, issuer: Issuer
) -> None:
    async with client(agreed, issuer.token("frontend", account="open")) as channel:
        assert [each for each, _ in await outcomes(channel, body_of("wei"), {})] == ["counted"]


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[str]:
    """A service at a port of its own; its address."""
    server = uvicorn.Server(uvicorn.Config(service.http(), port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


async def test_example_of_the_page_hands_a_signed_batch_in(
    vote: Vote, settings_of: Any, issuer: Issuer, tmp_path: Path
) -> None:
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    book = rehearsal(BOOK, datetime.now(UTC) - timedelta(hours=3.5), timedelta(hours=8))
    (tmp_path / f"{book.id}.yaml").write_text(dump(book))
    await vote.bus.tell(approved("bridge", campaign=book.id))
    await vote.bus.settle()
    service = build_api(settings_of(Settings, channels=CHANNELS, rulebooks=tmp_path), SystemClock())
    service.stream = vote.bus.stream
    issuer.admit(service)
    async with served(service) as address:
        told = {"VOTING": address, "TOKEN": issuer.token("frontend", account="sealed"), "SECRET": SECRET}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", example, env=os.environ | told, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        ballots = [ballot(voter) | {"campaign": book.id} for voter in ("wei", "li")]
        said, _ = await process.communicate(json.dumps(ballots).encode())
    assert (process.returncode, [each["outcome"] for each in json.loads(said)]) == (0, ["counted"] * 2)
    assert await vote.store.count_ballots(book.id) == 2
    await service.client.close()
