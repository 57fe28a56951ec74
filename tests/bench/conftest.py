"""Benches run as the product's processes do."""

import asyncio

import pytest
import uvloop

from chassis.service import unpaused


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = uvloop.EventLoopPolicy()
    return policy


@pytest.fixture(autouse=True)
def _as_served() -> None:
    unpaused()
