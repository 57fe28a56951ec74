"""One valid instance of every message, all from one story: a studio in Lanzhou and its entry."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar

from pydantic import BaseModel

from contracts import ids, ingress
from contracts.events import media, notify, registration, review, voting

Message = TypeVar("Message", bound=BaseModel)

AT = datetime.fromisoformat("2023-07-20T02:30:00Z")


def numbered(number: int) -> str:
    """An id of the form the services give, the same on every run."""
    return f"01897000-0000-7000-8000-{number:012d}"


ACCOUNT = ids.AccountId(numbered(1))
STUDIO = ids.StudioId(numbered(2))
ENTRY = ids.EntryId(numbered(3))
TICKET = ids.TicketId(numbered(4))
MATERIAL = ids.MaterialId(numbered(5))
BALLOT = ids.BallotId(numbered(6))
NOTICE = ids.NoticeId(numbered(7))
PROVINCE_ADMIN = ids.AccountId(numbered(8))
EXPERT = ids.AccountId(numbered(9))
NATIONAL_ADMIN = ids.AccountId(numbered(10))
EVENT = numbered(11)

CAMPAIGN = ids.CampaignId("cloud-studio-2023")
REVISION = sha256(b"rulebook").hexdigest()
TRACK, THEME, SLOT = ids.TrackId("theme-video"), ids.ThemeId("spaceflight"), ids.SlotId("video")
GANSU, LANZHOU = "620000", "620100"
STUDIO_NAME, TITLE, FILE, SIZE = "黄河之声科普工作室", "水火箭为什么飞得高", "水火箭为什么飞得高.zip", 262_144_000
PACKAGE = sha256(b"package").hexdigest()
TALLY = sha256(b"tally").hexdigest()
CONTACT = registration.Contact(name="示例联系人", email="studio@example.org", phone="0931-0000000")


def registration_tells() -> list[BaseModel]:
    return [
        registration.AccountOpened(
            at=AT, account=ACCOUNT, role="studio", province=GANSU, city=LANZHOU, studio=STUDIO, pii=CONTACT
        ),
        registration.StudioRegistered(
            at=AT,
            studio=STUDIO,
            account=ACCOUNT,
            name=STUDIO_NAME,
            unit_kind="school-studio",
            province=GANSU,
            city=LANZHOU,
            pii=CONTACT,
        ),
        registration.EntryOpened(
            at=AT,
            entry=ENTRY,
            studio=STUDIO,
            account=ACCOUNT,
            campaign=CAMPAIGN,
            revision=REVISION,
            track=TRACK,
            theme=THEME,
            title=TITLE,
            studio_name=STUDIO_NAME,
            province=GANSU,
            city=LANZHOU,
        ),
        registration.EntrySubmitted(
            at=AT,
            entry=ENTRY,
            studio=STUDIO,
            account=ACCOUNT,
            campaign=CAMPAIGN,
            revision=REVISION,
            track=TRACK,
            theme=THEME,
            title=TITLE,
            studio_name=STUDIO_NAME,
            province=GANSU,
            city=LANZHOU,
            received_at=AT - timedelta(seconds=1),
            materials=(
                registration.EntryMaterial(
                    slot=SLOT, material=MATERIAL, name=FILE, size=SIZE, sha256=PACKAGE, verdict="pass"
                ),
            ),
        ),
    ]


def media_tells() -> list[BaseModel]:
    stored = media.StoredObject(
        bucket="zhumeng-material", key=f"{ENTRY}/{MATERIAL}", etag="d41d8cd98f00b204e9800998ecf8427e-4"
    )
    too_small = media.Finding(
        rule=ids.RuleId("video.resolution"),
        level="required",
        ok=False,
        measured="1280x720",
        expected="≥ 1920x1080",
        file="成片.mp4",
        message=media.Text(
            zh="视频分辨率为 1280x720，低于 1920x1080。", en="The video is 1280x720, less than 1920x1080."
        ),
        mend=media.Text(zh="请以 1920x1080 重新导出后上传。", en="Export it in 1920x1080 and upload it again."),
    )
    film = sha256(b"film").hexdigest()
    shown = media.PublishedFile(
        kind="video",
        name="成片.mp4",
        object=stored.model_copy(update={"key": f"published/{MATERIAL}/{film}"}),
        type="video/mp4",
        size=261_000_000,
        sha256=film,
    )
    return [
        media.MaterialUploaded(
            at=AT,
            entry=ENTRY,
            material=MATERIAL,
            ticket=TICKET,
            studio=STUDIO,
            campaign=CAMPAIGN,
            revision=REVISION,
            track=TRACK,
            slot=SLOT,
            province=GANSU,
            object=stored,
            name=FILE,
            size=SIZE,
            sha256=PACKAGE,
            taken_at=AT - timedelta(minutes=9),
        ),
        media.MediaValidated(
            at=AT,
            entry=ENTRY,
            material=MATERIAL,
            studio=STUDIO,
            campaign=CAMPAIGN,
            revision=REVISION,
            slot=SLOT,
            name=FILE,
            size=SIZE,
            sha256=PACKAGE,
            verdict="fail",
            findings=(too_small,),
        ),
        media.MaterialPublished(
            at=AT,
            entry=ENTRY,
            material=MATERIAL,
            studio=STUDIO,
            campaign=CAMPAIGN,
            slot=SLOT,
            sha256=PACKAGE,
            files=(shown,),
        ),
    ]


def review_tells() -> list[BaseModel]:
    entry = review.EntrySubject(
        entry=ENTRY,
        studio=STUDIO,
        account=ACCOUNT,
        studio_name=STUDIO_NAME,
        campaign=CAMPAIGN,
        revision=REVISION,
        track=TRACK,
        theme=THEME,
        title=TITLE,
        attempt=1,
    )
    studio = review.StudioSubject(studio=STUDIO, account=ACCOUNT, name=STUDIO_NAME, attempt=1)
    reason = review.Reason(
        code="rule-broken", about=f"slot:{SLOT}", text="视频分辨率不足，请以 1920x1080 重新导出后上传。"
    )
    ranked = review.Ranked(rank=1, entry=ENTRY, studio=STUDIO, title=TITLE, studio_name=STUDIO_NAME, votes=1203)
    return [
        review.ProvinceApproved(at=AT, about=studio, province=GANSU, city=LANZHOU, by=PROVINCE_ADMIN),
        review.ProvinceReturned(
            at=AT,
            about=entry,
            province=GANSU,
            city=LANZHOU,
            by=PROVINCE_ADMIN,
            reasons=(reason,),
            reopened_slots=(SLOT,),
            mend_by=AT + timedelta(days=7),
        ),
        review.ScoreGiven(
            at=AT, studio=STUDIO, campaign=CAMPAIGN, revision=REVISION, dimension="activities", score=92.5, by=EXPERT
        ),
        review.AwardGranted(
            at=AT,
            campaign=CAMPAIGN,
            revision=REVISION,
            award=ids.AwardId("most-distinctive-studio"),
            title="科创筑梦年度最具特色工作室",
            rank=1,
            entry=ENTRY,
            studio=STUDIO,
            account=ACCOUNT,
            votes=1203,
        ),
        review.ResultsPublished(
            at=AT, campaign=CAMPAIGN, revision=REVISION, results=(ranked,), tally_digest=TALLY, by=NATIONAL_ADMIN
        ),
    ]


def voting_tells() -> list[BaseModel]:
    decided = voting.Decided(ballot=BALLOT, entry=ENTRY, channel="douyin", vote=True)
    ruled: dict[str, Any] = {
        "at": AT, "campaign": CAMPAIGN, "revision": REVISION, "ruling": "2023-09-12-devices", "by": NATIONAL_ADMIN,
        "ballots": (decided,),
    }  # fmt: skip
    return [
        voting.VoteCast(
            at=AT,
            ballot=BALLOT,
            campaign=CAMPAIGN,
            revision=REVISION,
            entry=ENTRY,
            channel="douyin",
            voter=sha256(b"voter").hexdigest(),
        ),
        voting.BallotsVoided(**ruled, reason="同一设备短时间内大量投票，经核查不予计入。"),
        voting.VotesRestored(**ruled, reason="经复核，选票有效。"),
        voting.TallyClosed(
            at=AT,
            campaign=CAMPAIGN,
            revision=REVISION,
            votes=1203,
            entries=(voting.Tallied(entry=ENTRY, votes=1203),),
            digest=TALLY,
        ),
    ]


def notify_tells() -> list[BaseModel]:
    return [
        notify.NoticeSent(
            at=AT, notice=NOTICE, account=ACCOUNT, template="entry_returned", channel="mail", because=EVENT
        ),
        notify.NoticeFailed(
            at=AT,
            notice=NOTICE,
            account=ACCOUNT,
            template="entry_returned",
            because=EVENT,
            reason="550 5.1.1 mailbox unknown",
        ),
    ]


def frontends_say() -> list[BaseModel]:
    batched = ingress.BatchedBallot(campaign=CAMPAIGN, entry=ENTRY, voter="douyin:8f14e45f", cast_at=AT, nonce="n-1")
    said = {"outcome": "counted", "ballot": BALLOT, "message_zh": "投票成功。", "message_en": "Your vote counts."}
    return [
        ingress.HandInBallot(campaign=CAMPAIGN, entry=ENTRY, voter="douyin:8f14e45f", cast_at=AT),
        ingress.BallotAnswer.model_validate(said),
        ingress.HandInBallots(ballots=(batched.model_dump(mode="json"),)),
        ingress.BallotAnswers(answers=(ingress.BatchedAnswer.model_validate(said),)),
    ]


EXAMPLES: dict[type[BaseModel], BaseModel] = {
    type(example): example
    for tells in (registration_tells, media_tells, review_tells, voting_tells, notify_tells, frontends_say)
    for example in tells()
}


def example_of(kind: type[Message]) -> Message:
    """The one example of a message; KeyError where none was written."""
    example = EXAMPLES[kind]
    assert isinstance(example, kind)
    return example
