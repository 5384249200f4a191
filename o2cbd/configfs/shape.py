"""Recognises an o2cb configfs by its shape, the same on a kernel, over FUSE and on a fake."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from o2cbd.configfs.files import Listed
from o2cbd.configfs.interface import NotConfigfsError

ADVICE = "not an o2cb configfs: mount configfs, modprobe ocfs2_nodemanager"

_GROUPS = frozenset({"node", "heartbeat"})
# fence_method and the heartbeat's attributes are not on every kernel; these three always were.
_ATTRIBUTES = frozenset({"idle_timeout_ms", "keepalive_delay_ms", "reconnect_delay_ms"})


def is_cluster(found: Iterable[Listed]) -> bool:
    """True when a cluster directory holds what the kernel puts there by itself."""
    groups: set[str] = set()
    attributes: set[str] = set()
    for item in found:
        (groups if item.is_dir else attributes).add(item.name)
    return groups >= _GROUPS and attributes >= _ATTRIBUTES


def absent(where: str) -> NotConfigfsError:
    """Nothing is there: not mounted, or the module is not loaded."""
    return NotConfigfsError(errno.ENOENT, ADVICE, where)


def foreign(where: str) -> NotConfigfsError:
    """Something else is there: a directory of another file system, perhaps."""
    return NotConfigfsError(errno.ENODEV, ADVICE, where)
