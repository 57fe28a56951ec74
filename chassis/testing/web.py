"""HTTP in process."""

import httpx

from chassis.service import Service


def client(service: Service, token: str | None = None) -> httpx.AsyncClient:
    """A client on the service's own application, signed in where a token is given."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(service.http()), base_url=f"http://{service.name}", headers=headers
    )
