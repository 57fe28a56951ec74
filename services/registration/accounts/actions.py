"""Accounts: opened by studios themselves or by a national administrator, and signed in to."""

from pydantic import SecretStr

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.logs import log
from chassis.problems import Refused
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.registration import AccountOpened, Contact
from contracts.ids import AccountId, StudioId
from services.registration.accounts import rules
from services.registration.accounts.models import Account, AccountView, Opening, Token
from services.registration.accounts.passwords import Passwords
from services.registration.accounts.store import AccountStore
from services.registration.accounts.tokens import LIFETIME, Signer
from services.registration.actions import granted


class Accounts:
    """Opens accounts and signs people in. Tokens run on `token_clock`, which is that of whoever verifies them."""

    def __init__(
        self,
        transactions: Transactions,
        store: AccountStore,
        passwords: Passwords,
        signer: Signer,
        clock: Clock,
        token_clock: Clock,
    ) -> None:
        self.transactions, self.store, self.clock = transactions, store, clock
        self._passwords, self._signer, self._token_clock = passwords, signer, token_clock

    async def open(self, opening: Opening) -> AccountView:
        """Open an account; a studio's comes with a studio to be certified."""
        granted(rules.refuses(opening))
        account = Account(
            **opening.model_dump(exclude={"password", "email"}),
            id=AccountId(new_id()),
            email=rules.normalised(opening.email),
            password_hash=await self._passwords.hashed(opening.password.get_secret_value()),
            studio=StudioId(new_id()) if opening.role == "studio" else None,
            opened_at=self.clock.now(),
        )
        await self._add(account)
        log().info("account_opened", account=account.id, role=account.role)
        return AccountView(account=account.id, **account.model_dump(include={"role", "studio", "province", "city"}))

    @transactional
    async def _add(self, tx: Transaction, account: Account) -> None:
        if not await self.store.add(tx, account):
            zh, en = "该邮箱已注册，请直接登录。", "An account with this e-mail exists; sign in instead."
            raise Refused(409, "email_taken", zh, en)
        region = account.model_dump(include={"role", "province", "city", "studio"})
        contact = Contact(name=account.name, email=account.email, phone=account.phone)
        tx.tell(AccountOpened(at=account.opened_at, account=account.id, pii=contact, **region))
        tx.audit(f"account/{account.id}", "open", role=account.role, province=account.province, city=account.city)

    async def open_first_admin(self, email: str | None, password: SecretStr | None) -> None:
        """Open the national administrator named at start, unless the e-mail has an account already."""
        if email is None or password is None or await self.store.of(rules.normalised(email)):
            return
        try:
            await self.open(Opening(email=email, password=password, name="全国管理员", role="national"))
        except Refused as refused:
            if refused.code != "email_taken":  # another process of ours was first
                raise

    async def sign_in(self, email: str, password: SecretStr) -> Token:
        """A token for an account. An unknown e-mail and a wrong password get the same answer in the same time."""
        account = await self.store.of(rules.normalised(email))
        matches = await self._passwords.matches(account.password_hash if account else None, password.get_secret_value())
        if account is None or not matches:
            raise Refused(401, "sign_in_refused", "邮箱或密码不正确。", "The e-mail or the password is not right.")
        claims = account.model_dump(include={"role", "studio", "province", "city"}, exclude_none=True)
        token = self._signer.sign(account.id, claims, self._token_clock.now())
        log().info("signed_in", account=account.id, role=account.role)
        expires_in = int(LIFETIME.total_seconds())
        return Token(access_token=token, expires_in=expires_in, account=account.id, **claims)
