"""The names of calls, so that a fault on a call that nobody ever makes is refused."""

from __future__ import annotations

from fakecluster.configfs import rules
from fakecluster.configfs.variant import KERNEL_B_MISNAMED

_CHANGING = ("mkdir", "rmdir", "chmod", "chown", "truncate", "rename")
_REFUSED = ("unlink", "symlink", "link", "mknod")
_READING = ("open", "scandir", "stat")

_STORES: dict[str, bool] = {
    name: store is not None
    for table in (
        rules.NODE_ATTRIBUTES,
        rules.CLUSTER_ATTRIBUTES,
        rules.HEARTBEAT_ATTRIBUTES,
        rules.REGION_ATTRIBUTES,
    )
    for name, (_show, store) in table.items()
}
"""Every attribute, and whether the kernel has a store for it."""
# One variant misnames dead_threshold.
_STORES[KERNEL_B_MISNAMED.dead_threshold_name] = True

NAMES: tuple[str, ...] = (
    *_CHANGING,
    *_REFUSED,
    *_READING,
    "read",
    *(f"read:{name}" for name in sorted(_STORES)),
    "write",
    *(f"write:{name}" for name in sorted(_STORES) if _STORES[name]),
)
"""Every name that `Call.name` can have, and the parts before the colon."""


class UnknownCallError(ValueError):
    """No call has this name."""


def checked(name: str) -> str:
    """Return the name of a call, or of all calls of a kind.

    Raises:
        UnknownCallError: there is none; the text lists those that are.
    """
    if name not in NAMES:
        raise UnknownCallError(f"no call is named {name!r}; there are {', '.join(NAMES)}")
    return name
