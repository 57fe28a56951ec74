"""Province admins: they look at their queue, return what they were told to return once, and approve the rest."""

from collections.abc import Callable
from typing import Any, Literal

from deploy.demo.ledger import Decided
from deploy.demo.world import LATER, Denied, Person, Stage

Kind = Literal["studio", "entry"]
PAGE = 100

REASONS = {
    "studio": {"code": "stamp-missing", "about": "field:scan.stamped-form", "text": "扫描件未盖章，请盖章后重新上传。"},
    "entry": {"code": "picture-or-sound", "about": "slot:video", "text": "画面有片段不清晰，请更换视频后重新提交。"},
}


class Province:
    """The admin of one province."""

    def __init__(self, stage: Stage, person: Person, name: str) -> None:
        self._stage, self._person, self._name = stage, person, name
        self._decided: set[str] = set()

    async def screen(self, kind: Kind, returns: Callable[[dict[str, Any]], bool], over: Callable[[], bool]) -> None:
        """Decide on everything that comes in until it is over."""
        while not over():
            for line in await self.waiting(kind):
                subject = f"{kind}/{line[kind]}/{line['attempt']}"
                if subject not in self._decided and await self._decide(
                    kind, line, back=line["attempt"] == 1 and returns(line)
                ):
                    self._decided.add(subject)
            await self._stage.world.pause(0.3)

    async def waiting(self, kind: Kind) -> list[dict[str, Any]]:
        """What waits for this admin now and was handed in during this run."""
        lines: list[dict[str, Any]] = []
        ours = self._stage.ledger.studios
        after: dict[str, str] = {}
        while True:
            page = await self._person.get("review/v1/queue", kind=kind, state="waiting", limit=PAGE, **after)
            lines += [line for line in page["items"] if line["studio"] in ours]
            if page["next"] is None:
                return lines
            after = {"after": page["next"]}

    async def sees_nothing_of(self, kind: Kind, which: str) -> bool:
        """Whether something of another province is hidden from this one, as if it were not there."""
        plural = {"studio": "studios", "entry": "entries"}[kind]
        headers = {"authorization": f"Bearer {self._person.token}"}
        answer = await self._stage.world.service("review").get(f"/v1/{plural}/{which}", headers=headers)
        page = await self._person.get("review/v1/queue", kind=kind, limit=PAGE)
        return answer.status_code == 404 and which not in {line[kind] for line in page["items"]}

    async def _decide(self, kind: Kind, line: dict[str, Any], *, back: bool) -> bool:
        """Decide on one; False where its second look is still to come."""
        path = f"review/v1/{'studios' if kind == 'studio' else 'entries'}/{line[kind]}"
        name = line["name"] if kind == "studio" else line["title"]
        if back:
            reopened = {"reopened_slots": ["video"]} if kind == "entry" else {}
            await self._person.post(
                f"{path}/return", {"reasons": [REASONS[kind]], "attempt": line["attempt"], **reopened}
            )
            self._stage.show.say(f"{self._name}退回：{name}", "returned with reasons")
            self._stage.show.step(f"{kind}-returned")
        else:
            try:
                await self._person.post(f"{path}/approve", {"attempt": line["attempt"]})
            except Denied as denied:
                if denied.code not in LATER:
                    raise
                return False
            self._stage.show.step(f"{kind}-approved")
        outcome: Decided = "returned" if back else "approved"
        self._stage.ledger.decisions.add((f"{kind}/{line[kind]}", line["attempt"], outcome))
        self._stage.bell(f"{kind}/{line[kind]}/{line['attempt']}").set()
        return True
