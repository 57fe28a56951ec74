"""Accounts as they are kept and shown."""

from datetime import datetime

from pydantic import SecretStr

from contracts.ids import AccountId, City, Province, Role, StudioId
from services.registration.models import Record


class Account(Record):
    """Somebody who can sign in."""

    id: AccountId
    role: Role
    email: str
    """Normalised; unique."""
    name: str
    phone: str = ""
    password_hash: str
    province: Province | None = None
    city: City | None = None
    studio: StudioId | None = None
    opened_at: datetime


class Opening(Record):
    """What somebody gives to have an account opened."""

    email: str
    password: SecretStr
    name: str
    phone: str = ""
    role: Role = "studio"
    province: Province | None = None
    city: City | None = None


class AccountView(Record):
    """An opened account."""

    account: AccountId
    role: Role
    studio: StudioId | None = None
    province: Province | None = None
    city: City | None = None


class Token(Record):
    """A bearer token, for how many seconds it holds, and for whom."""

    access_token: str
    token_type: str = "Bearer"
    expires_in: int
    account: AccountId
    role: Role
    studio: StudioId | None = None
    province: Province | None = None
    city: City | None = None
