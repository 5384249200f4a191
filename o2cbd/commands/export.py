"""`o2cbd export`."""

from __future__ import annotations

import os

import click

from o2cbd import clusterconf
from o2cbd.clusterconf import ClusterFileError, FileCluster, FileNode
from o2cbd.commands.cluster_file import (
    read_file,
    settings_of,
    wanted_options,
    warn,
    warn_of_left_out,
)
from o2cbd.commands.common import (
    Failure,
    absolute,
    say,
)
from o2cbd.commands.offline import WantedTable, wanted_here
from o2cbd.core.exit_codes import EXIT_BAD_INPUT, EXIT_CANNOT_CREATE, EXIT_NO_PERMISSION
from o2cbd.core.reports import spell
from o2cbd.errors import said


@click.command("export")
@click.option(
    "--output",
    metavar="FILE",
    callback=absolute,
    help="Replace FILE atomically, with mode 0644 (default: stdout).",
)
@wanted_options
def command(
    *,
    output: str | None,
    config: str | None,
    membership: str | None,
    libcman: str | None,
    configfs: str | None,
) -> None:
    """Write the wanted table as a cluster.conf, for `o2cb register-cluster` of ocfs2-tools.

    Manager and settings are read here, so it works without a daemon too. A global heartbeat that
    the settings' cluster.conf has for this cluster is preserved.
    """
    settings = settings_of(config=config, membership=membership, libcman=libcman, configfs=configfs)
    wanted = wanted_here(settings)
    try:
        text = clusterconf.render(_cluster_of(wanted, settings.cluster_conf))
    except ClusterFileError as error:
        raise Failure(EXIT_BAD_INPUT, str(error)) from None
    warn_of_left_out(wanted)
    _warn_of_host_name(wanted, os.uname().nodename)
    if output is None:
        say(text, newline=False)
        return
    try:
        clusterconf.write(output, text)
    except PermissionError as error:
        raise Failure(EXIT_NO_PERMISSION, said(error)) from None
    except OSError as error:
        raise Failure(EXIT_CANNOT_CREATE, said(error)) from None


def _cluster_of(wanted: WantedTable, path: str) -> FileCluster:
    """Return the table, with the heartbeat of the file that is there."""
    nodes = tuple(
        FileNode(name=node.name, num=node.num, address=node.address, port=node.port)
        for node in wanted.nodes
    )
    made = FileCluster(name=wanted.cluster, nodes=nodes)
    if not os.path.lexists(path):
        return made
    try:
        there = read_file(path, wanted.cluster)
    except Failure as failure:
        warn(f"{failure.message}; its global heartbeat is not preserved")
        return made
    if there.name != wanted.cluster:
        return made
    return FileCluster(
        name=wanted.cluster,
        nodes=nodes,
        heartbeat_mode=there.heartbeat_mode,
        regions=there.regions,
    )


def _warn_of_host_name(wanted: WantedTable, host: str) -> None:
    """Say where ocfs2-tools would not find which node this host is."""
    own = next((node.name for node in wanted.nodes if node.local), None)
    found = clusterconf.node_of_host(
        FileCluster(
            name=wanted.cluster,
            nodes=tuple(
                FileNode(name=node.name, num=node.num, address=node.address, port=node.port)
                for node in wanted.nodes
            ),
        ),
        host,
    )
    if own is not None and (found is None or found.name != own):
        warn(
            f"this host is named {spell(host)} and its node {spell(own)}: ocfs2-tools match the"
            " local node by host name, and would find none"
        )
