"""Clients of cman that have bound a port, as dlm_controld and others of its time do."""

from __future__ import annotations

from fakecluster.cman.client import Client
from fakecluster.cman.engine import Engine, OperationError
from fakecluster.cman.errors import ManagerStuckError


class PortHolders:
    """At most one client a node and port."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._clients: dict[tuple[int, int], Client] = {}

    def bind(self, node_id: int, port: int) -> None:
        """Bind a port for a new client that asks for notices.

        Raises:
            OSError: EADDRINUSE, EINVAL (port 0), or there is no manager.
            ManagerStuckError: the manager is stopped.
        """
        client = self._engine.connect(node_id)
        try:
            client.start_notification()
            client.bind(port)
        except (OSError, ManagerStuckError):
            client.disconnect()
            raise
        self._clients[node_id, port] = client

    def close(self, node_id: int, port: int) -> None:
        """End the client that has a port.

        Raises:
            OperationError: there is none.
        """
        client = self._clients.pop((node_id, port), None)
        if client is None or not client.open:
            raise OperationError(f"nobody has port {port} of node {node_id}'s cman")
        client.disconnect()
