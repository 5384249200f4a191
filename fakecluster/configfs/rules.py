"""The show and store rule of every attribute, errno by errno."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import TypeVar

from fakecluster.configfs import values
from fakecluster.configfs.kernel import ClusterState, Kernel, NodeState, Poison, RegionState
from fakecluster.configfs.values import KernelRefusal, require

NUM_MAX = 254
PORT_MAX = 65534
_HEARTBEAT_THRESHOLD_MIN = 2
_UINT = 1 << 32
_BLOCK_BYTES_MIN, _BLOCK_BYTES_MAX = 512, 4096
_BLOCKS_MAX = 255

StateT = TypeVar("StateT")
Show = Callable[[Kernel, StateT], str]
Store = Callable[[Kernel, StateT, bytes], None]


def _once(kernel: Kernel, value: object, *, first: bool) -> None:
    """Refuse a second write with EBUSY, at the place where this kernel tests for it."""
    if first == kernel.variant.already_set_first and value is not None:
        raise KernelRefusal(errno.EBUSY)


def _nodes(kernel: Kernel) -> Iterable[NodeState]:
    return kernel.cluster.nodes.values() if kernel.cluster else ()


def store_port(kernel: Kernel, node: NodeState, data: bytes) -> None:
    """Store ipv4_port: 1..65534, once."""
    _once(kernel, node.port, first=True)
    port = values.number(data)
    require(port != 0, errno.EINVAL)
    require(port <= PORT_MAX, errno.ERANGE)
    _once(kernel, node.port, first=False)
    node.port = port


def store_address(kernel: Kernel, node: NodeState, data: bytes) -> None:
    """Store ipv4_address: unique, once. The kernel takes 0.0.0.0, which poisons it."""
    _once(kernel, node.address, first=True)
    address = values.address(data)
    require(address not in [other.address for other in _nodes(kernel)], errno.EEXIST)
    _once(kernel, node.address, first=False)
    node.address = address
    if address == "0.0.0.0":  # the address that the kernel's rmdir does not unlink
        kernel.poison.append(Poison(path=node.name, what="0.0.0.0 written to ipv4_address"))


def store_num(kernel: Kernel, node: NodeState, data: bytes) -> None:
    """Store num: 0..254, unique, once, after address and port."""
    _once(kernel, node.num, first=True)
    num = values.number(data)
    require(num <= NUM_MAX, errno.ERANGE)
    require(node.address is not None and node.port is not None, errno.EINVAL)
    require(num not in [other.num for other in _nodes(kernel)], errno.EEXIST)
    _once(kernel, node.num, first=False)
    node.num = num


def store_local(kernel: Kernel, node: NodeState, data: bytes) -> None:
    """Store local: any number but 0 is 1; starts or stops o2net's listener."""
    cluster = kernel.cluster
    if kernel.variant.local_write_once and node.local_written:
        raise KernelRefusal(errno.EBUSY)
    wanted = values.number(data) != 0
    complete = node.address is not None and node.port is not None and node.num is not None
    require(complete and cluster is not None, errno.EINVAL)
    assert cluster is not None  # noqa: S101 - required in the line above
    if wanted and cluster.local_claimed and not node.local:
        raise KernelRefusal(errno.EBUSY)
    if wanted and not node.local:
        kernel.start_listening(node)
        cluster.local_claimed = True
    elif node.local and not wanted:
        if kernel.heartbeat_runs:
            kernel.poison.append(Poison(path=node.name, what="local=0 under a heartbeat region"))
        kernel.stop_listening()
        cluster.local_claimed = kernel.variant.local_zero_keeps_claim
    node.local = wanted
    node.local_written = True


def store_idle_timeout(kernel: Kernel, cluster: ClusterState, data: bytes) -> None:
    """Store idle_timeout_ms: above keepalive, unchangeable under connected peers."""
    value = values.milliseconds(data)
    require(value == cluster.idle_timeout_ms or not kernel.connected_nums, errno.EINVAL)
    require(value > cluster.keepalive_delay_ms, errno.EINVAL)
    cluster.idle_timeout_ms = value


