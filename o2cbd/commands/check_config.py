"""`o2cbd check-config`."""

from __future__ import annotations

import os

import click

from o2cbd.commands.common import Failure, load_settings, say
from o2cbd.commands.run import library, membership_option
from o2cbd.core.exit_codes import EXIT_BAD_SETTINGS
from o2cbd.errors import printable
from o2cbd.given_settings import overridden
from o2cbd.settings import DEFAULT_FILE, DaemonSettings


@click.command("check-config")
@click.argument("file", metavar="[F]", required=False)
@click.option("--live", is_flag=True, help="Read the cluster manager as well.")
@membership_option
@click.option("--libcman", metavar="PATH", callback=library, help="With --live.")
def command(file: str | None, *, live: bool, membership: str | None, libcman: str | None) -> None:
    """Check a settings file (default: /etc/o2cbd/o2cbd.toml) without changing anything.

    Reports all mistakes at once, each with its key; exit code 78 when there are any. With --live
    the cluster manager is read as well: 78, with the lines to write, when the table would lack a
    node.
    """
    settings = load_settings(file)
    if file is None and not os.path.lexists(DEFAULT_FILE):
        say(f"{DEFAULT_FILE} does not exist: using the defaults")
    else:
        say(f"{file or DEFAULT_FILE}: good")
    if live:
        _check_live(
            overridden(
                settings, membership=membership, libcman=libcman, paths={}, cluster=None, port=None
            )
        )


def _check_live(settings: DaemonSettings) -> None:
    """Write the table that would be wanted, and what of the configuration should be looked at.

    Raises:
        Failure: with everything that is to be changed, a line each; or no manager can be read.
    """
    # Only here: it loads the manager's library.
    from o2cbd.commands.offline import configured_here  # noqa: PLC0415

    found = configured_here(settings)
    for line in found.table:
        say(printable(line))
    if found.problems:
        raise Failure(EXIT_BAD_SETTINGS, "\n".join(found.problems))
