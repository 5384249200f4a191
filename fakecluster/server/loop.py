"""The life of `fakecluster serve`: up, one JSON line, verbs and clients, SIGTERM, clean."""

from __future__ import annotations

import contextlib
import json
import resource
from collections.abc import Callable
from pathlib import Path

from fakecluster.server.cluster import ServedCluster, ServeOptions
from fakecluster.server.control import SOCKET_NAME, ServeControl
from fakecluster.server.layout import ServeDirectory
from fakecluster.server.verbs import ServedVerbs
from fakecluster.transport.poller import Poller
from fakecluster.transport.pump import Pump, stop_requests
from o2cbd.clock import MonotonicClock


def serve(options: ServeOptions, directory: Path, announce: Callable[[str], None]) -> None:
    """Serve until a stop signal; afterwards nothing of it is left.

    Args:
        options: what to serve.
        directory: where.
        announce: takes the one JSON line, when every node is up and sees every other.

    Raises:
        InUseError: another server has the directory.
        PathTooLongError: a socket's path would be cut.
        OSError: something cannot be made or mounted.
    """
    raise_descriptor_limit()
    poller = Poller()
    pump = Pump(poller, MonotonicClock())
    with stop_requests(poller) as stopped, contextlib.ExitStack() as cleanup:
        home = ServeDirectory(directory)
        cleanup.callback(home.remove)
        cluster = ServedCluster(options, home, poller, pump.timeline)
        cleanup.callback(cluster.close)
        control = ServeControl(home.path / SOCKET_NAME, poller, ServedVerbs(cluster).handle)
        cleanup.callback(control.close)
        while not stopped() and not cluster.formed:
            pump.turn()
        if not stopped():
            announce(json.dumps(cluster.announcement()))
        while not stopped():
            pump.turn()


def raise_descriptor_limit() -> None:
    """Allow as many open descriptors as this process may have: 255 nodes with clients need many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
