"""Studios, answers and events to start a registration test from."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.ids import new_id
from contracts.events.media import Finding, MaterialUploaded, MediaValidated, StoredObject, Text
from contracts.events.review import EntrySubject, ProvinceApproved, ProvinceReturned, Reason, StudioSubject
from contracts.ids import AccountId, MaterialId, RuleId, SlotId, StudioId
from services.registration.certification.models import Studio

CAMPAIGN, TRACK, THEME, SLOT = "cloud-studio-2023", "theme-video", "spaceflight", SlotId("video")
DEADLINE = datetime(2023, 8, 15, 16, tzinfo=UTC)
"""15 August 2023, 24:00 in Beijing."""
DRAIN = timedelta(hours=1)
MILLISECOND, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)
GANSU, LANZHOU, CHENGDU = "620000", "620100", "510100"
ADMIN = AccountId("province-admin")
PDF = b"%PDF-1.7\n% a stamped form\n"
PDF_SHA256 = hashlib.sha256(PDF).hexdigest()

PAGES: dict[str, dict[str, Any]] = {
    "unit": {
        "kind": "school-studio",
        "name": "黄河之声科普工作室",
        "unit-name": "兰州市第一中学",
        "address": "兰州市示例路 1 号",
        "open-since": "2022-06-24",
    },
    "region": {"province": GANSU, "city": LANZHOU},
    "people": {"staff": 20, "part-time": 11, "senior": 5, "tutors-from": ["学校科技辅导员", "在职科技工作者"]},
    "funding": {"yearly": 200000, "funds-from": ["上级拨付", "企业"]},
}
"""Complete answers to every page but the scan, which is saved by its key."""


def certified_studio(studio: StudioId, **changes: object) -> Studio:
    """A studio in Lanzhou whose province approved it."""
    known = Studio(
        id=studio,
        account=AccountId(new_id()),
        state="certified",
        form={"unit": PAGES["unit"]},
        province=GANSU,
        city=LANZHOU,
        attempt=1,
        decided_at=datetime(2023, 6, 20, tzinfo=UTC),
    )
    return Studio.model_validate({**known.model_dump(), **changes})


def new_entry(**changes: object) -> dict[str, object]:
    """The body of a request to open an entry."""
    return {"campaign": CAMPAIGN, "track": TRACK, "theme": THEME, "title": "桥为什么不怕水", **changes}


def uploaded(entry: dict[str, Any], at: datetime, taken_at: datetime | None = None, **changes: Any) -> MaterialUploaded:
    """Media tells that a material of the entry's video slot is complete."""
    material = MaterialId(changes.pop("material", new_id()))
    fields: dict[str, Any] = {
        "at": at,
        "taken_at": taken_at or at,
        "entry": entry["entry"],
        "material": material,
        "ticket": new_id(),
        "studio": "unknown",
        "campaign": entry["campaign"],
        "revision": entry["revision"],
        "track": entry["track"],
        "slot": SLOT,
        "province": GANSU,
        "object": StoredObject(bucket="zhumeng-material", key=f"material/{material}", etag="e"),
        "name": "活动视频.zip",
        "size": 1000,
        "sha256": hashlib.sha256(material.encode()).hexdigest(),
    }
    return MaterialUploaded(**{**fields, **changes})


def validated(upload: MaterialUploaded, verdict: str = "pass", at: datetime | None = None) -> MediaValidated:
    """Media tells what it found in an upload."""
    told = {name: getattr(upload, name) for name in MediaValidated.model_fields if hasattr(upload, name)}
    found = (TOO_LONG,) if verdict == "fail" else ()
    return MediaValidated(**{**told, "at": at or upload.at + SECOND, "verdict": verdict, "findings": found})


def taken_back(verdict: MediaValidated, mend_by: datetime) -> MediaValidated:
    """Media tells that every byte was read, and that the material fails after all."""
    found = {"verdict": "fail", "findings": (TOO_LONG,), "stage": "second"}
    return verdict.model_copy(update={**found, "at": verdict.at + SECOND, "mend_by": mend_by})


TOO_LONG = Finding(
    rule=RuleId("video.aspect"),
    level="required",
    ok=False,
    measured="4:3",
    expected="16:9",
    message=Text(zh="画面比例为 4:3。", en="The picture is 4:3."),
    mend=Text(zh="请按 16:9 重新导出。", en="Export it again as 16:9."),
)


def entry_decision(entry: dict[str, Any], at: datetime, attempt: int = 1, **returned: Any) -> Any:
    """The province approves an entry, or returns it where `reasons`, `reopened_slots` or `mend_by` are given."""
    about = EntrySubject(
        entry=entry["entry"],
        studio=StudioId("unknown"),
        account=AccountId("unknown"),
        studio_name="黄河之声科普工作室",
        campaign=entry["campaign"],
        revision=entry["revision"],
        track=entry["track"],
        title=entry["title"],
        attempt=attempt,
    )
    return _decision(about, at, returned)


def studio_decision(studio: StudioId, at: datetime, attempt: int = 1, **returned: Any) -> Any:
    """The province certifies a studio, or returns its form."""
    about = StudioSubject(studio=studio, account=AccountId("unknown"), name="黄河之声科普工作室", attempt=attempt)
    return _decision(about, at, returned)


def _decision(about: EntrySubject | StudioSubject, at: datetime, returned: dict[str, Any]) -> Any:
    if not returned:
        return ProvinceApproved(about=about, at=at, province=GANSU, city=LANZHOU, by=ADMIN)
    reasons = returned.pop("reasons", (REASON,))
    return ProvinceReturned(about=about, at=at, province=GANSU, city=LANZHOU, by=ADMIN, reasons=reasons, **returned)


REASON = Reason(code="picture-or-sound", about="slot:video", text="声音不清晰，请重新录制后上传。")
