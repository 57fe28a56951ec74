"""What decides about a ballot: limits, windows, pseudonyms, the bytes of a tally."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.refusal import Refused
from contracts.events.voting import Tallied
from contracts.ids import BallotId, CampaignId, EntryId, StudioId, TrackId
from contracts.rulebook import SHIPPED, Rulebook, load
from contracts.rulebook.moment import Moment, Window
from contracts.rulebook.voting import VoterLimits
from services.voting import pseudonyms, rules, wording
from services.voting.models import (
    AlreadyCounted,
    Answered,
    Ballot,
    BallotIn,
    Channels,
    Counts,
    Handed,
    Malformed,
    NonceReused,
    NotVotable,
    OutsideWindow,
    OverLimit,
    Repeats,
    Votable,
)
from services.voting.settings import Channel

BOOK = load(SHIPPED / "cloud-studio-2023.yaml")
assert BOOK.voting is not None
OPENS, CLOSES = (moment.instant for moment in (BOOK.voting.windows[0].opens, BOOK.voting.windows[0].closes))
MIDNIGHT = datetime(2023, 9, 10, 16, tzinfo=UTC)
"""In Beijing."""
MILLISECOND = timedelta(milliseconds=1)
CHANNELS = Channels(b"0123456789abcdef", {"douyin": Channel(accounts=("account-of-douyin",))})


def limited(**limits: Any) -> Rulebook:
    assert BOOK.voting is not None
    return BOOK.model_copy(update={"voting": BOOK.voting.model_copy(update={"limits": VoterLimits(**limits)})})


def entry(number: int = 1, **changes: Any) -> Votable:
    fields = {
        "id": f"entry-{number}", "campaign": BOOK.id, "track": TrackId("theme-video"), "theme": None, "title": "桥",
        "studio": StudioId("s"), "studio_name": "工作室", "approved_at": OPENS,
    } | changes  # fmt: skip
    return Votable(**fields)


def handed(voter: str = "v", number: int = 1, at: datetime = OPENS, **changes: Any) -> Handed:
    fields: dict[str, Any] = {
        "campaign": BOOK.id, "entry": f"entry-{number}", "channel": "douyin", "voter": voter, "own": voter,
        "received_at": at,
    } | changes  # fmt: skip
    return Handed(**fields)


def decide(book: Rulebook, ballot: Handed, earlier: list[Ballot], **more: Any) -> Answered:
    number = len(earlier) + 1
    return rules.decide(ballot, BallotId(f"ballot-{number}"), book, entry(1, id=ballot.entry), earlier, **more)


def counted(book: Rulebook, *ballots: Handed) -> list[Ballot]:
    kept: list[Ballot] = []
    for ballot in ballots:
        decision = decide(book, ballot, kept)
        assert isinstance(decision, Counts)
        kept.append(decision.ballot)
    return kept


@pytest.mark.parametrize(("at", "counts"), [
    (OPENS - MILLISECOND, False), (OPENS, True), (CLOSES - MILLISECOND, True), (CLOSES, False),
])  # fmt: skip
def test_ballot_at_the_edge_of_the_window_is_decided_to_the_millisecond(at: datetime, counts: bool) -> None:
    decision = decide(BOOK, handed(at=at), [])
    assert isinstance(decision, Counts) == counts
    assert counts or decision == OutsideWindow(OPENS, CLOSES)


def test_ballot_between_two_windows_is_told_of_the_next_in_the_campaigns_time() -> None:
    day = timedelta(days=1)
    days = [(OPENS, OPENS + day), (OPENS + 2 * day, OPENS + 3 * day + timedelta(seconds=5))]
    windows = tuple(
        Window(opens=Moment(opens.isoformat()), closes=Moment(closes.isoformat())) for opens, closes in days
    )
    assert BOOK.voting is not None
    book = BOOK.model_copy(update={"voting": BOOK.voting.model_copy(update={"windows": windows})})
    between, after = (wording.answer(decide(book, handed(at=OPENS + n * day), [])) for n in (1, 4))
    opens, closes = ((OPENS + timedelta(hours=8, days=n)).strftime("%Y-%m-%d %H:%M") for n in (2, 3))
    assert between.message_zh == f"现在不在投票时间内，投票时间为{opens}+08:00至{closes}:05+08:00。"
    assert between.message_en == f"Voting is not open now; it is from {opens}+08:00 to {closes}:05+08:00."
    assert (after.message_zh, after.message_en) == (between.message_zh, between.message_en)


def test_ballot_received_within_the_last_millisecond_is_kept_as_that_millisecond() -> None:
    assert rules.in_milliseconds(CLOSES - timedelta(microseconds=1)) == CLOSES - MILLISECOND


def test_second_ballot_for_the_entry_names_the_first() -> None:
    first = counted(limited(per_entry=1), handed())
    assert decide(limited(per_entry=1), handed(), first) == AlreadyCounted(BallotId("ballot-1"))


def test_second_ballot_after_the_window_still_names_the_first() -> None:
    first = counted(BOOK, handed())
    assert decide(BOOK, handed(at=CLOSES), first) == AlreadyCounted(BallotId("ballot-1"))


def test_eleventh_ballot_of_a_day_is_over_the_limit_and_counts_the_next_day() -> None:
    ten = counted(BOOK, *(handed(number=n) for n in range(10)))
    assert decide(BOOK, handed(number=11), ten) == OverLimit("per_day", 10)
    midnight = datetime(2023, 9, 4, 16, tzinfo=UTC)
    assert decide(BOOK, handed(number=11, at=midnight - MILLISECOND), ten) == OverLimit("per_day", 10)
    assert isinstance(decide(BOOK, handed(number=11, at=midnight), ten), Counts)


def test_one_vote_a_campaign_used_elsewhere_is_over_the_limit_and_used_here_already_counted() -> None:
    book = limited(per_campaign=1)
    first = counted(book, handed(number=1))
    assert decide(book, handed(number=2), first) == OverLimit("per_campaign", 1)
    assert decide(book, handed(number=1), first) == AlreadyCounted(BallotId("ballot-1"))


def test_channel_with_limits_of_its_own_goes_by_those() -> None:
    book = limited(per_entry=1, per_day=2)
    assert book.voting is not None
    [douyin] = book.voting.channels
    web = douyin.model_copy(update={"id": "web", "limits": VoterLimits(per_entry=2, per_day=3)})
    both = book.model_copy(update={"voting": book.voting.model_copy(update={"channels": (douyin, web)})})
    outcomes = {}
    for channel in ("douyin", "web", "unnamed"):
        kept = counted(both, handed(channel=channel), handed(number=2, channel=channel))
        outcomes[channel] = [type(decide(both, handed(number=n, channel=channel), kept)) for n in (1, 3)]
    assert outcomes == {
        "douyin": [AlreadyCounted, OverLimit], "web": [Counts, Counts], "unnamed": [AlreadyCounted, OverLimit]
    }  # fmt: skip


def test_ballots_of_one_voter_are_numbered_without_a_gap() -> None:
    kept = counted(limited(per_entry=2, per_day=3), handed(), handed(), handed(number=2))
    assert [ballot.n for ballot in kept] == [1, 2, 3]
    assert decide(limited(per_entry=2, per_day=3), handed(), kept) == OverLimit("per_entry", 2)


def test_two_undecided_ballots_of_one_voter_want_the_same_number() -> None:
    one, other = (decide(BOOK, handed(number=n), []) for n in (1, 2))
    assert isinstance(one, Counts)
    assert isinstance(other, Counts)
    assert one.ballot.n == other.ballot.n == 1


def test_repeated_nonce_gets_the_first_answer_even_where_more_votes_are_allowed() -> None:
    first = counted(limited(per_day=5), handed(nonce="n"))
    assert decide(limited(per_day=5), handed(nonce="n"), first) == Repeats(BallotId("ballot-1"))
    assert isinstance(decide(limited(per_day=5), handed(nonce="m"), first), Counts)


def test_nonce_of_another_ballot_is_refused() -> None:
    first = counted(BOOK, handed(nonce="n"))
    assert decide(BOOK, handed(number=2, nonce="n"), first) == NonceReused()


@pytest.mark.parametrize(("book", "candidate", "why"), [
    (None, entry(), "campaign"),
    (BOOK.model_copy(update={"voting": None}), entry(), "campaign"),
    (BOOK, None, "entry"),
    (BOOK, entry(campaign=CampaignId("another")), "entry"),
    (BOOK, entry(track=TrackId("case")), "entry"),
])  # fmt: skip
def test_ballot_for_nothing_votable_says_what_is_missing(book: Rulebook, candidate: Votable, why: Any) -> None:
    assert rules.decide(handed(), BallotId("b"), book, candidate, []) == NotVotable(why)


def test_channel_named_for_another_campaign_is_not_admitted_and_an_unnamed_one_is() -> None:
    named = frozenset({"douyin", "mini-program"})
    assert decide(BOOK, handed(channel="mini-program"), [], named=named) == NotVotable("channel")
    assert isinstance(decide(BOOK, handed(channel="some-account"), [], named=named), Counts)
    assert isinstance(decide(BOOK, handed(channel="douyin"), [], named=named), Counts)


@pytest.mark.parametrize(
    "same", ["Li Lei", " li lei ", "LI  LEI", "Ｌｉ　Ｌｅｉ", "L\u200bi \u202eLei\x00", "li\tlei\n"]
)
def test_near_identical_ids_are_one_voter(same: str) -> None:
    assert pseudonyms.normal_voter(same) == "li lei"


@given(st.text(max_size=40))
@example("e\u200b\u0301")
@example("\u1e9e\u0345\u03b1")
def test_normal_form_when_normalised_again_stays(voter: str) -> None:
    assert pseudonyms.normal_voter(pseudonyms.normal_voter(voter)) == pseudonyms.normal_voter(voter)


def test_different_ids_channels_and_keys_are_different_voters() -> None:
    made = {
        pseudonyms.of_voter(key, channel, voter)
        for key in (b"one", b"two") for channel in ("a", "ab") for voter in ("bc", "c")
    }  # fmt: skip
    assert len(made) == 8


def test_ballot_nobody_can_be_named_for_is_refused() -> None:
    with pytest.raises(Refused, match="sender_not_named"):
        rules.channel_of(CHANNELS, None)
    blank = BallotIn(BOOK.id, "e", " \u200b")
    assert isinstance(rules.handed(CHANNELS.voter_key, "douyin", blank, OPENS), Malformed)


def test_listed_account_is_in_its_channel_and_another_in_one_of_its_own() -> None:
    assert [rules.channel_of(CHANNELS, sender) for sender in ("account-of-douyin", "web")] == ["douyin", "web"]


@given(st.integers(1, 0xFFFFFFFE), st.integers(1, 0xFFFFFFFE))
def test_ids_of_a_book_rise_with_their_numbers(one: int, other: int) -> None:
    ids = [rules.ballot_id("0199f0c2a4b07c3e", number, "ffffffff") for number in (one, other)]
    assert [rules.number_of(each) for each in ids] == [one, other]
    assert (ids[0] < ids[1]) == (one < other)


def test_every_decision_is_answered_in_both_languages() -> None:
    ballot = counted(BOOK, handed())[0]
    decisions: list[Answered] = [
        Counts(ballot), Repeats(ballot.id), AlreadyCounted(ballot.id), OverLimit("per_day", 10),
        OutsideWindow(OPENS, CLOSES), NotVotable("campaign"), NotVotable("channel"), NotVotable("entry"),
        NonceReused(), Malformed("voter: missing"),
    ]  # fmt: skip
    answers = [wording.answer(decision) for decision in decisions]
    assert [answer.outcome for answer in answers] == [
        "counted", "counted", "already_counted", "over_limit", "outside_window", *["not_votable"] * 3,
        "nonce_reused", "malformed",
    ]  # fmt: skip
    assert [answer.ballot for answer in answers] == [ballot.id] * 3 + [None] * 7
    assert all(answer.message_zh and answer.message_en for answer in answers)


def test_tally_in_any_order_has_the_same_bytes() -> None:
    counts = [(EntryId("b"), 2), (EntryId("a"), 2), (EntryId("c"), 5)]
    entries = rules.tally(BOOK.id, counts).entries
    assert entries == rules.tally(BOOK.id, reversed(counts)).entries
    assert rules.canonical(entries) == b'[{"entry":"c","votes":5},{"entry":"a","votes":2},{"entry":"b","votes":2}]'


def test_digest_of_a_tally_is_the_sha256_of_its_bytes() -> None:
    tallied = [Tallied(entry=EntryId("a"), votes=1)]
    assert rules.digest(tallied) == "247f6a9bbb4f253c735e4ecc394083cc569d521a39d3ea188a5ad3195730305d"


def test_tally_settles_only_after_what_was_received_in_time_is_kept() -> None:
    assert not rules.settled(BOOK, CLOSES + rules.SETTLED_AFTER - MILLISECOND)
    assert rules.settled(BOOK, CLOSES + rules.SETTLED_AFTER)
    assert rules.ended(BOOK, CLOSES)
    assert not rules.ended(BOOK, CLOSES - MILLISECOND)


@pytest.mark.parametrize(("edge", "changes"), [
    (OPENS, True), (CLOSES, True), (MIDNIGHT, True), (OPENS + timedelta(hours=1), False),
])  # fmt: skip
def test_what_counts_changes_at_openings_closings_and_midnights_of_the_campaign_alone(
    edge: datetime, changes: bool
) -> None:
    assert rules.changes(BOOK, edge - MILLISECOND, edge) == changes
    assert not rules.changes(BOOK, edge, edge + MILLISECOND)
    assert not rules.changes(BOOK, edge - 2 * MILLISECOND, edge - MILLISECOND)
    assert not rules.changes(None, edge - MILLISECOND, edge)
