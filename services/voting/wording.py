"""What channels and voters are told of ballots."""

from datetime import datetime

from chassis.refusal import Refused
from services.voting.models import (
    AlreadyCounted,
    Answer,
    Answered,
    Ballot,
    Counts,
    Held,
    LimitName,
    Malformed,
    NonceReused,
    NotVotable,
    OutsideWindow,
    OverLimit,
    Repeats,
    State,
)

HELD = (
    "选票已收到。因投票出现异常迹象，须经人工核查后才能计入，结果可凭选票编号查询。",
    "Your ballot was received. Something about the voting looked unusual, so a person decides whether it counts; "
    "its id tells what became of it.",
)
BECAME: dict[State, tuple[str, str]] = {
    "counted": ("投票成功。", "Counted."),
    "held": HELD,
    "voided": ("经人工核查，该选票不予计入。", "A person looked at this ballot, and it does not count."),
}
"""What a voter can be told of a ballot."""
NOT_VOTABLE = {
    "campaign": ("没有这项活动，或该活动不设公众投票。", "There is no such campaign, or it has no public vote."),
    "channel": ("该活动不接受此渠道的投票。", "This campaign takes no ballots from this channel."),
    "entry": ("该作品不在可投票之列。", "This entry cannot be voted on."),
}
OVER_LIMIT: dict[LimitName, tuple[str, str]] = {
    "per_entry": ("您为该作品投的票已达上限（{}票）。", "You have used up your votes for this entry ({})."),
    "per_day": ("您今天的票数已达上限（{}票）。", "You have used up your votes for today ({})."),
    "per_campaign": ("您在本活动的票数已达上限（{}票）。", "You have used up your votes in this campaign ({})."),
}


def answer(decision: Answered) -> Answer:
    """What the channel is told, truly."""
    match decision:
        case Counts(Ballot(id=ballot)) | Repeats(ballot):
            return Answer("counted", ballot, *BECAME["counted"])
        case AlreadyCounted(ballot):
            zh, en = "您已经为该作品投过票。", "You voted for this entry before."
            return Answer("already_counted", ballot, zh, en)
        case Held(ballot):
            return Answer("held", ballot, *HELD)
        case OverLimit(limit, allowed):
            return Answer("over_limit", None, *(text.format(allowed) for text in OVER_LIMIT[limit]))
        case OutsideWindow(opens, closes):
            since, until = _on_the_clock(opens), _on_the_clock(closes)
            zh = f"现在不在投票时间内，投票时间为{since}至{until}。"
            return Answer("outside_window", None, zh, f"Voting is not open now; it is from {since} to {until}.")
        case NotVotable(why):
            return Answer("not_votable", None, *NOT_VOTABLE[why])
        case NonceReused():
            zh, en = "该随机码已用于另一张选票。", "This nonce was used for another ballot; give every ballot its own."
            return Answer("nonce_reused", None, zh, en)
        case Malformed(reason):
            return Answer("malformed", None, f"选票内容有误：{reason}。", f"This is no ballot: {reason}.")


def refuse_alone(decision: Answered) -> None:
    """Refuse a request whose one ballot is no ballot, or is not the one its nonce was used for."""
    match decision:
        case Malformed(reason):
            raise malformed("body", reason)
        case NonceReused():
            said = answer(decision)
            raise Refused(409, "nonce_reused", said.message_zh, said.message_en)


def malformed(where: str, reason: str) -> Refused:
    """A request that cannot be read, and why."""
    zh, en = "请求内容有误，请检查所列字段。", "The request does not fit; see the fields named."
    return Refused(422, "malformed", zh, en, fields=[{"where": where, "reason": reason}])


def _on_the_clock(at: datetime) -> str:
    return at.isoformat(" ", "seconds" if at.second else "minutes")
