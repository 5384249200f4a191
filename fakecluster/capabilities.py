"""What an arm may lack, and how a verb that it lacks is refused."""

from __future__ import annotations

import enum


class Capability(enum.Enum):
    """What not every arm can do. A scenario names what it needs; an arm what it lacks, and why."""

    ANY_ID = "node ids up to 32 bits"
    QUORUM_DISK = "a quorum disk"
    TWO_NODE = "two_node"
    IPV6_ONLY = "a node without an IPv4 address"
    RENAMED_CLUSTER = "a cluster name that changes"
    LEAVING_FOR_GOOD = "a node that leaves with `remove`"
    FENCING_NOTICE = "a manager that is told of a fencing"
    SEVERAL_ADDRESSES = "several addresses a node"
    DUPLICATE_ID = "a configuration with one id twice"
    SILENCE_ABOUT_ABSENTEES = "a manager that knows no address of a node that is away"
    PINS_BY_HAND = "a pin that no heartbeat holds"
    CALL_ORDER = "every configfs call in its order, failed ones too"
    STOPPED_MANAGER = "a manager that hangs"
    FAILING_READS = "readings of the manager that fail"
    VOTES_NOTICE = "a manager that notifies of votes"
    NOTICE_FAULTS = "notices that are lost, late or doubled"
    CALL_FAULTS = "configfs calls that fail, and a daemon killed inside one"
    UNREADABLE_MOUNTS = "a mount table that cannot be read"
    STALLED_DISK = "a host whose writes to the shared disk stall"
    MANY_NODES = "more than five nodes"
    FREE_ADDRESSES = "a manager that reports any address of a node, and another one while it runs"


class UnsupportedVerbError(AssertionError):
    """A scenario asks for what its arm cannot do, and does not say that it needs it."""

    def __init__(self, arm: str, what: Capability | str) -> None:
        """Name it.

        Args:
            arm: its word for `--arm`.
            what: the missing capability, or the verb that the arm has no handler for.
        """
        text = what.value if isinstance(what, Capability) else what
        super().__init__(f"{arm} cannot do it: {text}")
