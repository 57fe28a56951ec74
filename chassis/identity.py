"""Who calls: JWTs verified against the issuer's JWKS, and what a role lets a caller do."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, get_args

import httpx
import jwt
from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, ValidationError

from chassis.logs import log
from chassis.origin import ORIGIN, Origin
from chassis.problems import Refused, Unavailable
from contracts.ids import AccountId, City, Province, Role, StudioId

ALGORITHMS = ["EdDSA", "RS256", "ES256"]
FRESH_S, AGAIN_S = 600.0, 2.0
TRUSTED_S = 30.0
"""A token that was verified is not verified again for as long: a signature takes a tenth of a millisecond."""
REMEMBERED = 1000
ROLES: tuple[Role, ...] = get_args(Role)


class Caller(BaseModel):
    """A verified account: what it may see is bounded by its role, its region and its studio."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    account: AccountId
    role: Role
    province: Province | None = None
    city: City | None = None
    studio: StudioId | None = None


class Keys(Protocol):
    """Gives the public key a token names."""

    async def find(self, kid: str | None) -> jwt.PyJWK | None: ...


class JwksKeys:
    """An issuer's published keys, kept ten minutes, asked for again when a token names an unknown one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._asked = -1e9
        self._asking: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> jwt.PyJWK | None:
        """The key, or None where the issuer has none of that id; Unavailable while the issuer was never reached.

        A known key is answered at once: the issuer being slow or away costs nobody a request.
        """
        age = time.monotonic() - self._asked
        if self._asking is None and (age > FRESH_S or (kid not in self._keys and age > AGAIN_S)):
            self._asked = time.monotonic()
            self._asking = asyncio.create_task(self._ask())
        if kid not in self._keys and self._asking is not None:
            await asyncio.shield(self._asking)
        if not self._keys:
            raise Unavailable("the issuer's keys cannot be read")
        return self._keys.get(kid)

    async def _ask(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
                answer = (await client.get(self._url)).raise_for_status()
            self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(answer.json()).keys}
        except (httpx.HTTPError, ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
            log().warning("jwks_away", url=self._url, error=repr(error)[:200])
        finally:
            self._asking = None


@dataclass(frozen=True)
class Verifier:
    """Turns a bearer token into a Caller, or refuses it."""

    keys: Keys
    issuer: str
    audience: str | None = None
    """Whom tokens must be meant for; needed where the issuer serves other products too."""
    _verified: OrderedDict[str, tuple[float, Caller]] = field(default_factory=OrderedDict, compare=False, repr=False)

    async def verify(self, token: str) -> Caller:
        """The caller of a valid token; Refused 401 for a forged, foreign or expired one."""
        until, known = self._verified.get(token, (0.0, None))
        if known is not None and time.time() < until:
            return known
        claims, caller = await self._decoded(token)
        self._verified[token] = min(float(claims["exp"]), time.time() + TRUSTED_S), caller
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
        return caller

    async def _decoded(self, token: str) -> tuple[dict[str, Any], Caller]:
        try:
            key = await self.keys.find(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise jwt.InvalidKeyError("signed by a key the issuer does not publish")
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self.issuer,
                audience=self.audience,
                options={"require": ["exp", "iss", "sub"], "verify_aud": self.audience is not None},
            )
            return claims, Caller.model_validate({**claims, "account": claims["sub"]})
        except jwt.ExpiredSignatureError:
            raise Refused(
                401, "token_expired", "登录已过期，请重新登录。", "The token has expired; sign in again."
            ) from None
        except (jwt.PyJWTError, ValidationError) as error:
            raise Refused(
                401,
                "token_invalid",
                "登录凭证无效，请重新登录。",
                "The token is not valid; sign in again.",
                reason=type(error).__name__,
            ) from None


def bearer(authorization: str) -> str:
    """The token of an `Authorization` header; Refused 401 where there is none."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(401, "token_missing", "请先登录。", "Sign in first: a bearer token is needed.")
    return token.strip()


async def _caller(request: Request) -> Caller:
    verifier: Verifier = request.app.state.verifier
    caller = await verifier.verify(bearer(request.headers.get("authorization", "")))
    ORIGIN.set(Origin(caller.account, caller.role))
    return caller


SignedIn = Annotated[Caller, Depends(_caller)]


def only(*roles: Role) -> Any:
    """A route parameter's type marker: `caller: Annotated[Caller, only("province")]` admits these roles alone."""
    return Depends(_allowing(roles))


def _allowing(roles: tuple[Role, ...]) -> Callable[[Caller], Coroutine[Any, Any, Caller]]:
    async def allowed(caller: SignedIn) -> Caller:
        return permitted(caller, roles)

    return allowed


def permitted(caller: Caller, roles: tuple[Role, ...]) -> Caller:
    """The caller, if in one of the roles; Refused 403 and a line in the log otherwise."""
    if caller.role not in roles:
        log().warning("denied", account=caller.account, role=caller.role, allowed=roles)
        raise Refused(403, "role_not_allowed", "您的账号没有此项权限。", "Your role may not do this.", role=caller.role)
    return caller


Studio = Annotated[Caller, only("studio")]
ProvinceAdmin = Annotated[Caller, only("province")]
NationalAdmin = Annotated[Caller, only("national")]
Expert = Annotated[Caller, only("expert")]
Frontend = Annotated[Caller, only("frontend")]
