"""For every hearer of every process: what has to be there first, and the message whose handling is broken off.

A scenario prepares its lane and returns the act under test: publish a message, or call over HTTP.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chassis.ids import new_id
from contracts.events import media, registration, review, voting
from contracts.events.event import Event
from contracts.ingress import HandInBallot, HandInBallots
from contracts.rulebook import load_all
from deploy.contracts.examples import AT, CONTACT, GANSU, LANZHOU, SLOT, TITLE
from services.media.intake.rules import submitted
from services.media.intake.store import IntakeStore
from services.media.materials.models import Check
from services.media.materials.models import Material as StoredMaterial
from services.media.materials.store import MaterialStore
from services.registration.certification.models import Studio
from services.registration.certification.store import StudioStore
from services.registration.entries.models import Entry, Material
from services.registration.entries.store import EntryStore
from tests.chaos.lane import Lane
from tests.data.make_packages import docx, pack, photo
from tests.support.factories import make
from tests.support.worlds import in_stream

Act = Callable[[], Awaitable[object]]
Scenario = Callable[[Lane], Awaitable[Act]]
HEARERS: dict[tuple[str, str], Scenario] = {}
"""By process and the name of what it hears."""


def hearing(process: str, *kinds: type[Event] | type[HandInBallot | HandInBallots]) -> Callable[[Scenario], Scenario]:
    """Put a scenario into the table."""

    def enter(scenario: Scenario) -> Scenario:
        HEARERS.update({(process, kind.__name__): scenario for kind in kinds})
        return scenario

    return enter


def telling(lane: Lane, event: Event) -> Act:
    """The act of publishing an event."""
    return lambda: lane.tell(event)


def an_entry(**changes: Any) -> Entry:
    """An entry that was handed in with one upload."""
    upload = Material(material=new_id(), slot=SLOT, name="视频.zip", size=1000, sha256="0" * 64)  # type: ignore[arg-type]
    fields = make(registration.EntryOpened, entry=new_id(), studio=new_id()).model_dump(exclude={"at", "entry"})
    known = {"id": new_id(), "state": "handed_in", "opened_at": AT, "received_at": AT, "materials": (upload,)}
    return Entry.model_validate(fields | known | changes)


async def keep_entry(lane: Lane, entry: Entry) -> Entry:
    """Let registration know an entry."""
    store = EntryStore(lane.service.database)
    await lane.service.transactions.run(lambda tx: store.save(tx, entry))
    return entry


@hearing("registration", media.MaterialUploaded)
async def last_upload_arrives(lane: Lane) -> Act:
    """Its verdict came first; with the upload the entry is submitted, and told."""
    [upload] = an_entry().materials
    checked = upload.model_copy(update={"verdict": "pass", "checked_at": AT})
    entry = await keep_entry(lane, an_entry(materials=(checked,)))
    told = {"entry": entry.id, "material": checked.material, "slot": SLOT, "taken_at": AT - timedelta(minutes=9)}
    return telling(lane, make(media.MaterialUploaded, **told))


@hearing("registration", media.MediaValidated)
async def last_verdict_arrives(lane: Lane) -> Act:
    """The entry waits for nothing else: it is submitted, and told."""
    [upload] = an_entry().materials
    uploaded = upload.model_copy(update={"taken_at": AT, "uploaded_at": AT})
    entry = await keep_entry(lane, an_entry(materials=(uploaded,)))
    told = {"entry": entry.id, "material": uploaded.material, "verdict": "pass", "findings": ()}
    return telling(lane, make(media.MediaValidated, **told))


@hearing("registration", review.ProvinceApproved)
async def studio_is_approved(lane: Lane) -> Act:
    """A studio that waits becomes certified."""
    studio = Studio.model_validate({"id": new_id(), "account": new_id(), "state": "submitted", "attempt": 1})
    store = StudioStore(lane.service.database)
    await lane.service.transactions.run(lambda tx: store.save(tx, studio))
    about = review.StudioSubject(studio=studio.id, account=studio.account, name="工作室", attempt=1)
    return telling(lane, make(review.ProvinceApproved, about=about))


@hearing("registration", review.ProvinceReturned)
async def entry_is_returned(lane: Lane) -> Act:
    """An entry that waits comes back."""
    entry = await keep_entry(lane, an_entry(state="submitted", attempt=1))
    return telling(lane, make(review.ProvinceReturned, about=about_entry(entry.id)))


def about_entry(entry: str, **changes: object) -> review.EntrySubject:
    """The example's entry under another id."""
    example = make(review.ProvinceReturned).about
    return review.EntrySubject.model_validate({**dict(example), "entry": entry, **changes})


@hearing("media-api", registration.EntryOpened)
async def entry_is_opened(lane: Lane) -> Act:
    """Tickets can be taken for a new entry."""
    return telling(lane, make(registration.EntryOpened, entry=new_id()))


@hearing("media-api", registration.EntrySubmitted)
async def entry_is_submitted(lane: Lane) -> Act:
    """Its material stays as it is from now on."""
    entry = new_id()
    await lane.tell(make(registration.EntryOpened, entry=entry))
    return telling(lane, make(registration.EntrySubmitted, entry=entry))


