"""From parts in the store to material: resumed, completed, refused, superseded, given up."""

import asyncio
import random

import httpx

from contracts.events.media import MaterialUploaded, MediaValidated
from services.media.app import build_api
from tests.service.media.conftest import MIB, Media, digest, package, post
from tests.service.media.test_sweeping import parts_of
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
    await media.force(ticket, 1, data + b"more")
    answer = await media.complete(ticket)
    facts = answer.json()
    assert (*problem(answer), facts["measured"], facts["expected"]) == (409, "size_differs", len(data) + 4, len(data))
    assert (await media.state(ticket), await media.keys()) == ("open", [])
    await media.bus.settle()
    assert media.bus.told_of(MaterialUploaded) == []
    await media.send((await media.studio.get(f"/v1/tickets/{ticket['ticket']}")).json(), data)
    assert (await media.complete(ticket)).status_code == 200


async def test_store_takes_no_part_of_another_length_than_its_ticket_says(media: Media) -> None:
    entry, data = await media.opened(), package(9 * MIB)
    ticket = await media.take(entry.entry, data)
    first, last = ticket["parts"]
    cut, longer = data[: first["size"] - 1], data[: first["size"] + 1]
    assert [await put(first["url"], wrong) for wrong in (b"", cut, longer, data)] == [403] * 4
    assert await put(last["url"], data[: first["size"]]) == 403
    shown = (await media.studio.get(f"/v1/tickets/{ticket['ticket']}")).json()
    assert (shown["stored"], len(shown["parts"])) == ([], 2)


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


async def test_small_file_sent_by_a_form_becomes_material(media: Media) -> None:
    entry, data = await media.opened(), package()
    ticket = await media.take(entry.entry, data)
    assert await post(ticket["form"], data) == 204
    resumed = (await media.studio.get(f"/v1/tickets/{ticket['ticket']}")).json()
    assert ([part["number"] for part in resumed["stored"]], resumed["parts"], resumed["form"]) == ([1], [], None)
    assert (await media.complete(ticket)).status_code == 200
    await media.settle()
    [told] = media.bus.told_of(MediaValidated)
    assert told.sha256 == digest(data)
    assert [item.key for item in await media.store.list(f"incoming/{entry.entry}/")] == []


async def test_form_takes_no_other_size_and_changes_nothing_once_it_was_taken_over(media: Media) -> None:
    entry, data = await media.opened(), package()
    ticket = await media.take(entry.entry, data)
    assert [await post(ticket["form"], other) for other in (data + b"x", data[:-1])] == [400, 400]
    assert problem(await media.complete(ticket)) == (409, "parts_missing")
    assert await post(ticket["form"], data) == 204
    assert (await media.complete(ticket)).status_code == 200
    assert await post(ticket["form"], bytes(reversed(data))) == 204
    await media.settle()
    [told] = media.bus.told_of(MediaValidated)
    assert told.sha256 == digest(data)
    media.clock.set(media.clock.now().replace(year=2100))
    await parts_of(media).sweep.clear_orphans()
    assert await media.store.list(f"incoming/{entry.entry}/") == []


async def test_large_file_has_no_form(media: Media) -> None:
    ticket = await media.take((await media.opened()).entry, b"", size=20 * MIB, sha256="0" * 64)
    assert ticket["form"] is None


async def test_upload_cut_at_any_byte_never_becomes_material(media: Media) -> None:
    entry, data = await media.opened(), package(9 * MIB)
    ticket = await media.take(entry.entry, data)
    await media.send(ticket, data, 2)
    for cut in random.Random(20231).sample(range(1, 8 * MIB), 3):
        await media.force(ticket, 1, data[:cut])
        answer = await media.complete(ticket)
        assert (*problem(answer), answer.json()["wrong"]) == (409, "size_differs", [1])
    await media.settle()
    assert (media.bus.told_of(MaterialUploaded), await media.keys()) == ([], [])


async def test_pages_of_our_origins_may_use_the_store_and_no_others(media: Media) -> None:
    ours = media.settings.model_copy(update={"browser_origins": ("https://studio.example.org",)})
    await build_api(ours, media.clock).prepare[-1]()
    ticket = await media.take((await media.opened()).entry, package())
    asked = {"access-control-request-method": "PUT", "access-control-request-headers": "content-type"}
    async with httpx.AsyncClient() as web:
        answers = [
            await web.options(ticket["parts"][0]["url"], headers={"origin": origin, **asked})
            for origin in ("https://studio.example.org", media.settings.public_url, "https://other.example.org")
        ]
    assert [answer.headers.get("access-control-allow-origin") for answer in answers] == [
        "https://studio.example.org", media.settings.public_url, None,
    ]  # fmt: skip
