"""From parts in the store to material: resumed, completed, refused, superseded, given up."""

import asyncio

import httpx

from contracts.events.media import MaterialUploaded
from tests.service.media.conftest import MIB, Media, digest, package
from tests.service.media.test_tickets import problem


async def put(url: str, data: bytes) -> int:
    async with httpx.AsyncClient(timeout=30) as web:
        return (await web.put(url, content=data)).status_code


async def test_upload_completed_becomes_material_and_is_told_once(media: Media) -> None:
    entry, data = await media.opened(), package()
    material = await media.uploaded(entry.entry, data)
    await media.bus.settle()
    [told] = media.bus.told_of(MaterialUploaded)
    assert (told.material, told.entry, told.slot, told.size, told.sha256) == (
        material, entry.entry, "video", len(data), digest(data),
    )  # fmt: skip
    found = await media.store.stat(told.object.key)
    assert (found.etag, found.size) == (told.object.etag, len(data))
    assert await media.audited(f"ticket/{told.ticket}") == ["take", "complete"]


async def test_upload_cut_after_one_of_two_parts_is_resumed(media: Media) -> None:
    entry, data = await media.opened(), package(9 * MIB)
    ticket = await media.take(entry.entry, data)
    await media.send(ticket, data, 1)
    early = await media.complete(ticket)
    assert (*problem(early), early.json()["missing"]) == (409, "parts_missing", [2])
    resumed = (await media.studio.get(f"/v1/tickets/{ticket['ticket']}")).json()
    assert [part["number"] for part in resumed["stored"]] == [1]
    assert [part["number"] for part in resumed["parts"]] == [2]
    await media.send(resumed, data)
    assert (await media.complete(ticket)).status_code == 200


async def test_part_larger_than_its_ticket_never_becomes_material(media: Media) -> None:
    entry, data = await media.opened(), package()
    ticket = await media.take(entry.entry, data)
    assert await put(ticket["parts"][0]["url"], data + b"more") == 200
    answer = await media.complete(ticket)
    facts = answer.json()
    assert (*problem(answer), facts["measured"], facts["expected"]) == (409, "size_differs", len(data) + 4, len(data))
    assert (await media.state(ticket), await media.keys()) == ("open", [])
    await media.bus.settle()
    assert media.bus.told_of(MaterialUploaded) == []
    await media.send((await media.studio.get(f"/v1/tickets/{ticket['ticket']}")).json(), data)
    assert (await media.complete(ticket)).status_code == 200


async def test_ticket_used_a_second_time_is_refused_with_its_material(media: Media) -> None:
    entry, data = await media.opened(), package()
    ticket = await media.take(entry.entry, data)
    await media.send(ticket, data)
    material = (await media.complete(ticket)).json()["material"]
    again = await media.complete(ticket)
    assert (*problem(again), again.json()["material"]) == (409, "ticket_used", material)
    assert await put(ticket["parts"][0]["url"], data) == 404
    assert problem(await media.studio.delete(f"/v1/tickets/{ticket['ticket']}")) == (409, "ticket_used")
    await media.bus.settle()
    assert len(media.bus.told_of(MaterialUploaded)) == 1


async def test_completion_asked_for_after_the_object_was_made_succeeds(media: Media) -> None:
    entry, data = await media.opened(), package()
    ticket = await media.take(entry.entry, data)
    await media.send(ticket, data)
    row = await media.api.database.tickets.find_one({"_id": ticket["ticket"]})
    assert row is not None
    parts = await media.store.list_parts(row["key"], row["upload"])
    await media.store.complete_multipart(row["key"], row["upload"], parts)
    assert (await media.complete(ticket)).status_code == 200
    await media.bus.settle()
    assert len(media.bus.told_of(MaterialUploaded)) == 1


async def test_newer_upload_of_a_slot_supersedes_the_older(media: Media) -> None:
    entry = await media.opened()
    first = await media.uploaded(entry.entry, package())
    second = await media.uploaded(entry.entry, package(1))
    listed = (await media.studio.get(f"/v1/entries/{entry.entry}/materials")).json()
    assert {each["material"]: (each["state"], each["superseded_by"]) for each in listed} == {
        first: ("superseded", second), second: ("uploaded", None),
    }  # fmt: skip


async def test_older_ticket_completed_after_a_newer_is_refused_and_leaves_nothing(media: Media) -> None:
    entry, data = await media.opened(), package()
    older = await media.take(entry.entry, data)
    await media.send(older, data)
    newer = await media.uploaded(entry.entry, package(1))
    answer = await media.complete(older)
    assert (*problem(answer), answer.json()["material"]) == (409, "superseded", newer)
    assert await media.state(older) == "superseded"
    assert [key.rsplit("/", 1)[1] for key in await media.keys()] == [newer]


async def test_upload_given_up_leaves_nothing_and_cannot_be_completed(media: Media) -> None:
    entry, data = await media.opened(), package()
    ticket = await media.take(entry.entry, data)
    await media.send(ticket, data)
    assert (await media.studio.delete(f"/v1/tickets/{ticket['ticket']}")).status_code == 204
    assert await put(ticket["parts"][0]["url"], data) == 404
    assert problem(await media.complete(ticket)) == (409, "ticket_ended")
    assert (await media.state(ticket), await media.keys()) == ("aborted", [])
    assert await media.audited(f"ticket/{ticket['ticket']}") == ["take", "abort"]


async def test_two_completions_at_once_make_one_material(media: Media) -> None:
    entry, data = await media.opened(), package()
    ticket = await media.take(entry.entry, data)
    await media.send(ticket, data)
    answers = await asyncio.gather(*(media.complete(ticket) for _ in range(5)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), set(statuses) <= {200, 409, 503}) == (1, True)
    await media.bus.settle()
    assert len(media.bus.told_of(MaterialUploaded)) == 1


async def test_two_tickets_of_a_slot_completed_at_once_leave_the_newer_in_force(media: Media) -> None:
    entry, data = await media.opened(), package()
    older, newer = await media.take(entry.entry, data), await media.take(entry.entry, data)
    await media.send(older, data)
    await media.send(newer, data)
    await asyncio.gather(media.complete(older), media.complete(newer))
    in_force = await media.api.database.materials.find({"superseded_by": None}).to_list()
    assert [row["ticket"] for row in in_force] == [newer["ticket"]]
