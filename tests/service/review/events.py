"""What review hears, as the other services would tell it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from contracts.events.media import Finding, MediaValidated, Text
from contracts.events.registration import Contact, EntryMaterial, EntrySubmitted, StudioRegistered
from contracts.events.voting import Tallied, TallyClosed
from tests.support.factories import make

CAMPAIGN = "cloud-studio-2023"
GANSU, LANZHOU, JIAYUGUAN = "620000", "620100", "620200"
SICHUAN, CHENGDU = "510000", "510100"
BEIJING = "110000"
AT = datetime(2023, 7, 1, 2, tzinfo=UTC)
VOTING_OVER = datetime(2023, 10, 1, tzinfo=UTC)
EVALUATION = datetime(2023, 10, 10, tzinfo=UTC)
PUBLICATION = datetime(2023, 11, 7, tzinfo=UTC)


def registered(studio: str = "studio-1", **changes: Any) -> StudioRegistered:
    """A studio in Lanzhou handed in its form."""
    pii = Contact(name="示例联系人", email="studio@example.org")
    event = make(StudioRegistered, at=AT, studio=studio, account=f"account-of-{studio}", province=GANSU, city=LANZHOU)
    return event.model_copy(update={"pii": pii, **changes})


def material(
    name: str = "material-1", verdict: Literal["pass", "advice", "unchecked"] = "pass", slot: str = "video"
) -> EntryMaterial:
    """A material as registration names it."""
    return EntryMaterial.model_validate(
        {"slot": slot, "material": name, "name": f"{name}.zip", "size": 1000, "sha256": "0" * 64, "verdict": verdict}
    )


def submitted(entry: str = "entry-1", studio: str = "studio-1", **changes: Any) -> EntrySubmitted:
    """An entry of a studio in Lanzhou was handed in."""
    event = make(
        EntrySubmitted,
        at=AT,
        received_at=AT,
        entry=entry,
        studio=studio,
        account=f"account-of-{studio}",
        campaign=CAMPAIGN,
        theme="spaceflight",
        province=GANSU,
        city=LANZHOU,
        materials=(material(f"material-of-{entry}"),),
    )
    return event.model_copy(update=changes)


def finding(*, ok: bool = False, level: Literal["required", "advice"] = "required") -> Finding:
    """What a check said of the video's resolution."""
    said = Text(zh="分辨率", en="resolution")
    fields = {"rule": "video.resolution", "level": level, "ok": ok, "measured": "1280x720", "expected": "≥ 1920x1080"}
    return Finding.model_validate({**fields, "file": "成片.mp4", "message": said, "mend": said})


def validated(
    entry: str = "entry-1", verdict: Literal["pass", "advice", "fail"] = "pass", **changes: Any
) -> MediaValidated:
    """A material of an entry was checked."""
    findings = (finding(),) if verdict == "fail" else ()
    event = make(
        MediaValidated,
        at=AT + timedelta(minutes=1),
        entry=entry,
        material=f"material-of-{entry}",
        campaign=CAMPAIGN,
        verdict=verdict,
        findings=findings,
    )
    return event.model_copy(update=changes)


def closed(votes: dict[str, int], **changes: Any) -> TallyClosed:
    """The tally closed with these votes."""
    entries = tuple(Tallied.model_validate({"entry": entry, "votes": count}) for entry, count in votes.items())
    event = make(TallyClosed, at=VOTING_OVER, campaign=CAMPAIGN, votes=sum(votes.values()), entries=entries)
    return event.model_copy(update=changes)


def reason(about: str = "slot:video", code: str = "rule-broken", text: str = "请重新导出视频。") -> dict[str, str]:
    """A reason as an admin writes it."""
    return {"code": code, "about": about, "text": text}
