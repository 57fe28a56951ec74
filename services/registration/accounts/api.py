"""Accounts, tokens and the published key over HTTP."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chassis.identity import NationalAdmin
from chassis.signing import SigningKey
from contracts.ids import City, Province
from services.registration.accounts.actions import Accounts
from services.registration.accounts.models import AccountView, Opening, Token

Text = Field(min_length=1, max_length=200)
Secret = Field(min_length=1, max_length=1000)


class OpenAccount(BaseModel):
    """A studio's contact person registers."""

    model_config = ConfigDict(extra="forbid")

    email: str = Text
    password: SecretStr = Secret
    name: str = Text
    phone: str = Field(default="", max_length=50)


class OpenAdminAccount(OpenAccount):
    """A national administrator opens an account for somebody in a role; `province` and `city` where it has them."""

    role: Literal["city", "province", "national", "expert", "frontend", "ops", "analytics"]
    province: Province | None = None
    city: City | None = None


class SignIn(BaseModel):
    """E-mail and password."""

    email: str = Text
    password: SecretStr = Secret


def api(accounts: Accounts, key: SigningKey) -> APIRouter:
    """Opening accounts, signing in, and the key set that verifies tokens."""
    router = APIRouter(tags=["accounts"])

    @router.post("/v1/accounts", status_code=201)
    async def open_account(body: OpenAccount) -> AccountView:
        return await accounts.open(Opening(**body.model_dump()))

    @router.post("/v1/admin/accounts", status_code=201)
    async def open_admin_account(body: OpenAdminAccount, caller: NationalAdmin) -> AccountView:
        return await accounts.open(Opening(**body.model_dump()))

    @router.post("/v1/tokens")
    async def sign_in(body: SignIn) -> Token:
        return await accounts.sign_in(body.email, body.password)

    @router.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, list[dict[str, Any]]]:
        return key.jwks()

    return router
