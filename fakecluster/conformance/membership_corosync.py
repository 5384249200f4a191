"""Real corosyncs for the checks of a membership source, and in what they are not cman."""

from __future__ import annotations

import abc
import errno
import re
import select
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership import CHECKS, LOCAL, Dialect
from fakecluster.corosync.configuration import CorosyncConf
from fakecluster.corosync.lab import PATIENCE_S, CorosyncLab
from o2cbd.membership.interface import MembershipSource
from o2cbd.membership.libcorosync_table import CorosyncError, CorosyncTable

COROSYNC: Final = Dialect(
    member_has_votes=True,
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

ON_COROSYNC: Final = tuple(check for check in CHECKS if check.__name__ not in NOT_ON_COROSYNC)
"""The checks of a source of real corosyncs."""

_REFUSED = re.compile(r"error = (?P<code>[0-9]+)")

Connect = Callable[[], MembershipSource]

Said = Callable[[], str]
"""Waits for the end of a command, and returns what it wrote to standard error."""


class Corosyncs(Protocol):
    """Real corosyncs by their node ids; nothing runs at first. See `CorosyncLab`."""

    @property
    def configuration(self) -> CorosyncConf:
        """What all run with."""
        ...

    def start(self, node_id: int) -> None:
        """Start a node's corosync, and wait until it serves."""
        ...

    def kill(self, node_id: int) -> None:
        """Kill a node's corosync, which says nothing to anybody."""
        ...

    def leave(self, node_id: int) -> None:
        """Shut a node's corosync down in good order; nobody is asked."""
        ...

    def ended(self, node_id: int) -> None:
        """Wait for the end of a node's corosync."""
        ...

    def connect(self, groups: Sequence[Sequence[int]]) -> None:
        """Cut all links between groups of nodes."""
        ...

    def heal(self) -> None:
        """Restore all links."""
        ...

    def reload(self) -> None:
        """Reload the configuration on every node that runs."""
        ...

    def settle(self) -> None:
        """Wait until the rings are as they must be, and all that has been told has arrived."""
        ...


class CorosyncVerbs(abc.ABC):
    """The verbs of a `MembershipDriver`, done to real corosyncs wherever they run."""

    dialect = COROSYNC

    def __init__(self, corosyncs: Corosyncs, patience_s: float) -> None:
        """Start nothing yet.

        Args:
            corosyncs: the cluster.
            patience_s: no question takes so long to reach a source.
        """
        self._corosyncs = corosyncs
        self._patience_s = patience_s
        self._sources: list[MembershipSource] = []
        self._asked: list[tuple[Said, list[int]]] = []

    # --- how it is done where they run

    @abc.abstractmethod
    def _connect(self) -> MembershipSource:
        """Connect to the local corosync."""

    @abc.abstractmethod
    def _readable_within(self, source: MembershipSource, wait_s: float) -> bool:
        """Wait until whoever waits on a source is woken; False: that did not come."""

    @abc.abstractmethod
    def _spawn(self, words: Sequence[str]) -> Said:
        """Start a command on the local host."""

    # --- the verbs

    def connect(self) -> MembershipSource:
        """Connect; what is still open at the end is closed then."""
        source = self._connect()
        self._sources.append(source)
        return source

    def readable(self, source: MembershipSource) -> bool:
        """Poll the descriptor of this moment."""
        return self._readable_within(source, 0)

    def settle(self) -> None:
        """Wait for an end of what is asked, and then until the rings are as they must be."""
        while self._asked:
            said, outcome = self._asked.pop()
            code = _REFUSED.search(said())
            if code is None:
                self._corosyncs.ended(LOCAL)
                outcome.append(0)
            else:
                outcome.append(-(CorosyncError(int(code["code"]), "").errno or 0))
        self._corosyncs.settle()

    def start(self, node_id: int) -> None:
        self._corosyncs.start(node_id)

    def leave(self, node_id: int) -> None:
        self._corosyncs.leave(node_id)

    def die(self, node_id: int) -> None:
        """A host that is off and a corosync that is killed are equally silent."""
        self._corosyncs.kill(node_id)

    def crash(self, node_id: int) -> None:
        self._corosyncs.kill(node_id)

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        self._corosyncs.connect(groups)

    def heal(self) -> None:
        self._corosyncs.heal()

    def reconfigure(self) -> None:
        """Count the version up, and reload."""
        self._corosyncs.configuration.version += 1
        self._corosyncs.reload()

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
        said = self._spawn(["corosync-cfgtool", "-H", *(["--force"] if forced else [])])
        self._asked.append((said, outcome))
        for source in self._sources:
            self._readable_within(source, self._patience_s)
        return outcome

    def _end_asked(self) -> None:
        """Wait for the end of who has asked and never got an answer: the corosyncs are gone."""
        for said, _outcome in self._asked:
            said()


class CorosyncDriver(CorosyncVerbs):
    """A cluster in namespaces of this host."""

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
        self._connect_here = connect
        self.lab = CorosyncLab(table, topology, directory)
        super().__init__(self.lab, PATIENCE_S)

    def close(self) -> None:
        """Close every source, then end all corosyncs."""
        for source in self._sources:
            source.close()
        self.lab.close()
        self._end_asked()

    def _connect(self) -> MembershipSource:
        return self.lab.host(LOCAL).call(self._connect_here)

    def _readable_within(self, source: MembershipSource, wait_s: float) -> bool:
        poller = select.poll()
        poller.register(source.fileno(), select.POLLIN)
        return bool(poller.poll(wait_s * 1000))

    def _spawn(self, words: Sequence[str]) -> Said:
        process = subprocess.Popen(
            self.lab.host(LOCAL).command(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return lambda: process.communicate(timeout=PATIENCE_S)[1]