@hearing("media-api", review.ProvinceReturned)
async def slots_are_reopened(lane: Lane) -> Act:
    """Its slots can be filled again."""
    entry = new_id()
    for kind in (registration.EntryOpened, registration.EntrySubmitted):
        await lane.tell(make(kind, entry=entry))
        await lane.settle()
    return telling(lane, make(review.ProvinceReturned, about=about_entry(entry)))


@hearing("media-worker", media.MaterialUploaded)
async def package_is_checked(lane: Lane) -> Act:
    """A package that lies in the store, and is no zip, is judged, and told."""
    stored = await stored_package(lane)
    rulebook = load_all(lane.service.settings.rulebooks)["cloud-studio-2023"]  # type: ignore[index] # a plain id will do
    told = make(
        media.MaterialUploaded, entry=new_id(), material=new_id(), ticket=new_id(), object=stored,
        size=len(PACKAGE), revision=rulebook.revision,
    )  # fmt: skip
    fields = told.model_dump(include=set(StoredMaterial.model_fields)) | {"title": TITLE, "studio_name": "工作室"}
    material = StoredMaterial.model_validate({**fields, "id": told.material, "uploaded_at": AT})
    store = MaterialStore(lane.service.database)
    await lane.service.transactions.run(lambda tx: store.add(tx, material))
    return telling(lane, told)


AN_ENTRY = make(registration.EntrySubmitted)


@hearing("media-worker", review.ProvinceApproved)
async def material_is_shown(lane: Lane) -> Act:
    """A package that passed at first sight is read wholly, told of again, made ready, and told of as published."""
    data = shown_package()
    rulebook = load_all(lane.service.settings.rulebooks)["cloud-studio-2023"]  # type: ignore[index] # a plain id will do
    told = make(
        media.MaterialUploaded, entry=new_id(), material=new_id(), ticket=new_id(), size=len(data),
        object=await stored_package(lane, data), sha256=sha256(data).hexdigest(), revision=rulebook.revision,
    )  # fmt: skip
    fields = told.model_dump(include=set(StoredMaterial.model_fields)) | {"title": TITLE, "studio_name": "工作室"}
    fields |= {"track": "case", "slot": "case", "name": "案例.zip"}
    check = Check(outcome="pass", findings=(), sha256=told.sha256, at=AT, stage="first")
    material = StoredMaterial.model_validate({**fields, "id": told.material, "uploaded_at": AT, "check": check})
    store = MaterialStore(lane.service.database)
    await lane.service.transactions.run(lambda tx: store.add(tx, material))
    named = tuple(each.model_copy(update={"material": told.material}) for each in AN_ENTRY.materials[:1])
    entry = submitted(None, AN_ENTRY.model_copy(update={"entry": told.entry, "attempt": 1, "materials": named}))
    await lane.service.transactions.run(lambda tx: IntakeStore(lane.service.database).keep_entry(tx, entry))
    return telling(lane, make(review.ProvinceApproved, about=about_entry(told.entry, attempt=1)))


@cache
def shown_package() -> bytes:
    """A case that keeps every rule: a document with five pictures in it."""
    with TemporaryDirectory() as folder:
        pictures = [photo(Path(folder), number) for number in range(5)]
        case = docx(Path(folder) / "case.docx", ["水火箭为什么飞得高"], pictures)
        return pack(Path(folder) / "case.zip", {"案例.docx": case}).read_bytes()


PACKAGE = b"PK\x03\x04 but nothing behind it" * 40


async def stored_package(lane: Lane, data: bytes = PACKAGE) -> media.StoredObject:
    """One object in the store, put there once."""
    note = sha256(data).hexdigest()
    if note not in lane.notes:
        objects, key = lane.objects(), f"material/{new_id()}"
        await objects.ensure_bucket()
        upload = await objects.create_multipart(key)
        await lane.put(objects.presign_part(key, upload, 1, len(data), 600), data)
        etag = await objects.complete_multipart(key, upload, await objects.list_parts(key, upload))
        lane.notes[note] = media.StoredObject(bucket=objects.bucket, key=key, etag=etag)
    kept: media.StoredObject = lane.notes[note]
    return kept


@hearing("review", registration.StudioRegistered)
async def studio_asks(lane: Lane) -> Act:
    """A studio waits in its province's queue."""
    return telling(lane, make(registration.StudioRegistered, studio=new_id()))


@hearing("review", registration.EntrySubmitted)
async def entry_asks(lane: Lane) -> Act:
    """An entry waits in its province's queue."""
    return telling(lane, make(registration.EntrySubmitted, entry=new_id()))


@hearing("review", media.MediaValidated)
async def verdict_comes_later(lane: Lane) -> Act:
    """The province sees what was found in an entry it has."""
    entry = new_id()
    await lane.tell(make(registration.EntrySubmitted, entry=entry))
    return telling(lane, make(media.MediaValidated, entry=entry))


