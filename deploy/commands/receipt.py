"""`zhumeng receipt`: whether a receipt for an upload ticket is ours, and what it promises."""

import json
import sys
from typing import Annotated

import httpx
import jwt
import typer
from rich.console import Console

from deploy.local.addresses import Addresses
from deploy.local.home import Home
from services.media.intake.receipts import TYPE

out = Console(highlight=False)


def receipt(
    written: Annotated[str, typer.Argument(metavar="RECEIPT", help="凭证中的 receipt；- 从标准输入读 / - reads it")],
    keys: Annotated[
        str | None, typer.Option("--keys", help="公钥地址 / where the keys are: …/api/media/v1/tickets/keys")
    ] = None,
) -> None:
    """核验上传回执，任何人都可以 / Verify an upload receipt, as anyone can. 0: ours, printed; 1: not; 2: no keys."""
    text = (sys.stdin.read() if written == "-" else written).strip()
    try:
        published = httpx.get(keys or _keys_here(), timeout=10, trust_env=False).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        out.print(f"无法取得公钥 the keys cannot be read: {error}", markup=False)
        raise typer.Exit(2) from error
    try:
        said = verified(text, published)
    except jwt.PyJWTError as error:
        out.print(f"不是本平台的回执 not ours: {error}", markup=False)
        raise typer.Exit(1) from error
    typer.echo(json.dumps(said, ensure_ascii=False, indent=2))


def verified(receipt: str, published: dict[str, list[dict[str, str]]]) -> dict[str, object]:
    """What a receipt says, its signature being of one of the published keys; PyJWTError where it is not."""
    header = jwt.get_unverified_header(receipt)
    if header.get("typ") != TYPE:
        raise jwt.InvalidTokenError(f"typ is {header.get('typ')!r}, expected {TYPE!r}")
    key = next((key for key in jwt.PyJWKSet.from_dict(published).keys if key.key_id == header.get("kid")), None)
    if key is None:
        raise jwt.InvalidKeyError("signed by a key that is not published")
    said: dict[str, object] = jwt.decode(receipt, key, algorithms=["EdDSA"])
    return said


def _keys_here() -> str:
    addresses = Addresses.read(Home.default())
    if addresses is None:
        out.print("未启动，请给出 --keys / Not running: give --keys")
        raise typer.Exit(2)
    return f"{addresses.http('media-api')}/v1/tickets/keys"
