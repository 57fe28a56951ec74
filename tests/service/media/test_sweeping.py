"""What was cut off is finished, what was forgotten is dropped, and what is still good is left alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chassis import objects
from chassis.identity import Caller
from chassis.objects import ObjectMissing, ObjectStore
from contracts.events.media import MaterialUploaded
from contracts.events.registration import EntrySubmitted
from contracts.ids import AccountId, StudioId, TicketId
from services.media.app import ApiParts, assemble
from services.media.models import StoredPart, Whole
from services.media.objects import Packages
from tests.service.media.conftest import MIB, Media, package, post
from tests.service.media.test_tickets import problem
from tests.support.factories import make

CLOSES = datetime(2023, 8, 15, 16, tzinfo=UTC)
DRAIN, SECOND = CLOSES + timedelta(hours=1), timedelta(seconds=1)
STUDIO = Caller(account=AccountId("a-1"), role="studio", studio=StudioId("s-1"))


class DiesAfterSealing(Packages):
    """The store is gone right after it made one object of the parts, as for a process that dies there."""

    async def find(self, key: str) -> Whole | None:
        raise ConnectionError("gone")


class RefusesOne(Packages):
    """The store answers, and refuses whatever is asked of one upload."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        super().__init__(store)
        self._refused = key

    async def discard(self, key: str, upload: str | None) -> None:
        if key == self._refused:
            raise ConnectionError("the object store refused: InternalError")
        await super().discard(key, upload)


class CameAt(Packages):
    """The store as if everything in it had come at one moment."""

    def __init__(self, store: ObjectStore, at: datetime) -> None:
        super().__init__(store)
        self._at = at

    async def parts(self, key: str, upload: str) -> tuple[StoredPart, ...] | None:
        parts = await super().parts(key, upload)
        return None if parts is None else tuple(replace(part, modified=self._at) for part in parts)

    async def posted(self, key: str) -> Whole | None:
        posted = await super().posted(key)
        return posted and replace(posted, modified=self._at)


class TakenOverBefore(Packages):
    """Somebody else makes the object of what a form sent just before this does."""

    async def take_over(self, key: str, posted: Whole) -> None:
        await super().take_over(key, posted)
        await self._store.remove(posted.object.key)
        await super().take_over(key, posted)


def parts_of(media: Media, packages: type[Packages] = Packages) -> ApiParts:
    """The API's own parts on its database, with another view of the store where one is given."""
    return assemble(media.api, media.settings, packages(media.store))


async def sealed_without_material(media: Media, data: bytes) -> str:
    """A ticket whose completion died between the object and the transaction; its id."""
    ticket = await media.take((await media.opened()).entry, data)
    await media.send(ticket, data)
    with pytest.raises(ConnectionError):
        await parts_of(media, DiesAfterSealing).completion.complete(STUDIO, TicketId(ticket["ticket"]))
    assert await media.state(ticket) == "completing"
    assert len(await media.keys()) == 1
    assert await media.api.database.materials.count_documents({}) == 0
    return str(ticket["ticket"])


async def test_completion_cut_off_after_the_object_was_made_is_finished_by_the_sweep(media: Media) -> None:
    ticket = await sealed_without_material(media, package())
    sweep = parts_of(media).sweep
    await sweep.settle()
    assert await media.state({"ticket": ticket}) == "completing"
    media.clock.advance(timedelta(seconds=60))
    await sweep.settle()
    await sweep.settle()
    await media.bus.settle()
    assert [told.ticket for told in media.bus.told_of(MaterialUploaded)] == [ticket]
    assert await media.state({"ticket": ticket}) == "completed"


async def test_completion_cut_off_in_time_is_good_after_the_drain_time(media: Media) -> None:
    media.clock.set(CLOSES + timedelta(hours=1) - timedelta(milliseconds=1))
    entry_at = media.clock.now()
    media.clock.set(CLOSES - timedelta(milliseconds=1))
    data, entry = package(), await media.opened()
    ticket = await media.take(entry.entry, data)
    await media.send(ticket, data)
    media.clock.set(entry_at)
    with pytest.raises(ConnectionError):
        await parts_of(media, DiesAfterSealing).completion.complete(STUDIO, TicketId(ticket["ticket"]))
    media.clock.advance(timedelta(hours=3))
    assert (await media.complete(ticket)).status_code == 200


