"""Real corosyncs with cman's gate before them, for the checks of a membership source."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fakecluster.cman.client_end import SocketKind
from fakecluster.cman.constants import FENCED
from fakecluster.cman.topology import Topology
from fakecluster.cman.wire.codec import FenceStruct, Opcode, encode_ints
from fakecluster.cman.wire.raw_client import RawClient
from fakecluster.conformance.membership import CHECKS, LOCAL, Dialect
from fakecluster.conformance.membership_corosync import NOT_ON_COROSYNC, Connect, CorosyncDriver
from fakecluster.corosync.gates import GateProcess
from o2cbd.membership.libcorosync_table import CorosyncTable

GATE: Final = Dialect(crashed=errno.ENOENT)
"""A cman, but that the gate outlives its corosync and takes its sockets away."""

NOT_ON_GATE: Mapping[str, str] = MappingProxyType(
    {
        name: reason
        for name, reason in NOT_ON_COROSYNC.items()
        if name != "a_fenced_node_is_told_in_two_node_mode"
    }
)
"""The rows that a gate before a real corosync cannot be put into, each with the reason."""

ON_GATE: Final = tuple(check for check in CHECKS if check.__name__ not in NOT_ON_GATE)
"""The checks of a source of cman over the gate."""


class GateDriver(CorosyncDriver):
    """A cluster in namespaces of this host; a gate on the local node."""

    dialect = GATE

    def __init__(
        self, table: CorosyncTable, topology: Topology, directory: Path, connect: Connect
    ) -> None:
        """Make the hosts, and start the gate, which waits for its corosync.

        Args:
            table: the libraries.
            topology: the cluster.
            directory: an empty one.
            connect: connects to the cman of the host that its thread is in.
        """
        super().__init__(table, topology, directory, connect)
        self._gate = GateProcess(self.lab.host(LOCAL), directory)
        self._requests: list[tuple[RawClient, list[int]]] = []

    def close(self) -> None:
        """Close every source, then end the gate and all corosyncs."""
        super().close()
        self._gate.close()
        for requester, _outcome in self._requests:
            requester.close()

    def settle(self) -> None:
        """Wait for what is asked, for the rings, and for the gate to have told all of it."""
        for requester, outcome in self._requests:
            if not outcome:
                outcome.append(requester.reply().status)
                if outcome[0] == 0:
                    self.lab.ended(LOCAL)
        super().settle()
        if self.lab.runs(LOCAL):
            self._gate.catch_up()
        else:
            self._gate.away()

    def fenced(self, node_id: int) -> None:
        """As a fence daemon tells it, to another daemon's client than ours."""
        with self._gate.connect(SocketKind.ADMIN) as admin:
            record = FenceStruct(node_id=node_id, flags=FENCED, fence_seconds=1, agent=b"x")
            admin.ask(Opcode.UPDATE_FENCE_INFO, record.encode())

    def ask_shutdown(self, *, forced: bool = False, removed: bool = False) -> list[int]:
        """As cman_tool asks; its connection stays until the end."""
        outcome: list[int] = []
        requester = self._gate.connect(SocketKind.ADMIN)
        self._requests.append((requester, outcome))
        requester.send(Opcode.TRY_SHUTDOWN, encode_ints(int(forced) | int(removed) << 1))
        for source in self._sources:
            self._readable_within(source, self._patience_s)
        return outcome
