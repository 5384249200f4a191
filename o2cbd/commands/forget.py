"""`o2cbd forget`."""

from __future__ import annotations

import click

from o2cbd.commands.asking import ask
from o2cbd.commands.common import config_option, runtime_dir_of, runtime_dir_option, say
from o2cbd.errors import printable


@click.command("forget")
@click.argument("node")
@config_option
@runtime_dir_option
def command(node: str, config: str | None, runtime_dir: str | None) -> None:
    """Confirm that a lost NODE is down, so that it may be removed.

    Make sure that it is: two halves of a cluster that each forget the other may both mount one
    disk and destroy it.
    """
    ask(runtime_dir_of(runtime_dir, config), {"request": "forget", "node": node})
    say(
        printable(
            f"o2cbd now considers node {node} down: its entry waits no longer for its return or a"
            " majority, and still for quorum (o2cbd status)"
        )
    )
