"""What `diff` and `export` share: ocfs2-tools' file and the wanted table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from o2cbd import clusterconf
from o2cbd.clusterconf import ClusterFileError, FileCluster
from o2cbd.commands.common import (
    Failure,
    absolute,
    config_option,
    load_settings,
)
from o2cbd.commands.offline import WantedTable
from o2cbd.commands.run import library, membership_option
from o2cbd.core.exit_codes import EXIT_BAD_INPUT, EXIT_NO_INPUT
from o2cbd.core.reports import spell
from o2cbd.errors import printable, said
from o2cbd.given_settings import overridden
from o2cbd.settings import DaemonSettings

_F = TypeVar("_F", bound=Callable[..., object])


def wanted_options(command: _F) -> _F:
    """Add what says where manager and kernel are."""
    for option in (
        click.option("--configfs", metavar="PATH", callback=absolute, help="Where configfs is."),
        click.option("--libcman", metavar="PATH", callback=library, help="The libcman.so.3."),
        membership_option,
        config_option,
    ):
        command = option(command)
    return command


def settings_of(
    *, config: str | None, membership: str | None, libcman: str | None, configfs: str | None
) -> DaemonSettings:
    """Return the settings with what those options say in place of the file's."""
    return overridden(
        load_settings(config),
        membership=membership,
        libcman=libcman,
        paths={"configfs": configfs},
        cluster=None,
        port=None,
    )


def read_file(path: str, cluster: str) -> FileCluster:
    """Return what the file says of this cluster, else of the only one that it has.

    Raises:
        Failure: 66: it cannot be read; 65: it cannot be used.
    """
    try:
        clusters = clusterconf.load(path)
        return clusterconf.choose(clusters, cluster if len(clusters) > 1 else None)
    except OSError as error:
        raise Failure(EXIT_NO_INPUT, said(error)) from None
    except ClusterFileError as error:
        text = "\n".join(f"{path}: {line}" for line in error.lines())
        raise Failure(EXIT_BAD_INPUT, text) from None


def warn(text: str) -> None:
    """Write a line that is no part of the output."""
    click.echo(f"o2cbd: {printable(text)}", err=True)


def warn_of_left_out(wanted: WantedTable) -> None:
    """Name the nodes of the manager's that are in no table."""
    for left in wanted.left_out:
        warn(f"node {spell(left.name)} (id {left.id}) is excluded: {left.reason}")


def left_out_json(wanted: WantedTable) -> list[dict[str, Any]]:
    """Give them out."""
    return [{"id": one.id, "name": one.name, "reason": one.reason} for one in wanted.left_out]
