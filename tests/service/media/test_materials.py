"""Who may see material: its studio and the admins of its province, and nobody else learns that it is there."""

import httpx

from tests.service.media.conftest import Media, package
from tests.service.media.test_tickets import problem


async def test_link_for_owner_and_province_gives_the_very_bytes(media: Media) -> None:
    data = package()
    material = await media.uploaded((await media.opened()).entry, data)
    for viewer in (media.studio, media.province):
        link = (await viewer.get(f"/v1/materials/{material}/link")).json()
        async with httpx.AsyncClient() as web:
            ranged = await web.get(link["url"], headers={"range": "bytes=10-19"})
            assert ((await web.get(link["url"])).content, ranged.content) == (data, data[10:20])


async def test_link_altered_to_another_object_is_refused_by_the_store(media: Media) -> None:
    entry = await media.opened()
    first = await media.uploaded(entry.entry, package())
    second = await media.uploaded(entry.entry, package(1))
    link = (await media.studio.get(f"/v1/materials/{first}/link")).json()
    async with httpx.AsyncClient() as web:
        assert (await web.get(link["url"].replace(first, second))).status_code == 403


async def test_material_for_strangers_is_as_if_it_were_not_there(media: Media) -> None:
    entry = await media.opened()
    material = await media.uploaded(entry.entry, package())
    strangers = (
        media.as_("studio", account="a-2", studio="s-2", province="620000"),
        media.as_("province", account="p-2", province="510000"),
        media.as_("studio", account="a-3"),
        media.as_("province", account="p-3"),
    )
    for stranger in strangers:
        for path in (f"/v1/materials/{material}", f"/v1/materials/{material}/link"):
            there, absent = await stranger.get(path), await stranger.get(path.replace(material, "no-such"))
            assert problem(there) == (404, "material_not_found")
            assert there.json() == absent.json()
        listed, none = [await stranger.get(f"/v1/entries/{each}/materials") for each in (entry.entry, "no-such")]
        assert listed.status_code == 404
        assert listed.json() == none.json()


async def test_material_for_other_roles_is_denied(media: Media) -> None:
    material = await media.uploaded((await media.opened()).entry, package())
    roles = ("city", "national", "expert", "frontend", "ops", "analytics")
    answers = [await media.as_(role, province="620000").get(f"/v1/materials/{material}/link") for role in roles]
    assert [problem(answer) for answer in answers] == [(403, "role_not_allowed")] * len(roles)


async def test_entry_without_material_lists_none(media: Media) -> None:
    entry = await media.opened()
    for viewer in (media.studio, media.province):
        assert (await viewer.get(f"/v1/entries/{entry.entry}/materials")).json() == []
