"""`o2cbd run`."""

from __future__ import annotations

import os

import click

from o2cbd.commands.common import (
    absolute,
    cluster_name,
    config_option,
    load_settings,
    runtime_dir_option,
)
from o2cbd.core.model import MAX_PORT
from o2cbd.given_settings import overridden
from o2cbd.settings import Source


def library(_context: click.Context, _option: click.Parameter, path: str | None) -> str | None:
    """Make the path of a library absolute; a bare name is the dynamic linker's to find."""
    return os.path.abspath(path) if path is not None and "/" in path else path  # noqa: PTH100 - text stays text


membership_option = click.option(
    "--membership", type=click.Choice([one.value for one in Source]), help="The cluster manager."
)


@click.command("run")
@config_option
@membership_option
@click.option("--libcman", metavar="PATH", callback=library, help="The libcman.so.3 to load.")
@click.option("--configfs", metavar="PATH", callback=absolute, help="Where configfs is mounted.")
@click.option("--mounts", metavar="PATH", callback=absolute, help="The mount table to read.")
@click.option("--debugfs", metavar="PATH", callback=absolute, help="Where debugfs is mounted.")
@click.option(
    "--cluster",
    metavar="NAME",
    callback=cluster_name,
    help=("The cluster name that the manager must have."),
)
@click.option("--port", type=click.IntRange(1, MAX_PORT), help="o2net's port (default: 7777).")
@runtime_dir_option
def command(
    *,
    config: str | None,
    membership: str | None,
    libcman: str | None,
    configfs: str | None,
    mounts: str | None,
    debugfs: str | None,
    cluster: str | None,
    port: int | None,
    runtime_dir: str | None,
) -> None:
    """Run the daemon in the foreground, until SIGTERM.

    Options override the settings file.
    """
    settings = overridden(
        load_settings(config),
        membership=membership,
        libcman=libcman,
        paths={
            "configfs": configfs,
            "mounts": mounts,
            "debugfs": debugfs,
            "runtime_dir": runtime_dir,
        },
        cluster=cluster,
        port=port,
    )
    # The parts that only a daemon needs; status, plan and the others start without them.
    from o2cbd.service.wiring import run_and_exit  # noqa: PLC0415

    run_and_exit(settings)
