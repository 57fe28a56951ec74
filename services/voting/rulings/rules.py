"""What a ruling changes: pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from contracts.events.voting import BallotsVoided, Decided, VotesRestored
from contracts.ids import AccountId, EntryId
from contracts.rulebook import Rulebook
from services.voting.models import Kept
from services.voting.rules import in_milliseconds
from services.voting.rulings.models import Asked, Do, Ruling


def given(ruling_id: str, rulebook: Rulebook, asked: Asked, by: AccountId, at: datetime) -> Ruling:
    """A ruling as it is kept."""
    return Ruling(
        id=ruling_id, campaign=rulebook.id, revision=rulebook.revision, asked=bounded(asked, at), by=by, at=at
    )


def bounded(asked: Asked, at: datetime) -> Asked:
    """What was asked for at an instant, in whole milliseconds: about nothing that was received later."""
    if (where := asked.where) is None:
        return asked
    end = at + timedelta(milliseconds=1)
    until = in_milliseconds(min(where.until or end, end))
    since = where.since and in_milliseconds(where.since)
    return asked.model_copy(update={"where": where.model_copy(update={"since": since, "until": until})})


def changed(do: Do, ballots: Sequence[Kept]) -> list[Kept]:
    """The ballots that are not yet as they are to be."""
    wanted = {"count": "counted", "void": "voided"}[do]
    return [each for each in ballots if each.state != wanted]


def corrections(do: Do, ballots: Sequence[Kept]) -> Mapping[EntryId, int]:
    """By how much more votes of each entry are voided. What was never told, a held ballot, is in no count."""
    told = Counter(each.ballot.entry for each in ballots if each.told)
    return {entry: votes if do == "void" else -votes for entry, votes in told.items()}


def event(ruling: Ruling, ballots: Sequence[Kept], now: datetime) -> BallotsVoided | VotesRestored | None:
    """What is told of some ballots a ruling changed; None where nothing is. That a held ballot counts is told by its
    own VoteCast."""
    said = {"at": now, "campaign": ruling.campaign, "revision": ruling.revision, "ruling": ruling.id,
            "reason": ruling.asked.reason, "by": ruling.by}  # fmt: skip
    if ruling.asked.do == "void" and ballots:
        return BallotsVoided.model_validate({**said, "ballots": [_decided(each) for each in ballots]})
    if restored := [each for each in ballots if each.told]:
        return VotesRestored.model_validate({**said, "ballots": [_decided(each) for each in restored]})
    return None


def _decided(kept: Kept) -> Decided:
    ballot = kept.ballot
    return Decided(ballot=ballot.id, entry=ballot.entry, channel=ballot.channel, vote=kept.told)


def decided_in_time(rulebook: Rulebook, now: datetime) -> timedelta:
    """How long the tally still waits for somebody to decide on what is held; nothing once that is over."""
    if rulebook.voting is None or rulebook.voting.signals is None:
        return timedelta()
    end = rulebook.voting.windows[-1].closes.instant + rulebook.voting.signals.decide_within
    return max(timedelta(), end - now)
