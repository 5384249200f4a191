"""An engine's node as a membership source, in process: what the simulator gives the agent."""

from __future__ import annotations

from collections.abc import Callable

from fakecluster.cman.engine import Engine
from o2cbd.membership.interface import Connect

NO_DESCRIPTOR = -1
"""What `fileno` returns: there is nothing to poll, `on_readable` says when to look."""


def engine_connect(
    engine: Engine, node_id: int, *, on_readable: Callable[[], None] | None = None
) -> Connect:
    """Return what opens a source on one node of an engine.

    Args:
        engine: the cluster.
        node_id: whose daemon.
        on_readable: called, possibly many times, when `dispatch` has something to give.
    """
    raise NotImplementedError
