"""Answers what a channel asks of its own ballots and voters."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.identity import Caller
from chassis.refusal import Refused
from contracts.ids import BallotId, CampaignId
from contracts.rulebook import Rulebooks
from services.voting.inquiries.models import Active
from services.voting.inquiries.store import InquiryStore
from services.voting.models import Channels, Kept, State
from services.voting.pseudonyms import normal_voter, of_voter
from services.voting.rules import channel_of, public_vote
from services.voting.rulings.models import Page, Where
from services.voting.rulings.store import RulingStore


@dataclass(frozen=True)
class Inquiries:
    """Shows a channel what is its own; an admin sees who was most active, as the channel would, by nothing but ids of
    ballots."""

    store: InquiryStore
    rulings: RulingStore
    rulebooks: Rulebooks
    channels: Channels

    async def became(self, caller: Caller, ballots: Sequence[BallotId]) -> list[Kept]:
        """What some ballots are now; those of other channels are left out, as if there were none."""
        return await self.store.kept(self._channel(caller), ballots)

    async def listed(self, caller: Caller, campaign: CampaignId, state: State, after: str, limit: int) -> Page:
        """The ballots that are in a state, by id."""
        return await self.rulings.page(campaign, Where(state=state, channel=self._channel(caller)), after, limit)

    async def active(self, caller: Caller, campaign: CampaignId, channel: str | None, limit: int) -> list[Active]:
        """The voters of a channel with the most votes."""
        public_vote(self.rulebooks, campaign)
        return await self.store.active(campaign, self._asked(caller, channel), limit)

    async def votes_of(self, caller: Caller, campaign: CampaignId, voters: Sequence[str]) -> list[tuple[str, int]]:
        """How many votes of some voters count, by the channel's own ids, most first."""
        key, channel = self.channels.voter_key, self._channel(caller)
        pseudonyms = {voter: of_voter(key, channel, normal_voter(voter)) for voter in voters}
        votes = await self.store.votes_of(campaign, list(dict.fromkeys(pseudonyms.values())))
        return sorted(((voter, votes[each]) for voter, each in pseudonyms.items()), key=lambda each: -each[1])

    def _channel(self, caller: Caller) -> str:
        return channel_of(self.channels, caller.account)

    def _asked(self, caller: Caller, channel: str | None) -> str:
        """The channel that is asked about: a channel asks about itself, an admin names one."""
        own = self._channel(caller) if caller.role == "frontend" else None
        if channel is None and own is None:
            raise Refused(422, "channel_missing", "请指明渠道。", "Name the channel.")
        if own is not None and channel not in (None, own):
            raise Refused(403, "foreign_channel", "只能查看本渠道。", "You may look at your own channel only.")
        return own or str(channel)
