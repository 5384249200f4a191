"""What differs between kernels, as data; the default is the kernel that was observed."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace

PAGE_BYTES = 4096
"""What an attribute reports as its size."""

STORE_MAX_BYTES = PAGE_BYTES - 1
"""How much of one write(2) the kernel takes; the caller gets a short count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelVariant:
    """How one family of kernels behaves; the defaults are those of the observed 6.1."""

    name: str = "6.1"
    already_set_first: bool = False
    """The write-once test precedes all others, so that any second write is EBUSY."""
    local_write_once: bool = False
    """`local` can be written one single time, like the other attributes."""
    local_zero_keeps_claim: bool = False
    """After local=0 on the local node every local=1 is EBUSY until the cluster is removed."""
    remote_pinned: bool = True
    """rmdir of a remote node that the disk heartbeat sees is EBUSY."""
    unset_num_is_zero: bool = False
    """rmdir of a node without a num acts on whoever has num 0 (a panic was reported)."""
    second_cluster_errno: int = errno.ENOSPC
    long_name_errno: int = errno.ENAMETOOLONG
    """For a node or region name that is too long for o2cb and short enough for the VFS."""
    empty_write_errno: int = errno.EFAULT
    """0: an empty write succeeds and does nothing."""
    removed_item_answers: bool = False
    """An open handle of a removed item goes on working; else ENOENT."""
    missing: frozenset[str] = frozenset()
    """Attributes that this kernel has not, relative to the cluster."""
    dead_threshold_name: str = "dead_threshold"
    idle_timeout_ms: int = 30_000
    keepalive_delay_ms: int = 2_000
    reconnect_delay_ms: int = 2_000
    dead_threshold: int = 31


OBSERVED_6_1 = KernelVariant()
"""Debian 12's kernel, as it was seen to behave."""

OBSERVED_6_12 = KernelVariant(name="6.12")
"""Debian 13's kernel, as it was seen to behave: in every answer as 6.1."""

KERNEL_A = KernelVariant(
    name="A",
    already_set_first=True,
    local_write_once=True,
    local_zero_keeps_claim=True,
    remote_pinned=False,
    unset_num_is_zero=True,
    second_cluster_errno=errno.ENOMEM,
    long_name_errno=errno.ENOMEM,
    empty_write_errno=0,
    removed_item_answers=True,
    missing=frozenset({"fence_method", "heartbeat/mode"}),
    idle_timeout_ms=10_000,
    keepalive_delay_ms=5_000,
)
"""2.6.2x, by its source."""

KERNEL_B = replace(
    KERNEL_A,
    name="B",
    second_cluster_errno=errno.ENOSPC,
    long_name_errno=errno.ENAMETOOLONG,
    missing=frozenset(),
)
"""2.6.3x to 4.x, by its source."""

KERNEL_B_MISNAMED = replace(
    KERNEL_B,
    name="B-misnamed",
    dead_threshold_name="threshold",
    idle_timeout_ms=30_000,
    keepalive_delay_ms=2_000,
)
"""Some 4.x kernels, whose dead_threshold was called threshold until 2017."""

KERNEL_C = KernelVariant(name="C", local_zero_keeps_claim=True, remote_pinned=False)
"""5.x and 6.x, by their source."""

KERNEL_D = KernelVariant(name="D")
"""6.2 to 6.11, and the newest source that was read."""

VARIANTS = {
    variant.name: variant
    for variant in (
        OBSERVED_6_1,
        OBSERVED_6_12,
        KERNEL_A,
        KERNEL_B,
        KERNEL_B_MISNAMED,
        KERNEL_C,
        KERNEL_D,
    )
}
"""Every variant by name."""
