"""The small values that scenarios and arms speak in."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fakecluster.capabilities import Capability
from fakecluster.cman.topology import Topology
from o2cbd.core.model import Why


class Span(enum.Enum):
    """How long something may take, or must last, in a cluster's terms; each arm has its own clock.

    A scenario that needs a number of seconds says something about an arm, not about the cluster.
    """

    SOON = "soon"
    """A death is noticed, a step is tried again a few times."""
    LATER = "later"
    """The disk heartbeat gives a node up, a resync comes round."""
    A_MOMENT = "a moment"
    """For lasting: a few looks at whatever is waited for."""
    A_WHILE = "a while"
    """For lasting: some resyncs."""


ARMS: Final = ("sim", "process", "process-corosync", "process-cman", "vm-corosync", "vm-cman",
               "vm-historic")  # fmt: skip
"""Every arm that there is, by its word for `--arm`."""


def arm_in_namespaces(arm: str) -> str:
    """Return the arm that has the real managers of another one in namespaces of this machine.

    Raises:
        ValueError: that one's managers are not real, or nobody has them in namespaces.
    """
    kind, _, manager = arm.partition("-")
    found = f"process-{manager}"
    if kind not in {"vm", "process"} or found not in ARMS:
        raise ValueError(f"the managers of {arm} do not run in namespaces")
    return found


_OUTLIVES: Final = "a real manager would outlive a served host that fences itself"
_NO_REAL_ONE: Final = "real kernels and managers are not made to fail by hand"
_COROSYNC: Final[Mapping[Capability, str]] = {
    Capability.RENAMED_CLUSTER: "corosync takes no other cluster name while it runs",
    Capability.DUPLICATE_ID: "corosync refuses such a file",
    Capability.FAILING_READS: _NO_REAL_ONE,
    Capability.NOTICE_FAULTS: _NO_REAL_ONE,
}
"""Where a corosync 3 is the manager, or beneath it."""
_COROSYNC_ALONE: Final[Mapping[Capability, str]] = {
    Capability.QUORUM_DISK: "corosync 3 has no quorum disk",
    Capability.LEAVING_FOR_GOOD: "corosync knows no `remove`",
    Capability.FENCING_NOTICE: "corosync is not told of fencing",
    Capability.SILENCE_ABOUT_ABSENTEES: "corosync's node list has every address",
    Capability.VOTES_NOTICE: "corosync notifies of members and quorum, not of votes",
}

_PROCESS_COROSYNC: Final[Mapping[Capability, str]] = {
    **_COROSYNC,
    **_COROSYNC_ALONE,
    Capability.SEVERAL_ADDRESSES: "the hosts have one ring, and one `o2cb_address` a node",
    Capability.STALLED_DISK: _OUTLIVES,
    Capability.MANY_NODES: "each node is a real corosync with real-time priority",
}
_HISTORIC: Final[Mapping[Capability, str]] = {
    Capability.IPV6_ONLY: "cman's rings are of one family",
    Capability.RENAMED_CLUSTER: "cman takes no other cluster name while it runs",
    Capability.SEVERAL_ADDRESSES: "cman has at most two rings, of one family",
    Capability.DUPLICATE_ID: "two hosts cannot join with one id",
    Capability.FAILING_READS: _NO_REAL_ONE,
    Capability.NOTICE_FAULTS: _NO_REAL_ONE,
    Capability.FREE_ADDRESSES: "cman reports the address of its ring, for its life",
}
"""Where a historic cman is the manager."""
_PROCESS_CMAN: Final[Mapping[Capability, str]] = {
    **_HISTORIC,
    Capability.STALLED_DISK: _OUTLIVES,
    Capability.MANY_NODES: "each node is a real cman with real-time priority",
}

_ON_GUESTS: Final[Mapping[Capability, str]] = {
    Capability.ANY_ID: "guests have the numbers of their nodes, up to 254",
    Capability.CALL_FAULTS: _NO_REAL_ONE,
    Capability.UNREADABLE_MOUNTS: _NO_REAL_ONE,
    Capability.STALLED_DISK: _NO_REAL_ONE,
    Capability.PINS_BY_HAND: "a real kernel pins for its own reasons only",
    Capability.CALL_ORDER: "inotify shows neither failed calls nor all in their order",
    Capability.MANY_NODES: "five emulated guests are what two processors carry",
}
"""On guests, whatever manages them."""

_VM: Final[Mapping[Capability, str]] = {
    **_COROSYNC,
    **_ON_GUESTS,
    Capability.IPV6_ONLY: "the rings of the guests are IPv4",
    Capability.SEVERAL_ADDRESSES: "the guests have one ring, and one `o2cb_address` a node",
}

VM_COROSYNC: Final[Mapping[Capability, str]] = {**_VM, **_COROSYNC_ALONE}

VM_CMAN: Final[Mapping[Capability, str]] = {
    **_VM,
    Capability.QUORUM_DISK: "corosync 3 beneath has no quorum disk",
}

VM_HISTORIC: Final[Mapping[Capability, str]] = {
    **_HISTORIC,
    **_ON_GUESTS,
}

MISSING: Final[Mapping[str, Mapping[Capability, str]]] = {
    "sim": {},
    "process": {},
    "process-corosync": _PROCESS_COROSYNC,
    "process-cman": _PROCESS_CMAN,
    "vm-corosync": VM_COROSYNC,
    "vm-cman": VM_CMAN,
    "vm-historic": VM_HISTORIC,
}
"""By arm: what it cannot do, with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """The cluster that a scenario begins with: managers up and of one mind, daemons not started."""

    topology: Topology
    down: tuple[int, ...] = ()
    """Nodes whose hosts have no power at first."""
    daemons_on: tuple[int, ...] | None = None
    """Hosts with a kernel and a daemon, the others have a manager alone; None: all."""
    settings: str = ""
    """TOML for every daemon's settings file."""
    settings_of: Mapping[int, str] = field(default_factory=dict)
    """TOML for one host's alone, after the common one."""
    options: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """More words for one host's `o2cbd run`."""
    dead_threshold: int = 11
    """Of the disk heartbeat: managers must see a death long before it does, also on a busy host."""
    seldom_resync: bool = False
    """No resync comes round while a scenario runs: only notices tell of changes."""

    @property
    def hosts(self) -> tuple[int, ...]:
        """The hosts that have a kernel and a daemon."""
        return self.topology.ids if self.daemons_on is None else self.daemons_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One node as a kernel's table has it."""

    num: int
    address: str
    port: int
    local: bool

    def __str__(self) -> str:
        return f"{self.num} {self.address}:{self.port}{' local' if self.local else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingStep:
    """A step that a daemon says is pending."""

    step: str
    """`create-cluster`, `set-attribute`, `add-node` or `remove-node`."""
    node: str | None
    why: Why
    errno: str
    """Its symbol, empty without one."""
    reason: str

    def __str__(self) -> str:
        errno = f" {self.errno}" if self.errno else ""
        return f"{self.step} {self.node or ''} [{self.why.value}{errno}]: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonVote:
    """What a daemon last answered to a shutdown question."""

    yes: bool
    reason: str
    forced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that changed a kernel's configfs, or tried to."""

    name: str
    """`mkdir`, `rmdir`, `write:num` ..."""
    path: str
    value: str = ""
    errno: str = ""
