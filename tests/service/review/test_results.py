"""Experts score, the tally closes, results are published once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.events.event import Event
from contracts.events.review import AwardGranted, ResultsPublished, ScoreGiven
from tests.service.review.conftest import World
from tests.service.review.events import CAMPAIGN, EVALUATION, PUBLICATION, closed, registered, submitted

RESULTS = f"/v1/campaigns/{CAMPAIGN}/results"
DIMENSIONS = ("facilities", "team", "activities", "daily-running")
MS = timedelta(milliseconds=1)
ENTRIES = {"e1": "s1", "e2": "s1", "e3": "s2", "e4": "s3"}


def sheet(studio: str = "s1", dimension: str = "team", score: float = 80) -> dict[str, Any]:
    return {"campaign": CAMPAIGN, "studio": studio, "dimension": dimension, "score": score}


@pytest.fixture
async def shown(world: World) -> World:
    """Three certified studios with four approved entries, one of them twice; it is the time experts score."""
    studios = sorted(set(ENTRIES.values()))
    await world.hear(*(registered(studio) for studio in studios))
    await world.hear(*(submitted(entry, studio, title=entry) for entry, studio in ENTRIES.items()))
    for studio in studios:
        await world.post("gansu", f"/v1/studios/{studio}/approve")
    await world.post("gansu", "/v1/entries/approve", {"entries": list(ENTRIES)})
    await world.bus.settle()
    world.clock.set(EVALUATION)
    return world


async def publish(world: World, **counts: int) -> Any:
    world.clock.set(PUBLICATION)
    answer = await world.post("national", RESULTS, {"counts": {k.replace("_", "-"): v for k, v in counts.items()}})
    await world.bus.settle()
    return answer


def told(world: World, kind: type[Event], *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(getattr(event, field) for field in fields) for event in world.bus.told_of(kind)]


async def test_score_replaces_the_experts_own(shown: World) -> None:
    for who, score in (("expert", 80), ("expert", 80), ("expert", 85.5), ("expert2", 60)):
        assert (await shown.post(who, "/v1/scores", sheet(score=score))).status_code == 200
    await shown.bus.settle()
    assert told(shown, ScoreGiven, "by", "studio", "dimension", "score") == [
        ("account-expert", "s1", "team", 80),
        ("account-expert", "s1", "team", 85.5),
        ("account-expert2", "s1", "team", 60),
    ]
    scores = await shown.service.database["scores"].find().sort("by").to_list()
    assert [score["score"] for score in scores] == [85.5, 60]
    assert [record["did"] for record in (await shown.audited("studio/s1"))[1:]] == ["score"] * 3


async def test_score_refused_tells_nothing(shown: World) -> None:
    refusals: list[tuple[dict[str, Any], int, str]] = [
        ({"score": 100.5}, 422, "malformed"),
        ({"score": -1}, 422, "malformed"),
        ({"dimension": "charm"}, 422, "unknown_dimension"),
        ({"studio": "nobody"}, 404, "studio_not_found"),
        ({"campaign": "other"}, 404, "campaign_not_found"),
    ]
    for change, status, code in refusals:
        answer = await shown.post("expert", "/v1/scores", sheet() | change)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    await shown.bus.settle()
    assert shown.bus.told_of(ScoreGiven) == []


async def test_studio_that_waits_is_not_scored(shown: World) -> None:
    await shown.hear(registered("s4"))
    assert (await shown.post("expert", "/v1/scores", sheet("s4"))).json()["code"] == "studio_not_found"


async def test_scores_are_given_in_the_evaluation_phase(shown: World) -> None:
    opens, closes = datetime(2023, 10, 8, 16, tzinfo=UTC), datetime(2023, 10, 31, 16, tzinfo=UTC)
    for at, status in ((opens - MS, 409), (opens, 200), (closes - MS, 200), (closes, 409)):
        shown.clock.set(at)
        assert (at, (await shown.post("expert", "/v1/scores", sheet())).status_code) == (at, status)


async def test_results_rank_by_votes_and_ties_share_a_rank(shown: World) -> None:
    await shown.hear(closed({"e4": 9, "e2": 5, "e1": 5}))
    answer = await publish(shown)
    assert answer.status_code == 200
    (event,) = shown.bus.told_of(ResultsPublished)
    assert [(line.entry, line.rank, line.votes) for line in event.results] == [
        ("e4", 1, 9),
        ("e1", 2, 5),
        ("e2", 2, 5),
        ("e3", 4, 0),
    ]
    public = await shown.get(None, RESULTS)
    assert public.json() == answer.json()
    assert "account-national" not in public.text


async def test_awards_follow_votes_and_scores(shown: World) -> None:
    for studio, score in (("s1", 70), ("s2", 90)):
        for dimension in DIMENSIONS:
            await shown.post("expert", "/v1/scores", sheet(studio, dimension, score))
    await shown.post("expert", "/v1/scores", sheet("s3", "team", 100))
    await shown.hear(closed({"e1": 7, "e2": 8, "e3": 7}))
    await publish(shown, most_distinctive_studio=2, science_dreams_studio=5)
    assert told(shown, AwardGranted, "award", "rank", "studio", "entry", "votes") == [
        ("most-distinctive-studio", 1, "s1", "e2", 8),
        ("most-distinctive-studio", 2, "s2", "e3", 7),
        ("science-dreams-studio", 1, "s2", None, None),
        ("science-dreams-studio", 2, "s1", None, None),
    ]
    assert {event.account for event in shown.bus.told_of(AwardGranted)} == {"account-of-s1", "account-of-s2"}
    did = [record["did"] for record in await shown.audited(f"campaign/{CAMPAIGN}")]
    assert did == ["award"] * 4 + ["publish"]


async def test_results_are_published_once(shown: World) -> None:
    await shown.hear(closed({"e1": 3}))
    world_first = await publish(shown)
    shown.clock.advance(timedelta(days=1))
    again = await publish(shown, most_distinctive_studio=9)
    assert (again.status_code, again.json()) == (200, world_first.json())
    assert len(shown.bus.told_of(ResultsPublished)) == 1


async def test_publishing_at_once_publishes_once(shown: World) -> None:
    await shown.hear(closed({"e1": 3}))
    shown.clock.set(PUBLICATION)
    answers = await asyncio.gather(*(shown.post("national", RESULTS) for _ in range(5)))
    await shown.bus.settle()
    assert {answer.text for answer in answers} == {answers[0].text}
    assert (len(shown.bus.told_of(ResultsPublished)), len(shown.bus.told_of(AwardGranted))) == (1, 1)


async def test_no_score_after_publication(shown: World) -> None:
    await shown.hear(closed({"e1": 3}))
    await publish(shown)
    answer = await shown.post("expert", "/v1/scores", sheet())
    assert (answer.status_code, answer.json()["code"]) == (409, "results_published")


async def test_publication_waits_for_tally_and_day(shown: World) -> None:
    open_tally = await publish(shown)
    await shown.hear(closed({"e1": 3}))
    shown.clock.set(PUBLICATION - timedelta(days=7))
    early = await shown.post("national", RESULTS)
    unknown = await shown.post("national", "/v1/campaigns/other/results")
    before = await shown.get(None, RESULTS)
    assert [open_tally.json()["code"], early.json()["code"]] == ["tally_open", "too_early"]
    assert [unknown.json()["code"], before.json()["code"]] == ["campaign_not_found", "results_not_published"]


async def test_count_of_an_award_nobody_left_open_refused(shown: World) -> None:
    await shown.hear(closed({"e1": 3}))
    answer = await publish(shown, supporter_gift=3)
    assert (answer.status_code, answer.json()["code"]) == (422, "count_not_open")


async def test_votes_for_a_stranger_stop_publication(shown: World) -> None:
    await shown.hear(closed({"e1": 3, "stranger": 9}))
    answer = await publish(shown)
    assert (answer.status_code, answer.json()["measured"]) == (409, ["stranger"])


async def test_newest_tally_counts_until_published(shown: World) -> None:
    newest = closed({"e1": 5}, at=EVALUATION)
    await shown.hear(newest, closed({"e1": 3}))
    first = await publish(shown)
    await shown.hear(closed({"e1": 8}, at=PUBLICATION))
    assert (await shown.get(None, RESULTS)).json() == first.json()
    assert first.json()["ranking"][0]["votes"] == 5
