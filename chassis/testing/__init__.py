"""The test kit: what stands in for broker, clock and issuer, held to the real thing by the conformance suite."""

from chassis.testing.bus import MemoryBus
from chassis.testing.clock import SetClock
from chassis.testing.issuer import Issuer
from chassis.testing.web import client

__all__ = ["Issuer", "MemoryBus", "SetClock", "client"]
