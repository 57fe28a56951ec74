"""`zhumeng votes recount`: the ballots give the closed tally, byte for byte, or the entry that differs is named."""

from chassis.identity import JwksKeys
from chassis.testing import Issuer
from contracts.ids import CampaignId
from deploy.commands.votes import Counted, count_anew, signature_of
from services.voting import rules
from services.voting.models import ClosedTally
from tests.service.voting.world import BOOK, CLOSES, Vote


async def recounted(vote: Vote) -> Counted:
    return await count_anew(vote.api.settings.mongo_url, vote.api.database.name, CampaignId(BOOK.id))


async def closed(vote: Vote) -> None:
    """Three votes on two entries, tallied and closed."""
    await vote.open("bridge", "kite")
    for voter, entry in (("a", "bridge"), ("b", "bridge"), ("a", "kite")):
        await vote.cast(voter, entry)
    await vote.bus.settle()
    vote.clock.set(CLOSES + rules.SETTLED_AFTER)
    await vote.tallying.close_ended()


async def test_recount_of_a_closed_tally_gives_the_same_bytes(vote: Vote) -> None:
    await closed(vote)
    found = await recounted(vote)
    assert (found.agree, found.closed, found.differences()) == (True, True, [])
    assert rules.canonical(found.anew.entries) == b'[{"entry":"bridge","votes":2},{"entry":"kite","votes":1}]'


async def test_recount_when_a_ballot_is_missing_names_the_entry(vote: Vote) -> None:
    await closed(vote)
    await vote.api.database["ballots"].delete_one({"entry": "kite"})
    found = await recounted(vote)
    assert (found.agree, found.differences()) == (False, ["  kite: ballots 0, tally 1"])


async def test_signature_is_valid_for_the_tally_that_was_closed_alone(vote: Vote) -> None:
    await closed(vote)
    tally, keys = (await recounted(vote)).tally, vote.tallying.key
    assert isinstance(tally, ClosedTally)
    fewer = tally.model_copy(update={"entries": tally.entries[:1]})
    bare = tally.model_copy(update={"signature": None})
    said = [await signature_of(each, keys) for each in (tally, fewer, bare)]
    assert said == ["valid", "invalid", "missing"]
    assert await signature_of(tally, Issuer()) == "invalid"
    assert await signature_of(tally, JwksKeys("http://127.0.0.1:9/.well-known/jwks.json")) == "unknown"
