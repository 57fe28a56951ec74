"""`zhumeng run NAME`: one process of the product, and nothing imported that it does not need."""

import gc
import sys
from importlib import import_module

from contracts.rulebook import RulebookRefused
from deploy.processes import PROCESSES


def run(name: str) -> None:
    """Build the named process from its environment and serve until told to stop; a rulebook in doubt ends it here."""
    gc.disable()  # what is being loaded stays; `serve` turns it on
    process = PROCESSES[name]
    settings = import_module(f"services.{process.service}.settings").Settings()
    try:
        service = getattr(import_module(f"services.{process.service}.app"), process.builder)(settings)
    except RulebookRefused as refused:
        sys.exit(f"活动规则有误，{name} 未启动 / the rulebook is refused, {name} does not start:\n{refused}")
    import_module("chassis.service").serve(service)


if __name__ == "__main__":
    run(sys.argv[1])
