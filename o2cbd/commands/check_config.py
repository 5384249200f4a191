"""`o2cbd check-config`."""

from __future__ import annotations

import os

import click

from o2cbd.commands.common import load_settings, say
from o2cbd.settings import DEFAULT_FILE


@click.command("check-config")
@click.argument("file", metavar="[F]", required=False)
def command(file: str | None) -> None:
    """Check a settings file (default: /etc/o2cbd/o2cbd.toml) and touch nothing.

    All mistakes are told at once, each with its key path; 78 when there are any.
    """
    load_settings(file)
    if file is None and not os.path.lexists(DEFAULT_FILE):
        say(f"{DEFAULT_FILE} is not there: the defaults are used")
    else:
        say(f"{file or DEFAULT_FILE}: good")
