"""A served cluster whose time moves when a test says so."""

from __future__ import annotations

from pathlib import Path

from fakecluster.clock import Timeline
from fakecluster.cman.client_end import SocketKind
from fakecluster.cman.engine import Engine
from fakecluster.cman.topology import Topology
from fakecluster.cman.wire.raw_client import RawClient
from fakecluster.cman.wire.server import SOCKET_NAMES, WireServer
from fakecluster.transport.poller import Poller
from o2cbd.core.rules import SECOND_US


class ServerHarness:
    """An engine behind its sockets, one directory a node."""

    def __init__(self, root: Path, topology: Topology) -> None:
        """Make the sockets' directories below `root`; nothing runs yet."""
        self.root = root
        self.poller = Poller()
        self.timeline = Timeline()
        self.topology = topology
        for node_id in topology.ids:
            self.directory(node_id).mkdir()
        directories = {i: self.directory(i) for i in topology.ids}
        self.wire = WireServer(self.poller, directories, remembers_pids=True)
        self.engine = Engine(topology, self.timeline, watcher=self.wire)
        self.wire.attach(self.engine)
        self.clients: list[RawClient] = []

    def directory(self, node_id: int) -> Path:
        """Return where a node's sockets are."""
        return self.root / f"n{node_id}"

    def start(self) -> None:
        """Start every node, and wait until they are members."""
        for node_id in self.topology.ids:
            self.engine.start(node_id)
        self.run(2 * SECOND_US)

    def run(self, duration_us: int) -> None:
        """Wait that long, serving what is ready before and after."""
        self.turn()
        self.timeline.run_until(self.timeline.now_us() + duration_us)
        self.turn()

    def turn(self) -> None:
        """Serve until nothing is left to do now."""
        while self.poller.wait(0):
            pass

    def client(self, node_id: int = 1, kind: SocketKind = SocketKind.CLIENT) -> RawClient:
        """Connect to a node."""
        made = RawClient(self.directory(node_id) / SOCKET_NAMES[kind], timeout_s=5, serve=self.turn)
        self.clients.append(made)
        self.turn()
        return made

    def admin(self, node_id: int = 1) -> RawClient:
        """Connect to a node as an administrator."""
        return self.client(node_id, SocketKind.ADMIN)

    def connect_error(self, node_id: int = 1) -> int | None:
        """Return the errno of a connect now, None when it is taken."""
        try:
            self.client(node_id)
        except OSError as error:
            return error.errno
        return None

    def close(self) -> None:
        """Close every client and every socket."""
        for each in self.clients:
            each.close()
        self.wire.close()