@hearing("review", voting.TallyClosed)
async def tally_is_kept(lane: Lane) -> Act:
    """Each tally closed later is kept in place of the one before."""
    lane.notes["closed"] = lane.notes.get("closed", 0) + 1
    return telling(lane, make(voting.TallyClosed, at=AT + timedelta(seconds=lane.notes["closed"])))


@hearing("voting-api", review.ProvinceApproved)
async def entry_becomes_votable(lane: Lane) -> Act:
    """An approved entry can be voted on."""
    return telling(lane, make(review.ProvinceApproved, about=about_entry(new_id())))


@hearing("voting-api", HandInBallot)
async def ballot_is_handed_in(lane: Lane) -> Act:
    """A ballot from the bus counts, and is told."""
    ballot = make(HandInBallot, entry=await votable(lane), voter=f"douyin:{new_id()}")
    return lambda: lane.hand_in(ballot)


async def votable(lane: Lane) -> str:
    """An entry that can be voted on."""
    entry = new_id()
    await lane.tell(make(review.ProvinceApproved, about=about_entry(entry)))
    return entry


@hearing("voting-api", HandInBallots)
async def batch_is_handed_in(lane: Lane) -> Act:
    """The ballots of a batch from the bus count, and are told."""
    entry = await votable(lane)
    ballots = tuple({"campaign": "cloud-studio-2023", "entry": entry, "voter": new_id()} for _ in range(3))
    return lambda: lane.hand_in(HandInBallots(ballots=ballots))


async def vote_is_counted(lane: Lane) -> Act:
    """A vote that comes into the stream is added to the count of an entry."""
    told, votes = make(voting.VoteCast, ballot=new_id(), entry=new_id()), lane.service.stream
    assert votes is not None
    stream, message = await votes.part(), in_stream(told)
    return lambda: stream.append(told.ballot, [(1, message)])


async def known_studio(lane: Lane) -> Mapping[str, str]:
    """A studio in a city, with the admins above it; the same one all through a lane."""
    if "studio" not in lane.notes:
        studio = {"account": new_id(), "studio": new_id()}
        for role, region in {"province": {"province": GANSU}, "city": {"province": GANSU, "city": LANZHOU}}.items():
            await lane.tell(opened(role, account=new_id(), **region))
        await lane.tell(opened("national", account=new_id()))
        await lane.tell(opened("studio", province=GANSU, city=LANZHOU, **studio))
        await lane.settle()
        await lane.tell(make(registration.StudioRegistered, **studio))
        await lane.settle()
        lane.notes["studio"] = studio
    known: Mapping[str, str] = lane.notes["studio"]
    return known


def opened(role: str, **fields: str) -> registration.AccountOpened:
    """An account in a role, with an address of its own."""
    contact = CONTACT.model_copy(update={"email": f"{fields['account']}@example.org"})
    return registration.AccountOpened.model_validate({"at": AT, "role": role, "pii": contact, **fields})


@hearing("notify", registration.AccountOpened)
async def account_is_welcomed(lane: Lane) -> Act:
    """A new account gets a mail."""
    await known_studio(lane)
    account = {"account": new_id(), "studio": new_id(), "province": GANSU, "city": LANZHOU}
    return telling(lane, opened("studio", **account))


@hearing("notify", registration.StudioRegistered)
async def province_is_told_of_studio(lane: Lane) -> Act:
    """The studio gets a mail, so does its province."""
    return telling(lane, make(registration.StudioRegistered, **await known_studio(lane)))


@hearing("notify", registration.EntrySubmitted)
async def province_is_told_of_entry(lane: Lane) -> Act:
    """The studio gets a mail, so does its province."""
    return telling(lane, make(registration.EntrySubmitted, entry=new_id(), **await known_studio(lane)))


@hearing("notify", media.MediaValidated)
async def studio_is_told_of_fault(lane: Lane) -> Act:
    """The studio learns what is wrong with its package."""
    studio = (await known_studio(lane))["studio"]
    return telling(lane, make(media.MediaValidated, entry=new_id(), studio=studio))


@hearing("notify", review.ProvinceApproved)
async def studio_is_told_of_approval(lane: Lane) -> Act:
    """The studio learns that it is certified."""
    about = review.StudioSubject.model_validate({**await known_studio(lane), "name": "工作室", "attempt": 1})
    return telling(lane, make(review.ProvinceApproved, about=about))


@hearing("notify", review.ProvinceReturned)
async def studio_is_told_of_return(lane: Lane) -> Act:
    """The studio learns what to mend."""
    about = about_entry(new_id(), **await known_studio(lane))
    return telling(lane, make(review.ProvinceReturned, about=about))


@hearing("notify", review.AwardGranted)
async def studio_is_told_of_award(lane: Lane) -> Act:
    """The studio learns what it won."""
    return telling(lane, make(review.AwardGranted, entry=new_id(), **await known_studio(lane)))


@hearing("notify", review.ResultsPublished)
async def studio_is_told_of_results(lane: Lane) -> Act:
    """The studio learns its place."""
    [ranked] = make(review.ResultsPublished).results
    mine = ranked.model_copy(update={"studio": (await known_studio(lane))["studio"]})
    return telling(lane, make(review.ResultsPublished, results=(mine,)))
