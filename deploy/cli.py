"""`zhumeng`, the one command line: a table of what it can do, each imported when it is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from typer._click import Command, Context  # typer carries a click of its own

COMMANDS: Final = {
    "up": "stack",
    "down": "stack",
    "status": "stack",
    "run": "stack",
    "check": "check",
    "receipt": "receipt",
    "demo": "demo",
    "trace": "trace",
}
"""Commands by the file of `deploy.commands` their function is in."""
GROUPS: Final = ("contracts", "media", "parked", "rulebook", "votes")
"""Files of `deploy.commands` that are several commands under one name."""


class OnDemand(TyperGroup):
    """Imports what one command needs, so that a check of a file does not wait for what the demo needs."""

    def list_commands(self, ctx: "Context") -> list[str]:
        return [*COMMANDS, *GROUPS]

    def get_command(self, ctx: "Context", cmd_name: str) -> "Command | None":
        if cmd_name not in COMMANDS and cmd_name not in GROUPS:
            return None
        found = import_module(f"deploy.commands.{COMMANDS.get(cmd_name, cmd_name)}")
        if cmd_name in GROUPS:
            command: Command = typer.main.get_group(found.app)
        else:
            alone = typer.Typer(add_completion=False)
            alone.command(cmd_name)(getattr(found, cmd_name))
            command = typer.main.get_command(alone)
        command.name = cmd_name
        return command


app = typer.Typer(cls=OnDemand, no_args_is_help=True, pretty_exceptions_show_locals=False)


@app.callback()
def zhumeng() -> None:
    """筑梦 Zhumeng"""


if __name__ == "__main__":
    app()
