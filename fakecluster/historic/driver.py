"""A historic cman as an engine under test of the rows of what was observed, in real time."""

from __future__ import annotations

import select
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.historic.clients import SOCKETS
from fakecluster.historic.lab import CmanLab
from fakecluster.historic.root import CmanRoot
from o2cbd.clock import MonotonicClock

_RUN: Final = Path("/var/run")


class HistoricDriver:
    """A `CmanDriver` over real cmans in namespaces.

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
        self._clock = MonotonicClock()
        self._home = Path(tempfile.mkdtemp(prefix="hd-", dir="/tmp"))
        try:
            self.lab = CmanLab(root, topology, self._home)
        except BaseException:
            shutil.rmtree(self._home)
            raise

    def socket_dir(self, node_id: int) -> Path:
        return self.lab.socket_path(node_id).parent

    def use_library_on(self, node_id: int) -> None:
        """The links are in the mount namespace of this thread."""
        for name in SOCKETS:
            link = _RUN / name
            link.unlink(missing_ok=True)
            link.symlink_to(self.socket_dir(node_id) / name)

    def start(self, node_id: int) -> None:
        self.lab.start(node_id)

    def crash(self, node_id: int) -> None:
        self.lab.kill(node_id)

    crash_all = crash

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

    def write_config(self, node_id: int, version: int, nodes: Sequence[NodeConfig]) -> None:
        self.lab.write_config(node_id, version, nodes)

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


def profile_of(root: CmanRoot) -> Profile:
    """Return whose column judges a root: corosync 1.4, of cman 3.1, can do without multicast."""
    return Profile.B if root.udpu else Profile.A
