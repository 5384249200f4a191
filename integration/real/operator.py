"""What an operator does to a real cluster, beyond the verbs of the suite."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from fakecluster.arms.values import ClusterSpec, Span
from fakecluster.cman.topology import NodeConfig, Topology
from integration.arm.managers import Manager
from integration.arm.suite import vm_cluster
from integration.arm.vm import DROP_IN, UNIT, VmCluster
from integration.cache import Progress
from integration.inside.volume import SHARED
from integration.lab.identity import Identity

ALL: Final = (1, 2, 3)
_WAIT: Final = ("o2cbd", "wait", "--in-sync", "--quorate", "--nodes", "3", "--timeout", "240")
_PACKAGES: Final = "/srv"
_OFF_TIMEOUT_S: Final = 240
_LONG_TIMEOUT_S: Final = 600


class Operator:
    """Three nodes with the package as it is installed, and somebody at their consoles."""

    def __init__(self, cluster: VmCluster, packages: Sequence[str]) -> None:
        """Look after a cluster, whose nodes have these packages of the project."""
        self.cluster = cluster
        self._packages = packages

    def on_all(self, *argv: str, timeout_s: float = _LONG_TIMEOUT_S) -> list[int]:
        """Run one command on every node at the same time; the return codes."""
        running = [self.cluster.lab.guest(host).spawn(argv, timeout_s=timeout_s) for host in ALL]
        return [each.result().rc for each in running]

    def start_and_wait(self) -> None:
        """Start the daemon everywhere, and wait as an operator does: one command on each node."""
        self.cluster.lab.each(self.cluster.daemon_start, ALL)
        codes = self.on_all(*_WAIT)
        self.cluster.check(
            f"`o2cbd wait` ends with 0 on all nodes, not {codes}", codes == [0, 0, 0]
        )

    def mount_all(self) -> None:
        """Mount on all nodes at the same time, each once."""
        self.cluster.make_volume(1)
        with ThreadPoolExecutor(len(ALL)) as pool:
            for done in [pool.submit(self.cluster.mount, host) for host in ALL]:
                done.result()

    def write(self, host: int, name: str, text: str) -> None:
        """Write a small file on the volume, through to the disk."""
        self.cluster.lab.guest(host).put(f"{SHARED.mount_point}/{name}", text)
        self.cluster.tell(host, "sync", "--file-system", str(SHARED.mount_point))

    def read(self, host: int, name: str) -> str:
        """Read a small file of the volume."""
        return self.cluster.tell(host, "cat", f"{SHARED.mount_point}/{name}")

    def is_mounted(self, host: int) -> bool:
        """Whether a node has the volume mounted."""
        done = self.cluster.lab.guest(host).run(
            ["mountpoint", "--quiet", str(SHARED.mount_point)], timeout_s=_LONG_TIMEOUT_S
        )
        return done.rc == 0

    def daemon_pid(self, host: int) -> str:
        """The daemon's process id; "0" while there is none."""
        return str(self.cluster.ask_guest(host, "daemon:unit")["MainPID"])

    def restart(self, host: int) -> None:
        """`systemctl restart o2cbd`."""
        self.cluster.tell(host, "systemctl", "restart", UNIT)

    def upgrade(self, host: int, packages: Mapping[str, Path]) -> None:
        """Install newer packages with apt, of those that the arm has.

        Args:
            host: on which node.
            packages: by their names.
        """
        guest = self.cluster.lab.guest(host)
        newer = [packages[name] for name in self._packages]
        guest.unpack([(path.name, path) for path in newer], _PACKAGES)
        guest.check(
            ["apt-get", "install", "--yes", "--no-install-recommends",
             *(f"{_PACKAGES}/{path.name}" for path in newer)],
            timeout_s=_LONG_TIMEOUT_S,
        )  # fmt: skip

    def installed_version(self, host: int) -> str:
        """The version of the package that a node has."""
        return self.cluster.tell(host, "dpkg-query", "-W", "-f", "${Version}", "o2cbd")

    def power_off(self, host: int) -> None:
        """`systemctl poweroff`, and wait for its end."""
        self.cluster.last_words(host)
        self.cluster.untouched_oracle.boots(host)
        self.cluster.verb_log.note(host, "verb", "poweroff")
        self.cluster.lab.guest(host).spawn(["systemctl", "poweroff"], timeout_s=_OFF_TIMEOUT_S)
        self.cluster.lab.machines[host].wait_end(_OFF_TIMEOUT_S)

    def wait_reset(self, host: int) -> None:
        """Wait until a node has reset itself, as o2cb does to one that must not go on.

        What it tells is fetched before, since its journal does not have the last of it.
        """
        cluster = self.cluster
        cluster.last_words(host)
        cluster.eventually(
            f"node {host} has reset itself",
            lambda: not cluster.lab.alive(host),
            within=Span.LATER,
        )
        cluster.verb_log.note(host, "daemon", "killed")
        cluster.untouched_oracle.boots(host)

    def fsck(self, host: int) -> int:
        """`fsck.ocfs2 -f -n` of the volume that nobody has mounted; its return code."""
        done = self.cluster.lab.guest(host).run(
            ["fsck.ocfs2", "-f", "-n", SHARED.disk], timeout_s=_LONG_TIMEOUT_S
        )
        return done.rc

    def own_unit(self) -> None:
        """Let systemd look after the daemon as the package says."""
        for host in ALL:
            self.cluster.tell(host, "rm", DROP_IN)
            self.cluster.tell(host, "systemctl", "daemon-reload")


def node_config(host: int) -> NodeConfig:
    """A node whose o2cb address is that of its ring."""
    return NodeConfig(id=host, name=f"node{host}", addresses=(Identity(number=host).address,))


def topology() -> Topology:
    """Three such nodes."""
    return Topology(cluster="o2", nodes=tuple(map(node_config, ALL))).checked()


@contextlib.contextmanager
def operated(
    manager: Manager,
    directory: Path,
    say: Progress,
    *,
    settings: str = "",
    down: Sequence[int] = (),
) -> Iterator[Operator]:
    """Three nodes with their manager running, the daemon not yet started.

    Args:
        manager: what manages them.
        directory: takes the consoles.
        say: takes progress.
        settings: TOML for every daemon's settings file.
        down: nodes without power at first.
    """
    spec = ClusterSpec(topology=topology(), settings=settings, down=tuple(down))
    with vm_cluster(manager, spec, directory, say) as cluster:
        yield Operator(cluster, manager.packages)