async def test_completion_cut_off_with_parts_missing_is_open_again(media: Media) -> None:
    data = package()
    ticket = await media.take((await media.opened()).entry, data)
    await media.api.database.tickets.update_one(
        {"_id": ticket["ticket"]}, {"$set": {"state": "completing", "completing_at": media.clock.now()}}
    )
    media.clock.advance(timedelta(minutes=2))
    await parts_of(media).sweep.settle()
    assert await media.state(ticket) == "open"
    await media.send(ticket, data)
    assert (await media.complete(ticket)).status_code == 200


async def test_ticket_past_its_drain_time_expires_and_its_parts_are_gone(media: Media) -> None:
    data = package()
    ticket = await media.take((await media.opened()).entry, data)
    await media.send(ticket, data)
    row = await media.api.database.tickets.find_one({"_id": ticket["ticket"]})
    assert row is not None
    media.clock.set(CLOSES + timedelta(hours=1))
    await parts_of(media).sweep.settle()
    with pytest.raises(ObjectMissing):
        await media.store.list_parts(row["key"], row["upload"])
    assert problem(await media.complete(ticket)) == (409, "ticket_ended")
    assert await media.audited(f"ticket/{ticket['ticket']}") == ["take", "expire"]


@pytest.mark.parametrize("way", ["parts", "form"])
@pytest.mark.parametrize(("late", "state"), [(-SECOND, "completed"), (0 * SECOND, "expired"), (SECOND, "expired")])
async def test_upload_that_came_whole_before_the_drain_time_counts_though_nobody_said_so(
    media: Media, way: str, late: timedelta, state: str
) -> None:
    data = package(9 * MIB if way == "parts" else 0)
    ticket = await media.take((await media.opened()).entry, data)
    await (media.send(ticket, data) if way == "parts" else post(ticket["form"], data))
    media.clock.set(DRAIN + timedelta(minutes=1))
    sweep = assemble(media.api, media.settings, CameAt(media.store, DRAIN + late)).sweep
    await sweep.settle()
    await sweep.settle()
    await media.bus.settle()
    assert await media.state(ticket) == state
    told = {event.ticket: event.at for event in media.bus.told_of(MaterialUploaded)}
    assert told == ({ticket["ticket"]: DRAIN + late} if state == "completed" else {})
    assert len(await media.keys()) == len(told)


async def test_upload_that_came_whole_and_was_forgotten_becomes_material_instead_of_being_dropped(media: Media) -> None:
    data = package()
    ticket = await media.take((await media.opened()).entry, data)
    await media.send(ticket, data)
    media.clock.advance(timedelta(hours=48))
    await assemble(media.api, media.settings, CameAt(media.store, media.clock.now())).sweep.settle()
    assert await media.state(ticket) == "completed"


async def test_upload_that_came_whole_for_an_entry_submitted_meanwhile_expires(media: Media) -> None:
    data, entry = package(), await media.opened()
    ticket = await media.take(entry.entry, data)
    await media.send(ticket, data)
    await media.hear(make(EntrySubmitted, entry=entry.entry, studio="s-1", account="a-1", attempt=1))
    media.clock.set(DRAIN)
    await assemble(media.api, media.settings, CameAt(media.store, DRAIN - SECOND)).sweep.settle()
    assert (await media.state(ticket), await media.keys()) == ("expired", [])


async def test_ticket_the_store_keeps_refusing_does_not_keep_the_others_back(media: Media) -> None:
    entry, data = await media.opened(), package()
    first, second = [await media.take(entry.entry, data) for _ in range(2)]
    row = await media.api.database.tickets.find_one({"_id": first["ticket"]})
    assert row is not None
    media.clock.set(CLOSES + timedelta(hours=1))
    await assemble(media.api, media.settings, RefusesOne(media.store, row["key"])).sweep.settle()
    left = await media.api.database.tickets.find({"upload": {"$type": "string"}}).to_list()
    assert [await media.state(ticket) for ticket in (first, second)] == ["expired", "expired"]
    assert [each["_id"] for each in left] == [first["ticket"]]


