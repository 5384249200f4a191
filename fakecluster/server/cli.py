"""`fakecluster serve`."""

from __future__ import annotations

import json
import os
import shlex
import sys
from functools import partial
from pathlib import Path

import click

from fakecluster.cman.constants import MAX_NODES
from fakecluster.cman.standin import BuildError, standin_library
from fakecluster.cman.timings import Timings
from fakecluster.cman.topology import Topology, TopologyError
from fakecluster.server.cluster import ServeOptions
from fakecluster.server.layout import InUseError
from fakecluster.server.loop import serve
from fakecluster.sim.disk import DEFAULT_DEAD_THRESHOLD, INTERVAL_US
from fakecluster.topology_file import read_topology
from fakecluster.transport.listener import PathTooLongError

_MILLISECONDS = click.IntRange(min=1)
_DEFAULTS = Timings()


@click.command("serve")
@click.option(
    "--dir",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the nodes' sockets and mounts go; made if it is not there.",
)
@click.option("--nodes", type=click.IntRange(1, MAX_NODES), help="How many nodes, ids from 1.")
@click.option("--cluster", help="The cluster's name.  [default: o2]")
@click.option(
    "--topology",
    "topology_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file instead of --nodes.",
)
@click.option(
    "--no-manager",
    is_flag=True,
    help="Boot hosts without a cman: for daemons that follow a real manager.",
)
@click.option("--no-configfs", is_flag=True, help="Mount no configfs.")
@click.option(
    "--configfs-of",
    metavar="ID",
    multiple=True,
    type=int,
    help="Mount the configfs of these nodes alone: a mount costs more than a node.",
)
@click.option(
    "--down",
    metavar="ID",
    multiple=True,
    type=int,
    help="A node without power; `fakecluster ctl start` boots it.",
)
@click.option(
    "--libcman",
    help="The library to name in the commands.  [default: the stand-in, built if needed]",
)
@click.option("--token-ms", type=_MILLISECONDS, default=_DEFAULTS.token_ms, show_default=True)
@click.option(
    "--consensus-ms", type=_MILLISECONDS, default=_DEFAULTS.consensus_ms, show_default=True
)
@click.option(
    "--heartbeat-ms",
    type=_MILLISECONDS,
    default=INTERVAL_US // 1000,
    show_default=True,
    help="How often the disk heartbeat writes and reads.",
)
@click.option(
    "--dead-threshold",
    type=click.IntRange(min=3),
    default=DEFAULT_DEAD_THRESHOLD,
    show_default=True,
    help="Every kernel's when it boots.",
)
@click.option(
    "--shutdown-timeout-ms",
    type=_MILLISECONDS,
    default=_DEFAULTS.shutdown_timeout_ms,
    show_default=True,
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    help="Draw what varies between real cmans: late notices, rings that merge in steps.",
)
def serve_command(  # noqa: PLR0917 - click passes all by name
    directory: Path,
    nodes: int | None,
    cluster: str | None,
    topology_file: Path | None,
    no_manager: bool,  # noqa: FBT001 - click's calling convention
    no_configfs: bool,  # noqa: FBT001 - click's calling convention
    configfs_of: tuple[int, ...],
    down: tuple[int, ...],
    libcman: str | None,
    token_ms: int,
    consensus_ms: int,
    heartbeat_ms: int,
    dead_threshold: int,
    shutdown_timeout_ms: int,
    seed: int | None,
) -> int:
    """Serve a whole fake cluster: cman's sockets and a configfs a node.

    Prints one JSON line when all is up. SIGTERM or Ctrl-C takes everything away again.
    """
    try:
        topology = _topology(nodes, cluster, topology_file)
        _check_ids(topology, "--configfs-of", configfs_of)
        _check_ids(topology, "--down", down)
        options = ServeOptions(
            topology=topology,
            timings=Timings(
                token_ms=token_ms,
                consensus_ms=consensus_ms,
                shutdown_timeout_ms=shutdown_timeout_ms,
            ),
            libcman=libcman or (None if no_manager else _standin()),
            manager=not no_manager,
            configfs=not no_configfs,
            configfs_of=configfs_of,
            down=down,
            dead_threshold=dead_threshold,
            heartbeat_interval_us=heartbeat_ms * 1000,
            seed=seed,
        )
        serve(options, directory, partial(announce, to_a_person=sys.stderr.isatty()))
    except TopologyError as error:
        where = "" if topology_file is None else f"{topology_file}: "
        return _fail("\n".join(f"{where}{each}" for each in error.problems), os.EX_USAGE)
    except PathTooLongError as error:
        return _fail(f"{error.filename}: {error.strerror}", os.EX_USAGE)
    except InUseError as error:
        return _fail(f"{error.filename}: {error.strerror}", os.EX_TEMPFAIL)
    except OSError as error:
        return _fail(str(error), os.EX_CANTCREAT)
    return 0


def announce(line: str, *, to_a_person: bool) -> None:
    """Print the JSON line, and for a person the commands in it as a shell takes them."""
    click.echo(line)
    if to_a_person:
        click.echo("All is up. The daemons, each for a terminal of its own:", err=True)
        for node in json.loads(line)["nodes"]:
            click.echo(f"  {shlex.join(node['command'])}", err=True)


def _topology(nodes: int | None, cluster: str | None, file: Path | None) -> Topology:
    if (nodes is None) == (file is None):
        raise click.UsageError("give either --nodes or --topology")
    if file is None:
        return Topology.of(nodes or 0, cluster=cluster or "o2")
    if cluster is not None:
        raise click.UsageError("the topology file says the cluster's name")
    return read_topology(file)


def _check_ids(topology: Topology, option: str, ids: tuple[int, ...]) -> None:
    for node_id in ids:
        if node_id not in topology.ids:
            raise click.UsageError(f"{option}: there is no node {node_id}")


def _standin() -> str | None:
    """Return the stand-in's path; without a compiler None, so that the system's library is used."""
    try:
        return str(standin_library())
    except BuildError as error:
        click.echo(f"fakecluster serve: {error}", err=True)
        return None


def _fail(text: str, code: int) -> int:
    for line in text.splitlines():
        click.echo(f"fakecluster serve: {line}", err=True)
    return code
