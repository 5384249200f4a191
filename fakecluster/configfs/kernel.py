"""The kernel's state behind the directories: nodes, cluster, regions, heartbeat, module."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

from fakecluster.configfs.host import FakeHost
from fakecluster.configfs.values import KernelRefusal
from fakecluster.configfs.variant import KernelVariant


@dataclass(slots=True, kw_only=True)
class NodeState:
    """What the kernel knows of one node directory; None: never written."""

    name: str
    num: int | None = None
    address: str | None = None
    port: int | None = None
    local: bool = False
    local_written: bool = False


@dataclass(slots=True, kw_only=True)
class RegionState:
    """What the kernel knows of one heartbeat region."""

    name: str
    block_bytes: int = 0
    start_block: int = 0
    blocks: int = 0
    dev: str = ""
    pid: int | None = None


@dataclass(slots=True, kw_only=True)
class ClusterState:
    """The one cluster of a kernel."""

    name: str
    idle_timeout_ms: int
    keepalive_delay_ms: int
    reconnect_delay_ms: int
    fence_method: str = "reset"
    nodes: dict[str, NodeState] = field(default_factory=dict)
    regions: dict[str, RegionState] = field(default_factory=dict)
    local_claimed: bool = False
    """Some node is, or on older kernels was, the local one."""

    @property
    def local_node(self) -> NodeState | None:
        """The node whose `local` is 1."""
        return next((node for node in self.nodes.values() if node.local), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """Something was done that can crash a real kernel."""

    path: str
    what: str


class Kernel:
    """One fake kernel's o2cb: what is module-wide, the heartbeat's view, o2net's connections."""

    def __init__(self, variant: KernelVariant, host: FakeHost) -> None:
        self.variant = variant
        self.host = host
        self.cluster: ClusterState | None = None
        self.dead_threshold = variant.dead_threshold
        self.mode = "local"
        self.live_nums: set[int] = set()
        """The nums that the disk heartbeat sees alive; empty while no region runs."""
        self.connected_nums: set[int] = set()
        """The peers that o2net is connected with."""
        self.pins: set[str] = set()
        """Names of nodes that are pinned by hand."""
        self.poison: list[Poison] = []
        self.log: list[str] = []
        """The kernel log, without time stamps."""

    @property
    def heartbeat_runs(self) -> bool:
        """True while the thread of at least one region runs."""
        cluster = self.cluster
        return cluster is not None and any(region.pid for region in cluster.regions.values())

    def pinned(self, node: NodeState) -> bool:
        """Return whether rmdir of this node is EBUSY."""
        if node.name in self.pins:
            return True
        if not self.heartbeat_runs:
            return False
        if node.local:
            return True
        return self.variant.remote_pinned and node.num is not None and node.num in self.live_nums

    def start_listening(self, node: NodeState) -> None:
        """Start o2net on the node's address and port.

        Raises:
            KernelRefusal: the host cannot bind there; nothing has changed.
        """
        if node.address is None or node.port is None:
            raise KernelRefusal(errno.EINVAL)
        try:
            self.host.listen(node.address, node.port)
        except KernelRefusal as refusal:
            self.log.append(f"o2net: Error -{refusal.errno} while binding socket")
            raise

    def stop_listening(self) -> None:
        """Stop o2net: the listener closes and every link drops."""
        self.host.stop_listening()
        self.connected_nums.clear()

    def forget_node(self, node: NodeState) -> None:
        """Do what the removal of a node directory does to o2net."""
        cluster = self.cluster
        if node.local:
            self.stop_listening()
            if cluster is not None:
                cluster.local_claimed = False
        elif node.num is not None:
            self.connected_nums.discard(node.num)
        elif self.variant.unset_num_is_zero and cluster is not None:
            local = cluster.local_node
            if local is not None and local.num == 0:
                self.stop_listening()
                self.poison.append(
                    Poison(path=node.name, what="rmdir of a node without num, local node is 0")
                )
