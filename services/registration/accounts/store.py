"""Accounts in MongoDB."""

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.ids import AccountId
from services.registration.accounts.models import Account
from services.registration.store import Kept


class AccountStore:
    """Accounts by id and by e-mail."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._accounts = Kept(Account, database["accounts"])

    async def prepare(self) -> None:
        """Create indexes; safe to repeat."""
        await self._accounts.collection.create_indexes([IndexModel([("email", ASCENDING)], unique=True)])

    async def get(self, tx: Transaction | None, account: AccountId) -> Account | None:
        return await self._accounts.one(tx, id=account)

    async def of(self, email: str) -> Account | None:
        """The account of a normalised e-mail address."""
        return await self._accounts.one(None, email=email)

    async def add(self, tx: Transaction, account: Account) -> bool:
        """Write a new account; False where another has its e-mail."""
        if await self._accounts.one(tx, email=account.email):
            return False
        try:
            await self._accounts.save(tx, account)
        except DuplicateKeyError:
            return False
        return True

    async def save(self, tx: Transaction, account: Account) -> None:
        await self._accounts.save(tx, account)