async def test_parts_nobody_came_back_for_are_dropped_and_the_ticket_stays_good(media: Media) -> None:
    data = package(9 * MIB)
    ticket = await media.take((await media.opened()).entry, data)
    await media.send(ticket, data, 1)
    sweep = parts_of(media).sweep
    media.clock.advance(timedelta(hours=47))
    assert len((await media.studio.get(f"/v1/tickets/{ticket['ticket']}")).json()["stored"]) == 1
    media.clock.advance(timedelta(hours=47))
    await sweep.settle()
    assert await media.api.database.tickets.count_documents({"upload": {"$type": "string"}}) == 1
    media.clock.advance(timedelta(hours=1))
    await sweep.settle()
    assert await media.api.database.tickets.count_documents({"upload": {"$type": "string"}}) == 0
    resumed = (await media.studio.get(f"/v1/tickets/{ticket['ticket']}")).json()
    assert (resumed["state"], resumed["stored"], len(resumed["parts"])) == ("open", [], 2)
    await media.send(resumed, data)
    assert (await media.complete(ticket)).status_code == 200


async def test_orphans_are_gone_after_two_days_and_material_stays(media: Media) -> None:
    await media.uploaded((await media.opened()).entry, package())
    orphan = await media.store.create_multipart("material/e-0/orphan")
    sweep, now = parts_of(media).sweep, datetime.now(UTC)
    media.clock.set(now + timedelta(hours=47))
    await sweep.clear_orphans()
    assert await media.store.list_parts("material/e-0/orphan", orphan) == []
    media.clock.set(now + timedelta(hours=49))
    await sweep.clear_orphans()
    with pytest.raises(ObjectMissing):
        await media.store.list_parts("material/e-0/orphan", orphan)
    assert len(await media.keys()) == 1


async def test_what_a_form_sent_stays_as_long_as_its_ticket(media: Media) -> None:
    data = package()
    kept, given_up = [await media.take((await media.opened()).entry, data) for _ in range(2)]
    for ticket in (kept, given_up):
        assert await post(ticket["form"], data) == 204
    await media.api.database.tickets.update_one({"_id": given_up["ticket"]}, {"$set": {"state": "expired"}})
    media.clock.set(datetime.now(UTC) + timedelta(hours=49))
    await parts_of(media).sweep.clear_orphans()
    rows = media.api.database.tickets.find({"_id": {"$in": [kept["ticket"], given_up["ticket"]]}})
    sent = {row["_id"]: row["key"].replace("material/", "incoming/") async for row in rows}
    left = {item.key for item in await media.store.list("incoming/")}
    assert (sent[kept["ticket"]] in left, sent[given_up["ticket"]] in left) == (True, False)


async def test_form_taken_over_by_another_at_the_same_time_is_material_once(media: Media) -> None:
    data = package()
    ticket = await media.take((await media.opened()).entry, data)
    await post(ticket["form"], data)
    parts = parts_of(media, TakenOverBefore)
    material = await parts.completion.complete(STUDIO, TicketId(ticket["ticket"]))
    assert (material.ticket, await media.state(ticket)) == (ticket["ticket"], "completed")


async def test_orphans_are_gone_however_many_pages_of_them_there_are(
    media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PAGE", 3)
    ticket = await media.take((await media.opened()).entry, package())
    keys = [f"material/e-0/orphan-{number // 2}" for number in range(10)]
    orphans = {await media.store.create_multipart(key) for key in keys}
    media.clock.set(datetime.now(UTC) + timedelta(hours=49))
    await parts_of(media).sweep.clear_orphans()
    left = {upload.upload_id for upload in await media.store.list_uploads("material/")}
    row = await media.api.database.tickets.find_one({"_id": ticket["ticket"]})
    assert row is not None
    assert (left & orphans, row["upload"] in left) == (set(), True)


async def test_ticket_asked_for_while_the_store_is_away_counts_and_gets_its_urls_later(media: Media) -> None:
    away = media.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    entry, data = await media.opened(), package()
    media.api.routers[:], kept = assemble(media.api, away).routers(away), list(media.api.routers)
    media.clients.clear()
    ticket = await media.take(entry.entry, data)
    assert (ticket["store_away"], ticket["parts"], ticket["receipt"] != "") == (True, [], True)
    answer = await media.studio.get(f"/v1/tickets/{ticket['ticket']}")
    assert (*problem(answer), answer.headers["retry-after"]) == (503, "unavailable", "5")
    assert (await media.complete(ticket)).status_code == 503
    media.api.routers[:] = kept
    media.clients.clear()
    media.clock.advance(timedelta(minutes=2))
    await parts_of(media).sweep.settle()
    resumed = (await media.studio.get(f"/v1/tickets/{ticket['ticket']}")).json()
    await media.send(resumed, data)
    assert (await media.complete(ticket)).status_code == 200
