"""`zhumeng run NAME`: one process of the product, and nothing imported that it does not need."""

import sys
from importlib import import_module

from deploy.processes import PROCESSES


def run(name: str) -> None:
    """Build the named process from its environment and serve until told to stop."""
    process = PROCESSES[name]
    settings = import_module(f"services.{process.service}.settings").Settings()
    service = getattr(import_module(f"services.{process.service}.app"), process.builder)(settings)
    import_module("chassis.service").serve(service)


if __name__ == "__main__":
    run(sys.argv[1])
