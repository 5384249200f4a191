"""The data of the daemon's trade: what the cluster manager says, what configfs holds, one change.

All classes are frozen values. Times are integer microseconds of the injected clock.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import ClassVar

from o2cbd.core.frozen import frozen

MAX_NUM = 254
"""The highest o2cb node number (the kernel's O2NM_MAX_NODES is 255, numbers start at 0)."""

DEFAULT_PORT = 7777
"""The o2net port where neither the manager nor the settings name one."""

MAX_PORT = 65534
"""The kernel takes 1..65534 and answers ERANGE to 65535 (seen on 6.1)."""

NODE_NAME_MAX_BYTES = 64
"""A longer node name makes the kernel answer ENAMETOOLONG (seen on 6.1)."""

CLUSTER_NAME_MAX_CHARS = 16
"""What mkfs.ocfs2 and cman keep of a cluster name."""

UNSET_ADDRESS = "0.0.0.0"
"""How a node's address reads before it was written; never written by us (it can oops a kernel)."""


class Quorum(enum.Enum):
    """Whether the cluster manager vouches for this partition."""

    QUORATE = "quorate"
    INQUORATE = "inquorate"
    UNKNOWN = "unknown"
    """There is no quorum provider."""
    NONE = "none"
    """The membership is a file of the operator's: nothing is counted, its word is enough."""

    @property
    def quorate(self) -> bool | None:
        """True or False where it is counted."""
        return {Quorum.QUORATE: True, Quorum.INQUORATE: False}.get(self)

    @property
    def text(self) -> str:
        """In words, for an operator."""
        if self is Quorum.NONE:
            return "static membership, no quorum"
        return quorum_text(self.quorate)


def quorum_text(quorate: bool | None) -> str:  # noqa: FBT001 - the value itself
    """Say it in words; None: not known."""
    return {True: "quorate", False: "not quorate", None: "quorum unknown"}[quorate]


@frozen
class Advice:
    """What the manager's own configuration says of a node for o2cb: as written, unchecked."""

    address: str | None = None
    """`o2cb_address` in a node's block of corosync.conf."""
    port: str | None = None
    """`o2cb_port` there."""
    num: str | None = None
    """`o2cb_num` there."""


NO_ADVICE = Advice()


@frozen
class Member:
    """A node that the cluster manager counts in now."""

    id: int
    """The manager's node id: any 32-bit number, also 0 (a quorum disk) or over 254."""
    name: str
    """As the manager spells it; undecodable bytes are surrogate escapes."""
    incarnation: int
    """Changes when the member left and came back; comparable only within one observer."""
    addresses: tuple[str, ...]
    """Numeric text, IPv4 or IPv6, never a name; the one of ring k at position k.

    Empty text stands for a ring whose address the manager does not give."""
    advice: Advice = NO_ADVICE
    votes: int | None = None
    """Its votes in the node list; None where the manager does not give them."""
    listed: bool = True
    """The manager's node list has its id; else nothing that the list says is about it."""


@frozen
class Absentee:
    """A node that the cluster manager lists and does not count in now."""

    id: int
    name: str
    addresses: tuple[str, ...] = ()
    """As a member's; from the manager's *configuration* only: cman's live address of a non-member
    is stale."""
    advice: Advice = NO_ADVICE
    votes: int | None = None
    fenced: bool = False
    """The manager says that it was fenced since it was last a member."""
    runs_as: int | None = None
    """The id of the member that this list entry is about, where the list has another id for it."""
    ran_as: int | None = None
    """The id with which it was a member last, where the list has another id for it since."""


@frozen
class Membership:
    """One complete reading of the cluster manager, as of one moment."""

    cluster: str
    local_id: int
    quorum: Quorum
    two_node: bool
    """Quorum proves nothing: cman's 2NODE flag, votequorum's TWONODE."""
    members: tuple[Member, ...]
    """Sorted by id. The local node is among them, or we are not a member."""
    absentees: tuple[Absentee, ...] = ()
    """Sorted by id."""
    member_votes: int | None = None
    """The members' votes together, devices aside, where no member has its own."""

    @property
    def everybody(self) -> tuple[Member | Absentee, ...]:
        """The members, and then those who are away."""
        return (*self.members, *self.absentees)


@frozen
class Node:
    """A row of the desired o2cb table."""

    name: str
    num: int
    address: str
    port: int
    local: bool = False


@frozen
class Entry:
    """A node directory as read back from configfs, complete or not."""

    # Num 0 is a node's like any other, but reads like a num that was never written. The kernel
    # tells them apart when 0 is written: it is taken, or refused with EEXIST since it is used.

    name: str
    inode: int
    num: int
    address: str
    port: int
    local: bool
    num_proved: bool = False
    """The kernel has refused num 0 as used, and nobody else reads 0: it was written here."""

    @property
    def half_made(self) -> bool:
        """True when num certainly was never written (it cannot be, before port and address)."""
        return self.port == 0 or self.address == UNSET_ADDRESS

    @property
    def doubtful(self) -> bool:
        """True when num reads 0 and nothing tells whether it was written.

        `local=1` is only taken after num.
        """
        return not self.half_made and not self.num_written

    @property
    def num_written(self) -> bool:
        """True when its num is known to have been written."""
        return self.num != 0 or self.local or self.num_proved

    @property
    def complete(self) -> bool:
        """True when the kernel surely knows this node: neither half made nor doubtful."""
        # Spelled out, since each pass asks it of each entry several times.
        return (
            self.port != 0
            and self.address != UNSET_ADDRESS
            and (self.num != 0 or self.local or self.num_proved)
        )


@frozen
class Region:
    """A heartbeat region of the cluster."""

    name: str
    pid: int | None
    """The heartbeat thread; None while it does not run."""


@frozen
class Tables:
    """The actual state: everything that one reading of the o2cb configfs gave."""

    clusters: tuple[str, ...]
    """The names of all cluster directories, sorted; a kernel holds at most one."""
    entries: tuple[Entry, ...] = ()
    """The nodes of *our* cluster, sorted by name; empty while the cluster is not there."""
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """The cluster attributes that were asked for, stripped of their newline."""
    regions: tuple[Region, ...] = ()
    """The heartbeat regions of our cluster, sorted by name."""
    live_nums: frozenset[int] | None = None
    """The nums that the disk heartbeat sees (debugfs o2hb/livenodes); None: cannot be read."""


@frozen
class CreateCluster:
    """mkdir of the cluster, checked to be an o2cb configfs and taken away again if it is not."""

    word: ClassVar[str] = "create-cluster"
    """How status, logs and traces call this kind of step."""
    cluster: str


@frozen
class SetAttribute:
    """One write(2) of one value to a cluster's or a node's attribute file."""

    word: ClassVar[str] = "set-attribute"
    cluster: str
    node: str | None
    """None: an attribute of the cluster itself."""
    attribute: str
    """As in configfs, `heartbeat/dead_threshold` included."""
    value: str


@frozen
class AddNode:
    """mkdir, then ipv4_port, ipv4_address and num, each in one write.

    `local` is not part of it: it is a step of its own, so that a missing local address never takes
    the finished entry away again. After any error the half-made directory is removed and the
    first errno kept.
    """

    word: ClassVar[str] = "add-node"
    cluster: str
    node: Node


@frozen
class RemoveNode:
    """rmdir of a node."""

    word: ClassVar[str] = "remove-node"
    cluster: str
    node: str


Step = CreateCluster | SetAttribute | AddNode | RemoveNode
"""One change to configfs."""


def node_of(step: Step) -> str | None:
    """Return the name of the node that a step is about, None for the cluster."""
    match step:
        case AddNode(node=node):
            return node.name
        case RemoveNode(node=name) | SetAttribute(node=name):
            return name
        case _:
            return None


class Why(enum.Enum):
    """Why a wanted step is pending."""

    FAILED = "failed"
    """It was tried; errno says why it failed."""
    PINNED = "pinned"
    """rmdir gave EBUSY, or the disk heartbeat still sees the node."""
    INQUORATE = "inquorate"
    TWO_NODE = "two-node"
    MINORITY = "minority"
    """The members are not more than half of the votes of all listed nodes."""
    UNSETTLED = "unsettled"
    """Members or quorum changed a moment ago."""
    QUORUM_UNKNOWN = "quorum-unknown"
    WAITS_FOR_REMOVAL = "waits-for-removal"
    REPLACEMENT_BLOCKED = "replacement-blocked"
    """The old entry stays, since the new one could not follow."""
    REGION = "region"
    """The local node is not removed under a heartbeat region."""
    UNSAFE = "unsafe"
    """Somebody wrote 0.0.0.0 into the entry, and its rmdir could take the kernel down."""
    FOREIGN_CLUSTER = "foreign-cluster"
    IGNORED = "ignored"
    """The kernel took the write and kept the old value."""
    HELD = "held"


@frozen
class Pending:
    """A step that is wanted and cannot be done yet."""

    step: Step
    why: Why
    reason: str
    """For the operator: what blocks it and what ends that."""
    errno: int | None = None
    since_us: int = 0

    @property
    def node(self) -> str | None:
        """The name of the node that the step is about, None for the cluster."""
        return node_of(self.step)


@frozen
class LeftOut:
    """A node of the manager's that is not in the desired table, and why."""

    id: int
    name: str
    reason: str
    device: bool = False
    """A quorum disk: nobody expects it to be in the table."""


@frozen
class Remark:
    """Something in the configuration that the operator should know, and that stops nothing."""

    text: str
    warning: bool
    """It surely is a mistake."""


@frozen
class Usage:
    """What says whether the cluster's file systems are in use on this host."""

    regions: tuple[Region, ...] = ()
    """Regions whose heartbeat thread runs: the authority."""
    mounts: tuple[str, ...] = ()
    """Mount points of OCFS2 volumes of the o2cb cluster."""
    held_by: int | None = None
    """The pid of somebody else who holds the semaphore (0: unknown pid); None: nobody."""
    unreadable: tuple[str, ...] = ()
    """Facts that could not be read, each with path and errno symbol; an absent one is none."""


class State(enum.Enum):
    """The daemon in one word; the first that fits, in this order."""

    STOPPING = "stopping"
    LOST = "lost"
    """The cluster manager was there and is gone."""
    STUCK = "stuck"
    """A declared call does not return."""
    WAITING = "waiting"
    HELD = "held"
    PENDING = "pending"
    SYNCED = "synced"


@frozen
class Holder:
    """Somebody who holds the semaphore."""

    pid: int
    """0: unknown."""
    since_us: int
    """When we first saw it held."""


@frozen
class Vote:
    """An answer that was given to "is it safe to shut the cluster down now?"."""

    asked_us: int
    yes: bool
    reason: str
    forced: bool
    """The answer was not going to be heeded."""
    removed: bool


@frozen
class Status:
    """What the agent knows, published whole after each step; shared between threads as a value."""

    state: State
    reason: str
    """What is waited for, or why nothing is done; empty when there is nothing to say."""
    cluster: str | None
    quorum: Quorum | None
    """None before the first reading of the manager."""
    members: tuple[Member, ...]
    """Of the last good reading."""
    entries: tuple[Entry, ...]
    """Of the last good reading of configfs."""
    pending: tuple[Pending, ...]
    """What is wanted and cannot be done, as of the last pass that went to its end or was held."""
    left_out: tuple[LeftOut, ...]
    hold: Holder | None
    vote: Vote | None
    """The last one."""
    fingerprint: str
    first_pass_done: bool
    """True once a pass has run to its end; what READY waits for."""
    local_id: int | None = None
    steps: tuple[Step, ...] = ()
    """What can be done and is not yet, in order, the step under way first; empty at rest."""
    remarks: tuple[Remark, ...] = ()
