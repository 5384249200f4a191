"""Real managers as engines under test, in real time: gates over corosyncs, historic cmans."""

from __future__ import annotations

import select
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from fakecluster.cman.standin import standin_library
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.conformance.cman_driver import LibraryPlace, until
from fakecluster.corosync.configuration import block_of
from fakecluster.corosync.gates import GateProcess
from fakecluster.corosync.lab import CorosyncLab, LabError
from fakecluster.corosync.namespaces import ManagersLab
from fakecluster.historic.clients import SOCKETS
from fakecluster.historic.lab import CmanLab
from fakecluster.historic.root import CmanRoot
from o2cbd.clock import MonotonicClock
from o2cbd.membership.libcorosync_table import CorosyncTable

TOKEN_MS: Final = 3000
CONSENSUS_MS: Final = 5000
"""As those clusters had them that were seen: a death takes 8 s to be noticed."""

_QUIET_US: Final = 500_000
"""Nothing is under way if nothing has changed for so long: votes are told after their ring."""
_PATIENCE_US: Final = 120_000_000
"""No ring takes so long on any machine."""

_RUN: Final = Path("/var/run")

_LabT = TypeVar("_LabT", bound=ManagersLab)


class _LabDriver(Generic[_LabT]):
    """What a `CmanDriver` over real managers in namespaces does with each of them; needs root."""

    def __init__(self, make_lab: Callable[[Path], _LabT]) -> None:
        """Make the hosts; `make_lab` gets a directory, which they share with this machine.

        Raises:
            OSError: namespaces are not allowed here.
        """
        self._clock = MonotonicClock()
        # Their mounts do not hide it.
        self._home = Path(tempfile.mkdtemp(prefix="cd-", dir="/tmp"))
        try:
            self.lab = make_lab(self._home)
        except BaseException:
            shutil.rmtree(self._home)
            raise

    def start(self, node_id: int) -> None:
        self.lab.start(node_id)

    def crash(self, node_id: int) -> None:
        self.lab.kill(node_id)

    def crash_all(self, node_id: int) -> None:
        self.lab.kill(node_id)

    def stop(self, node_id: int) -> None:
        self.lab.stop(node_id)

    def cont(self, node_id: int) -> None:
        self.lab.go_on(node_id)

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        self.lab.connect(groups)

    def cut(self, speaker_id: int, listener_id: int) -> None:
        self.lab.cut(speaker_id, listener_id)

    def heal(self) -> None:
        self.lab.heal()

    def now_us(self) -> int:
        return self._clock.now_us()

    def let_pass(self, span_us: int) -> None:
        """Nothing announces that nothing more comes."""
        select.select([], [], [], span_us / 1_000_000)

    def settle(self, span_us: int) -> None:
        self.let_pass(span_us)

    def close(self) -> None:
        self.lab.close()
        shutil.rmtree(self._home)


