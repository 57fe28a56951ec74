"""Notify's records in MongoDB: whom it can reach, notices, and messages that wait for somebody to be known."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from chassis.ids import new_id
from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.events.registration import AccountOpened, StudioRegistered
from contracts.ids import AccountId, NoticeId
from services.notify import rules
from services.notify.models import Account, Message, Notice, To, Waiting

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotifyStore:
    """The one place that knows how notify's records lie in its database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._accounts = database["accounts"]
        self._studios = database["studios"]
        self._notices = database["notices"]
        self._waiting = database["waiting"]

    async def prepare(self) -> None:
        """Create indexes. The unique one on `key` is what makes a notice once."""
        await self._accounts.create_indexes([
            IndexModel([("studio", ASCENDING)]),
            IndexModel([("role", ASCENDING), ("province", ASCENDING), ("city", ASCENDING)]),
        ])  # fmt: skip
        await self._notices.create_indexes([
            IndexModel([("key", ASCENDING)], unique=True),
            IndexModel([("account", ASCENDING), ("_id", DESCENDING)]),
            IndexModel([("mail", ASCENDING), ("next_at", ASCENDING)], partialFilterExpression={"state": "due"}),
            IndexModel(
                [("state", ASCENDING), ("mail", ASCENDING), ("account", ASCENDING)],
                partialFilterExpression={"state": "due"},
            ),  # an admin has hundreds of notices that wait for the digest, and twice a second who has any is asked
        ])  # fmt: skip
        await self._waiting.create_indexes([
            IndexModel([("next_at", ASCENDING)]),
            IndexModel([("message.to.of", ASCENDING)]),
        ])  # fmt: skip

    # Whom notices can be for

    async def open_account(self, tx: Transaction, event: AccountOpened) -> None:
        """Know an account, and look again at what waited for it."""
        known = Account(
            id=event.account, role=event.role, province=event.province, city=event.city, studio=event.studio,
            pii={"name": event.pii.name, "email": event.pii.email},
        )  # fmt: skip
        opened = {"$set": known.model_dump(exclude={"id"}), "$setOnInsert": {"digest_at": EPOCH, "digest_tries": 0}}
        await self._accounts.update_one({"_id": known.id}, opened, upsert=True, session=tx.session)
        await self._wake(tx, rules.concerns(known))

    async def place_studio(self, tx: Transaction, event: StudioRegistered) -> None:
        """Know which region a studio is in, for what is told of it without saying."""
        place = {"province": event.province, "city": event.city}
        await self._studios.update_one({"_id": event.studio}, {"$set": place}, upsert=True, session=tx.session)
        await self._wake(tx, [event.studio])

    async def reached_by(self, tx: Transaction, to: To) -> list[AccountId]:
        """The accounts known so far that something is addressed to."""
        if (wanted := await self._wanted(tx, to)) is None:
            return []
        return [row["_id"] async for row in self._accounts.find(wanted, {"_id": 1}, session=tx.session).sort("_id")]

    async def _wanted(self, tx: Transaction, to: To) -> Document | None:
        match to.kind:
            case "account":
                return {"_id": to.of}
            case "studio":
                return {"studio": to.of}
            case "city" | "province":
                return {"role": to.kind, to.kind: to.of}
            case "provinces":
                return {"role": "province"}
            case "national":
                return {"role": "national"}
            case "city-of" | "province-of":
                role = to.kind.removesuffix("-of")
                studio = await self._studios.find_one({"_id": to.of}, session=tx.session)
                return None if studio is None else {"role": role, role: studio[role]}

    async def account(self, account: AccountId) -> Account:
        """An account notices were addressed to."""
        found = await self._accounts.find_one({"_id": account})
        return Account.model_validate({**(found or {}), "id": account})

    # Messages that wait for somebody to be known

    async def wait(self, tx: Transaction, message: Message, next_at: datetime) -> None:
        """Keep a message until somebody is known whom it is addressed to."""
        row = {"message": message.model_dump(), "tries": 1, "next_at": next_at}
        await self._waiting.update_one({"_id": message.key}, {"$setOnInsert": row}, upsert=True, session=tx.session)

    async def waiting(self, now: datetime, limit: int) -> list[Waiting]:
        """Messages to look at again."""
        rows = self._waiting.find({"next_at": {"$lte": now}}).sort("next_at").limit(limit)
        return [Waiting(id=row["_id"], message=row["message"], tries=row["tries"]) async for row in rows]

    async def wait_on(self, tx: Transaction, waiting: Waiting, next_at: datetime) -> None:
        """Nobody yet: look again later."""
        again = {"$set": {"next_at": next_at}, "$inc": {"tries": 1}}
        await self._waiting.update_one({"_id": waiting.id}, again, session=tx.session)

    async def no_longer_wait(self, tx: Transaction, waiting: Waiting) -> None:
        """The message was addressed."""
        await self._waiting.delete_one({"_id": waiting.id}, session=tx.session)

    async def _wake(self, tx: Transaction, concerned: Sequence[str]) -> None:
        wanted = {"message.to.of": {"$in": list(concerned)}}
        await self._waiting.update_many(wanted, {"$set": {"next_at": EPOCH}}, session=tx.session)

    # Notices

    async def add(self, tx: Transaction, notices: Sequence[Notice]) -> list[Notice]:
        """Keep notices; says which of them are new."""
        keys = [notice.key for notice in notices]
        known = {row["key"] async for row in self._notices.find({"key": {"$in": keys}}, session=tx.session)}
        if new := [notice for notice in notices if notice.key not in known]:
            rows = [{"_id": each.id, **each.model_dump(exclude={"id"}), "next_at": EPOCH, "claim": ""} for each in new]
            await self._notices.insert_many(rows, session=tx.session)
        return new

    async def claim(self, now: datetime, until: datetime) -> tuple[Notice, str] | None:
        """Take a single mail that is due, for this long; the claim proves that nobody else took it since."""
        claim = new_id()
        row = await self._notices.find_one_and_update(
            {"state": "due", "mail": "single", "next_at": {"$lte": now}},
            {"$set": {"next_at": until, "claim": claim}, "$inc": {"tries": 1}},
            sort=[("next_at", ASCENDING)], return_document=ReturnDocument.AFTER,
        )  # fmt: skip
        return None if row is None else (_notice(row), claim)

    async def settle(self, tx: Transaction, notice: NoticeId, claim: str, state: str, reason: str) -> bool:
        """Write down what became of a claimed mail; False where the claim was lost."""
        settled = {"$set": {"state": state, "reason": reason}}
        done = await self._notices.update_one(
            {"_id": notice, "state": "due", "claim": claim}, settled, session=tx.session
        )
        return done.modified_count == 1

    async def postpone(self, notice: NoticeId, claim: str, next_at: datetime, reason: str) -> None:
        """Try a claimed mail again later."""
        later = {"$set": {"next_at": next_at, "reason": reason}}
        await self._notices.update_one({"_id": notice, "state": "due", "claim": claim}, later)

    async def claim_digest(self, now: datetime, until: datetime) -> tuple[Account, int] | None:
        """Take an admin who may be written to and has something to be told, for this long; with the try this is."""
        due = await self._notices.distinct("account", {"state": "due", "mail": "digest"})
        row = await self._accounts.find_one_and_update(
            {"_id": {"$in": due}, "digest_at": {"$lte": now}},
            {"$set": {"digest_at": until}, "$inc": {"digest_tries": 1}}, return_document=ReturnDocument.AFTER,
        )  # fmt: skip
        return None if row is None else (Account.model_validate({**row, "id": row["_id"]}), row["digest_tries"])

    async def due_for_digest(self, account: AccountId, limit: int) -> list[Notice]:
        """What an admin was not written of yet, oldest first."""
        rows = self._notices.find({"account": account, "state": "due", "mail": "digest"}).sort("_id").limit(limit)
        return [_notice(row) async for row in rows]

    async def settle_digest(self, tx: Transaction, notices: Iterable[NoticeId], state: str, reason: str) -> None:
        """Write down what became of the notices of one digest."""
        settled = {"$set": {"state": state, "reason": reason}}
        await self._notices.update_many({"_id": {"$in": list(notices)}, "state": "due"}, settled, session=tx.session)

    async def next_digest(self, account: AccountId, at: datetime, *, tries: int) -> None:
        """When an admin may be written to again."""
        await self._accounts.update_one({"_id": account}, {"$set": {"digest_at": at, "digest_tries": tries}})

    async def inbox(self, account: AccountId, after: str | None, unread: bool, limit: int) -> list[Notice]:
        """An account's notices, newest first, from the one behind `after`."""
        wanted: Document = {"account": account}
        if after is not None:
            wanted["_id"] = {"$lt": after}
        if unread:
            wanted["read_at"] = None
        return [_notice(row) async for row in self._notices.find(wanted).sort("_id", DESCENDING).limit(limit)]

    async def count_unread(self, account: AccountId) -> int:
        """How many notices an account has not read."""
        return await self._notices.count_documents({"account": account, "read_at": None})

    async def read(self, tx: Transaction, account: AccountId, notice: NoticeId, now: datetime) -> Notice | None:
        """Mark a notice of this account as read, the first time; None where it has no such notice."""
        mine = {"_id": notice, "account": account}
        await self._notices.update_one({**mine, "read_at": None}, {"$set": {"read_at": now}}, session=tx.session)
        row = await self._notices.find_one(mine, session=tx.session)
        return None if row is None else _notice(row)


def _notice(row: Document) -> Notice:
    return Notice.model_validate({**row, "id": row["_id"]})