def store_keepalive_delay(kernel: Kernel, cluster: ClusterState, data: bytes) -> None:
    """Store keepalive_delay_ms: below idle, unchangeable under connected peers."""
    value = values.milliseconds(data)
    require(value == cluster.keepalive_delay_ms or not kernel.connected_nums, errno.EINVAL)
    require(value < cluster.idle_timeout_ms, errno.EINVAL)
    cluster.keepalive_delay_ms = value


def store_reconnect_delay(_kernel: Kernel, cluster: ClusterState, data: bytes) -> None:
    """Store reconnect_delay_ms."""
    cluster.reconnect_delay_ms = values.milliseconds(data)


def store_fence_method(_kernel: Kernel, cluster: ClusterState, data: bytes) -> None:
    """Store fence_method."""
    cluster.fence_method = values.fence_method(data)


def store_dead_threshold(kernel: Kernel, cluster: ClusterState, data: bytes) -> None:
    """Store dead_threshold; values up to 2, and any under a region, are silently ignored."""
    value = values.number(data, base=10) % _UINT
    if value > _HEARTBEAT_THRESHOLD_MIN and not cluster.regions:
        kernel.dead_threshold = value


def store_mode(kernel: Kernel, cluster: ClusterState, data: bytes) -> None:
    """Store mode; silently ignored under a region."""
    mode = values.heartbeat_mode(data)
    if not cluster.regions:
        kernel.mode = mode


def _store_block_bytes(_kernel: Kernel, region: RegionState, data: bytes) -> None:
    require(not region.dev, errno.EINVAL)
    value = values.number(data)
    require(_BLOCK_BYTES_MIN <= value <= _BLOCK_BYTES_MAX, errno.ERANGE)
    require(value & (value - 1) == 0, errno.EINVAL)
    region.block_bytes = value


def _store_start_block(_kernel: Kernel, region: RegionState, data: bytes) -> None:
    require(not region.dev, errno.EINVAL)
    region.start_block = values.strict_number(data)


def _store_blocks(_kernel: Kernel, region: RegionState, data: bytes) -> None:
    require(not region.dev, errno.EINVAL)
    value = values.number(data)
    require(1 <= value <= _BLOCKS_MAX, errno.ERANGE)
    region.blocks = value


def _store_dev(_kernel: Kernel, _region: RegionState, _data: bytes) -> None:
    """Refuse: it takes the number of an open block device, and a fake host has none.

    A region starts through `ConfigfsModel.start_region`, as mount.ocfs2 would start it.
    """
    raise KernelRefusal(errno.EINVAL)


def _text(value: object) -> str:
    return f"{value}\n"


NODE_ATTRIBUTES: dict[str, tuple[Show[NodeState], Store[NodeState]]] = {
    "num": (lambda _, node: _text(node.num or 0), store_num),
    "ipv4_port": (lambda _, node: _text(node.port or 0), store_port),
    "ipv4_address": (lambda _, node: _text(node.address or "0.0.0.0"), store_address),
    "local": (lambda _, node: _text(int(node.local)), store_local),
}

CLUSTER_ATTRIBUTES: dict[str, tuple[Show[ClusterState], Store[ClusterState]]] = {
    "idle_timeout_ms": (lambda _, c: _text(c.idle_timeout_ms), store_idle_timeout),
    "keepalive_delay_ms": (lambda _, c: _text(c.keepalive_delay_ms), store_keepalive_delay),
    "reconnect_delay_ms": (lambda _, c: _text(c.reconnect_delay_ms), store_reconnect_delay),
    "fence_method": (lambda _, c: _text(c.fence_method), store_fence_method),
}

HEARTBEAT_ATTRIBUTES: dict[str, tuple[Show[ClusterState], Store[ClusterState]]] = {
    "dead_threshold": (lambda kernel, _: _text(kernel.dead_threshold), store_dead_threshold),
    "mode": (lambda kernel, _: _text(kernel.mode), store_mode),
}

REGION_ATTRIBUTES: dict[str, tuple[Show[RegionState], Store[RegionState] | None]] = {
    "block_bytes": (lambda _, region: _text(region.block_bytes), _store_block_bytes),
    "start_block": (lambda _, region: _text(region.start_block), _store_start_block),
    "blocks": (lambda _, region: _text(region.blocks), _store_blocks),
    "dev": (lambda _, region: _text(region.dev) if region.dev else "", _store_dev),
    "pid": (lambda _, region: _text(region.pid) if region.pid else "", None),
}