class GateCman(_LabDriver[CorosyncLab]):
    """A gate over a corosync on each host: two processes a cman.

    Both are stopped, as the one process of a cman is. A crash is the corosync's, which its gate
    outlives.
    """

    profile = Profile.B

    def __init__(self, table: CorosyncTable, topology: Topology) -> None:
        """Make the hosts.

        Args:
            table: corosync's libraries.
            topology: the cluster.

        Raises:
            OSError: namespaces are not allowed here.
        """
        self.library: Path | None = standin_library()
        self._place = LibraryPlace()
        self._gates: dict[int, GateProcess] = {}
        self._made = 0
        self._groups: Sequence[Sequence[int]] = [topology.ids]
        self._cut = False

        def make_lab(home: Path) -> CorosyncLab:
            for node_id in topology.ids:
                (home / f"n{node_id}").mkdir()
            return CorosyncLab(table, topology, home)

        super().__init__(make_lab)
        self.lab.configuration.token_ms = TOKEN_MS
        self.lab.configuration.consensus_ms = CONSENSUS_MS
        self.lab.write()

    def socket_dir(self, node_id: int) -> Path:
        return self._home / f"n{node_id}"

    def use_library_on(self, node_id: int) -> None:
        self._place.use(self.socket_dir(node_id))

    def start(self, node_id: int) -> None:
        """A gate that is there already has waited for its corosync."""
        if self.lab.runs(node_id):
            self.lab.ended(node_id)  # it was told to
        self.lab.start(node_id)
        if node_id not in self._gates:
            self._made += 1
            directory = self._home / f"gate{self._made}"
            directory.mkdir()
            host, sockets = self.lab.host(node_id), self.socket_dir(node_id)
            self._gates[node_id] = GateProcess(host, directory, sockets=sockets)

    def crash(self, node_id: int) -> None:
        """Its gate has noticed it when this returns."""
        gate, stopped = self._gates[node_id], self.lab.stopped(node_id)
        self.lab.kill(node_id)
        if stopped:
            gate.go_on()
        gate.away()

    def crash_all(self, node_id: int) -> None:
        """The gate first: it would remove the sockets."""
        self._gates.pop(node_id).close()
        self.lab.kill(node_id)

    def stop(self, node_id: int) -> None:
        self._gates[node_id].stop()
        super().stop(node_id)

    def cont(self, node_id: int) -> None:
        super().cont(node_id)
        self._gates[node_id].go_on()

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        self._groups = groups
        super().partition(groups)

    def cut(self, speaker_id: int, listener_id: int) -> None:
        self._cut = True
        super().cut(speaker_id, listener_id)

    def heal(self) -> None:
        self._cut = False
        self._groups = [self.lab.ids]
        super().heal()

    def write_config(self, node_id: int, version: int, nodes: Sequence[NodeConfig]) -> None:
        configuration = self.lab.configuration
        configuration.version = version
        configuration.blocks = [block_of(node) for node in nodes]
        self.lab.write(node_id)

    def settle(self, span_us: int) -> None:
        """Gates tell systemd of whom they have told their clients.

        Raises:
            LabError: they do not come to what must be.
        """
        if self._cut:
            self.let_pass(span_us)  # who hears whom then is the corosyncs' business
            return
        quiet = False
        while not quiet:
            if not until(self, self._is_settled, within_us=_PATIENCE_US):
                raise LabError(self._complaint())
            quiet = not until(self, lambda: not self._is_settled(), within_us=_QUIET_US)

    def _is_settled(self) -> bool:
        serve = {each for each in self._gates if self._serves(each)}
        return all(
            self._gates[node_id].members() == serve.intersection(group)
            for group in self._groups
            for node_id in serve.intersection(group)
        )

    def _serves(self, node_id: int) -> bool:
        return self.lab.runs(node_id) and not self.lab.stopped(node_id)

    def _complaint(self) -> str:
        said = [
            f"node {node_id}: {gate.status!r}\n{gate.log}\n{self.lab.log(node_id)}"
            for node_id, gate in self._gates.items()
        ]
        return "the gates came to nothing: " + "\n".join(said)

    def close(self) -> None:
        for gate in self._gates.values():
            gate.close()
        super().close()
        self._place.close()


class HistoricDriver(_LabDriver[CmanLab]):
    """A historic cman on each host.

    Rows about the library load it into this process, and it looks into `/var/run`: whoever runs
    them does so in a thread that has one of its own (`Namespace.call`).
    """

    def __init__(self, root: CmanRoot, topology: Topology) -> None:
        """Make the hosts.

        Args:
            root: the programs.
            topology: the cluster.

        Raises:
            OSError: namespaces are not allowed here.
        """
        self.profile = profile_of(root)
        self.library: Path | None = root.libcman
        super().__init__(lambda home: CmanLab(root, topology, home))

    def socket_dir(self, node_id: int) -> Path:
        return self.lab.socket_path(node_id).parent

    def use_library_on(self, node_id: int) -> None:
        """The links are in the mount namespace of this thread."""
        for name in SOCKETS:
            link = _RUN / name
            link.unlink(missing_ok=True)
            link.symlink_to(self.socket_dir(node_id) / name)

    def write_config(self, node_id: int, version: int, nodes: Sequence[NodeConfig]) -> None:
        self.lab.write_config(node_id, version, nodes)


def profile_of(root: CmanRoot) -> Profile:
    """Return whose column judges a root: corosync 1.4, of cman 3.1, can do without multicast."""
    return Profile.B if root.udpu else Profile.A
