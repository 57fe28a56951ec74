"""HTTP actions that tell events: what has to be there first, and the request whose handling is broken off."""

from collections.abc import Mapping

import httpx

from chassis.ids import new_id
from contracts.events import registration
from contracts.ids import BallotId, CampaignId, EntryId
from deploy.contracts.examples import AT, GANSU, LANZHOU, SLOT, THEME, TRACK
from services.registration.accounts.models import Account
from services.registration.accounts.store import AccountStore
from services.registration.certification.models import Studio
from services.registration.certification.store import StudioStore
from services.voting.models import Ballot
from services.voting.store import VotingStore
from tests.chaos.lane import Lane
from tests.chaos.scenarios import PACKAGE, Act, Scenario, votable
from tests.service.media.conftest import digest
from tests.service.registration.factories import PAGES, certified_studio
from tests.support.factories import make

PASSWORD = "correct horse battery"


async def open_account(lane: Lane) -> Act:
    """AccountOpened."""
    body = {"email": f"{new_id()}@example.org", "password": PASSWORD, "name": "示例联系人"}
    return lambda: lane.ask("POST", "/v1/accounts", json=body)


async def submit_certification(lane: Lane) -> Act:
    """StudioRegistered, of a form that is complete."""
    contact = {"email": f"{new_id()}@example.org", "name": "示例联系人", "password_hash": ""}
    account = Account.model_validate({"id": new_id(), "role": "studio", "studio": new_id(), "opened_at": AT, **contact})
    form = {**PAGES, "scan": {"stamped-form": "kept"}}
    region = {"province": GANSU, "city": LANZHOU}
    studio = Studio.model_validate({"id": account.studio, "account": account.id, "form": form, **region})
    accounts, studios = AccountStore(lane.service.database), StudioStore(lane.service.database)
    await lane.service.transactions.run(lambda tx: accounts.save(tx, account))
    await lane.service.transactions.run(lambda tx: studios.save(tx, studio))
    token = lane.token("studio", studio=studio.id)
    return lambda: lane.ask("POST", "/v1/studio/certification/submit", token)


async def open_entry(lane: Lane) -> Act:
    """EntryOpened, by a certified studio."""
    studio = certified_studio(new_id())  # type: ignore[arg-type] # any id will do
    store = StudioStore(lane.service.database)
    await lane.service.transactions.run(lambda tx: store.save(tx, studio))
    body = {"campaign": "cloud-studio-2023", "track": TRACK, "theme": THEME, "title": "桥为什么不怕水"}
    return lambda: lane.ask("POST", "/v1/entries", lane.token("studio", studio=studio.id), json=body)


async def complete_upload(lane: Lane) -> Act:
    """MaterialUploaded, once every part is in. It has two transactions; cut off between them, the sweep ends it."""
    entry, studio = new_id(), new_id()
    await lane.tell(make(registration.EntryOpened, entry=entry, studio=studio))
    await lane.settle()
    token = lane.token("studio", studio=studio)
    wanted = {"entry": entry, "slot": SLOT, "name": "视频.zip", "size": len(PACKAGE), "sha256": digest(PACKAGE)}
    answer = await lane.ask("POST", "/v1/tickets", token, json=wanted)
    assert answer is not None
    ticket = answer.raise_for_status().json()
    await lane.put(ticket["parts"][0]["url"], PACKAGE)
    return lambda: lane.ask("POST", f"/v1/tickets/{ticket['ticket']}/complete", token)


async def approve_entry(lane: Lane) -> Act:
    """ProvinceApproved, of an entry whose material passed."""
    entry = new_id()
    [material] = make(registration.EntrySubmitted).materials
    passed = material.model_copy(update={"verdict": "pass"})
    await lane.tell(make(registration.EntrySubmitted, entry=entry, materials=(passed,)))
    token = lane.token("province", province=GANSU)
    return lambda: lane.ask("POST", f"/v1/entries/{entry}/approve", token)


async def cast_ballot(lane: Lane) -> Act:
    """VoteCast, of a ballot that counts."""
    body = {"campaign": "cloud-studio-2023", "entry": await votable(lane), "voter": f"douyin:{new_id()}"}
    return lambda: lane.ask("POST", "/v1/votes", lane.token("frontend"), json=body)


async def count_held_ballots(lane: Lane) -> Act:
    """VoteCast, of ballots that were held, once each."""
    entry = EntryId(await votable(lane))
    number = BallotId(new_id())
    held = Ballot(
        number, CampaignId("cloud-studio-2023"), "0" * 64, entry, "douyin", new_id(), 1, "2023-09-10", AT, held=("it",)
    )
    await VotingStore(lane.service.database).keep([held])
    return ruling(lane, "count", number)


async def void_votes(lane: Lane) -> Act:
    """BallotsVoided, of a vote in the stream."""
    cast = await cast_ballot(lane)
    await lane.settle()
    answer = await cast()
    assert isinstance(answer, httpx.Response)
    return ruling(lane, "void", answer.raise_for_status().json()["ballot"])


def ruling(lane: Lane, do: str, ballot: str) -> Act:
    """The act of deciding on a ballot."""
    path, token = f"/v1/campaigns/cloud-studio-2023/rulings/{new_id()}", lane.token("national")

    async def rule() -> None:
        answer = await lane.ask("PUT", path, token, json={"do": do, "reason": "经核查", "ballots": [ballot]})
        assert answer is None or answer.status_code == 200, answer.text

    return rule


TELLERS: Mapping[str, Mapping[str, Scenario]] = {
    "registration": {
        "open account": open_account,
        "submit certification": submit_certification,
        "open entry": open_entry,
    },
    "media-api": {"complete upload": complete_upload},
    "review": {"approve entry": approve_entry},
    "voting-api": {
        "cast ballot": cast_ballot,
        "count held ballots": count_held_ballots,
        "void votes": void_votes,
    },
}
"""By process, then by what is done."""
