"""Connecting to a served cman as its administrators do."""

from __future__ import annotations

from fakecluster.cman.client import Client, Closed, SocketKind
from fakecluster.cman.engine import Engine


def connect_admin(engine: Engine, node_id: int, *, closed: Closed | None = None) -> Client:
    """Connect to a node's admin socket; the caller disconnects.

    Raises:
        OSError: the engine's errno, in words for whoever asked.
    """
    try:
        return engine.connect(node_id, SocketKind.ADMIN, closed=closed)
    except OSError as error:
        detail = f"the cman of node {node_id} takes no connection"
        raise OSError(error.errno, detail) from error
