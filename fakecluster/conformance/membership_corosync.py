"""Real corosyncs for the checks of a membership source, and in what they are not cman."""

from __future__ import annotations

import errno
import re
import select
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership_support import LOCAL, Dialect
from fakecluster.corosync.lab import PATIENCE_S, CorosyncLab
from o2cbd.membership.interface import MembershipSource
from o2cbd.membership.libcorosync_table import CorosyncError, CorosyncTable

COROSYNC: Final = Dialect(
    not_running=errno.ECONNREFUSED,
    lists_addresses=True,
    delivers_after_death=False,
    says_removed=False,
)

NOT_ON_COROSYNC: Mapping[str, str] = MappingProxyType(
    {
        "two_hundred_and_fifty_five_nodes_are_read": "255 corosyncs are no test of seconds; that"
        " many are configured, and read, in a test of the source alone",
        "addresses_come_in_the_managers_order": "every node of a corosync has the same rings, all"
        " of one family each; a test of the source alone has two rings",
        "the_quorum_disk_is_node_0_without_an_address": "a quorum device is no node of corosync's",
        "a_quorum_disk_that_is_not_polled_is_absent": "a quorum device is no node of corosync's",
        "a_failed_reading_leaves_the_connection": "no real corosync fails a reading at will; the"
        " fake function table does",
        "the_clusters_name_is_that_of_the_connection": "corosync keeps its cluster's name for its"
        " life, so that no connection can outlast a name",
        "a_fenced_node_is_told_in_two_node_mode": "corosync knows nothing of fencing",
    }
)
"""The rows that a real corosync cannot be put into, each with the reason."""

_REFUSED = re.compile(r"error = (?P<code>[0-9]+)")

Connect = Callable[[], MembershipSource]


class CorosyncDriver:
    """The verbs of a `MembershipDriver`, done to real corosyncs."""

    dialect = COROSYNC

    def __init__(
        self, table: CorosyncTable, topology: Topology, directory: Path, connect: Connect
    ) -> None:
        """Make the hosts.

        Args:
            table: the libraries.
            topology: the cluster.
            directory: an empty one.
            connect: connects to the corosync of the network that its thread is in.
        """
        self._connect = connect
        self._sources: list[MembershipSource] = []
        self._asked: list[tuple[subprocess.Popen[str], list[int]]] = []
        self.lab = CorosyncLab(table, topology, directory)

    def connect(self) -> MembershipSource:
        """Connect; what is still open at the end is closed then."""
        source = self.lab.host(LOCAL).call(self._connect)
        self._sources.append(source)
        return source

    def close(self) -> None:
        """Close every source, then end all corosyncs."""
        for source in self._sources:
            source.close()
        self.lab.close()
        for process, _outcome in self._asked:
            process.communicate(timeout=PATIENCE_S)

    def readable(self, source: MembershipSource) -> bool:
        """Poll the descriptor of this moment."""
        poller = select.poll()
        poller.register(source.fileno(), select.POLLIN)
        return bool(poller.poll(0))

    def settle(self) -> None:
        """Wait for an end of what is asked, and then until the rings are as they must be."""
        while self._asked:
            process, outcome = self._asked.pop()
            _out, refused = process.communicate(timeout=PATIENCE_S)
            code = _REFUSED.search(refused)
            if code is None:
                self.lab.ended(LOCAL)
                outcome.append(0)
            else:
                outcome.append(-(CorosyncError(int(code["code"]), "").errno or 0))
        self.lab.settle()

    def start(self, node_id: int) -> None:
        """See `MembershipDriver`."""
        self.lab.start(node_id)

    def leave(self, node_id: int) -> None:
        """See `MembershipDriver`."""
        self.lab.leave(node_id)

    def die(self, node_id: int) -> None:
        """A host that is off and a corosync that is killed are equally silent."""
        self.lab.kill(node_id)

    def crash(self, node_id: int) -> None:
        """See `MembershipDriver`."""
        self.lab.kill(node_id)

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """See `MembershipDriver`."""
        self.lab.connect(groups)

    def heal(self) -> None:
        """See `MembershipDriver`."""
        self.lab.heal()

    def reconfigure(self) -> None:
        """Count the version up, and reload."""
        self.lab.configuration.version += 1
        self.lab.reload()

    def rename(self, name: str) -> None:
        """Nothing: see `NOT_ON_COROSYNC`."""
        raise NotImplementedError(f"rename to {name}")

    def fail_read(self, errno_: int) -> None:
        """Nothing: see `NOT_ON_COROSYNC`."""
        raise NotImplementedError(f"fail a reading with {errno_}")

    def fenced(self, node_id: int) -> None:
        """Nothing: see `NOT_ON_COROSYNC`."""
        raise NotImplementedError(f"fence {node_id}")

    def ask_shutdown(self, *, forced: bool = False, removed: bool = False) -> list[int]:
        """Ask as an administrator does, and wait until the question has reached every source."""
        if removed:
            raise NotImplementedError("corosync's question says nothing of removal")
        outcome: list[int] = []
        words = ["corosync-cfgtool", "-H", *(["--force"] if forced else [])]
        process = subprocess.Popen(
            self.lab.host(LOCAL).command(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._asked.append((process, outcome))
        for source in self._sources:
            poller = select.poll()
            poller.register(source.fileno(), select.POLLIN)
            poller.poll(PATIENCE_S * 1000)
        return outcome
