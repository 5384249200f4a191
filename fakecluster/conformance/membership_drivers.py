"""Clusters for the checks of a membership source: the fake engine, with two ways in."""

from __future__ import annotations

import select
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from fakecluster.clock import Timeline
from fakecluster.cman.answers import FenceInfo
from fakecluster.cman.client import Client, SocketKind
from fakecluster.cman.engine import Engine
from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership import CMAN, LOCAL, Dialect
from fakecluster.conformance.serving import ServingThread
from fakecluster.sim.engine_table import EngineTable
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.interface import MembershipSource

SETTLE_US: Final = 30_000_000

_T = TypeVar("_T")


class EngineDriver(ABC):
    """The verbs of a `MembershipDriver`, done to an engine."""

    def __init__(self) -> None:
        self._sources: list[MembershipSource] = []
        self._requesters: list[Client] = []

    @property
    def dialect(self) -> Dialect:
        """The engine is a cman."""
        return CMAN

    @property
    @abstractmethod
    def engine(self) -> Engine:
        """The cluster."""

    @abstractmethod
    def do(self, act: Callable[[], _T]) -> _T:
        """Run this where the engine lives, after what reached it before."""

    @abstractmethod
    def open(self) -> MembershipSource:
        """Connect to the local manager."""

    @abstractmethod
    def readable(self, source: MembershipSource) -> bool:
        """Return whether whoever waits on the source is woken now."""

    def connect(self) -> MembershipSource:
        """Connect; what is still open at the end is closed then."""
        source = self.open()
        self._sources.append(source)
        return source

    def close(self) -> None:
        """Close every source."""
        for source in self._sources:
            source.close()

    def settle(self) -> None:
        """Half a minute: longer than every time-out of the cluster."""
        self.do(lambda: self.engine.timeline.run_until(self.engine.timeline.now_us() + SETTLE_US))

    def start(self, node_id: int) -> None:
        self.do(lambda: self.engine.start(node_id))

    def leave(self, node_id: int) -> None:
        self.do(lambda: self.engine.leave(node_id))

    def die(self, node_id: int) -> None:
        self.do(lambda: self.engine.kill(node_id))

    def crash(self, node_id: int) -> None:
        self.do(lambda: self.engine.crash(node_id))

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        self.do(lambda: self.engine.partition(groups))

    def heal(self) -> None:
        self.do(self.engine.heal)

    def reconfigure(self) -> None:
        self.do(self.engine.reconfigure)

    def rename(self, name: str) -> None:
        self.do(lambda: self.engine.rename_cluster(name))

    def fail_read(self, errno_: int) -> None:
        self.do(lambda: self.engine.fail_read(LOCAL, errno_))

    def fenced(self, node_id: int) -> None:
        """As a fence daemon tells it."""
        self.do(lambda: self._admin().update_fence_info(FenceInfo(node_id=node_id, fenced=True)))

    def ask_shutdown(self, *, forced: bool = False, removed: bool = False) -> list[int]:
        """As cman_tool asks; its connection stays until the end."""
        outcome: list[int] = []
        flags = int(forced) | int(removed) << 1
        self.do(lambda: self._admin().try_shutdown(flags, outcome.append))
        return outcome

    def _admin(self) -> Client:
        client = self.engine.connect(LOCAL, SocketKind.ADMIN)
        self._requesters.append(client)
        return client


class InProcessDriver(EngineDriver):
    """The simulator's way in: the production source over libcman's functions of an engine."""

    def __init__(self, topology: Topology) -> None:
        super().__init__()
        self._engine = Engine(topology, Timeline())
        self._tables: dict[MembershipSource, EngineTable] = {}

    @property
    def engine(self) -> Engine:
        """The cluster."""
        return self._engine

    def do(self, act: Callable[[], _T]) -> _T:
        """There is one thread."""
        return act()

    def open(self) -> MembershipSource:
        """Each source has a table of its own, which tells what it could poll."""
        table = EngineTable(self._engine, LOCAL, lambda: None)
        source = connect_cman(table, CallBoard(MonotonicClock()))
        self._tables[source] = table
        return source

    def readable(self, source: MembershipSource) -> bool:
        """Poll the descriptor of this moment."""
        return self._tables[source].readable(source.fileno())


class WireDriver(EngineDriver):
    """The way in of whole processes: sockets, libcman's protocol, a library, the adapter.

    The server lives in a thread of its own, since a library's requests wait for it. Its time is
    virtual all the same: it stands still but for `settle`.
    """

    def __init__(
        self, topology: Topology, directory: Path, connect: Callable[[], MembershipSource]
    ) -> None:
        """Start serving.

        Args:
            topology: the cluster.
            directory: where the local node's sockets go.
            connect: connects to them.
        """
        super().__init__()
        self._connect = connect
        self._serving = ServingThread(topology, {LOCAL: directory})

    @property
    def engine(self) -> Engine:
        """The cluster, which belongs to the server's thread."""
        return self._serving.engine

    def do(self, act: Callable[[], _T]) -> _T:
        """What clients have sent before this is served before it."""
        return self._serving.do(act)

    def open(self) -> MembershipSource:
        """Whatever the library does."""
        return self._connect()

    def readable(self, source: MembershipSource) -> bool:
        """Poll the descriptor of this moment."""
        poller = select.poll()
        poller.register(source.fileno(), select.POLLIN)
        return bool(poller.poll(0))

    def close(self) -> None:
        """Close the sources, then the server."""
        super().close()
        self._serving.close()
