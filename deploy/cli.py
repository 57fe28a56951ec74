"""`zhumeng`, the one command line: a table of what it can do."""

from collections.abc import Callable

import typer

from deploy.commands import check, contracts, demo, parked, rulebook, stack, trace, votes

app = typer.Typer(no_args_is_help=True, help="筑梦 Zhumeng", pretty_exceptions_show_locals=False)

COMMANDS: dict[str, Callable[..., None]] = {
    "up": stack.up,
    "down": stack.down,
    "status": stack.status,
    "run": stack.run,
    "check": check.check,
    "demo": demo.demo,
    "trace": trace.trace,
}
GROUPS = {
    "contracts": contracts.app,
    "parked": parked.app,
    "rulebook": rulebook.app,
    "votes": votes.app,
}

for name, command in COMMANDS.items():
    app.command(name)(command)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)

if __name__ == "__main__":
    app()
