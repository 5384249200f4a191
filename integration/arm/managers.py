"""What manages the guests of an arm: what it consists of, and how an operator handles it.

Two arms differ in this and in nothing else: `vm-corosync` has corosync alone, and `vm-cman` has the
gate before it, so that everybody on the guest sees a cman.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from fakecluster.arms.values import VM_CMAN, VM_COROSYNC
from fakecluster.capabilities import Capability, UnsupportedVerbError
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from integration import deb
from integration.lab.base import Extra
from integration.lab.corosync import CONFIGURATION, RingNode, corosync_conf
from integration.lab.identity import Identity

COROSYNC: Final = "corosync.service"
GATE: Final = "cman-gate.service"
TOKEN_MS: Final = 2000
"""Emulated processors are shared: a shorter token is lost now and then for no reason."""
_RELOAD: Final = ("corosync-cfgtool", "-R")
_PYTHON: Final = ("python3", "-m")


class Hands(Protocol):
    """What a manager is handled with."""

    def tell(self, host: int, *argv: str) -> str:
        """Run a command on a host that must succeed; its output."""
        ...

    def eye(self, host: int, function: str, **arguments: object) -> Any:
        """Ask a guest's eye."""
        ...


class Manager(Protocol):
    """The manager of every guest of an arm."""

    arm: str
    missing: Mapping[Capability, str]
    """What the arm cannot do, with the reason."""
    source: str
    """`[membership] source` of the daemons."""
    packages: tuple[str, ...]
    """The project's own, as the guests have them installed."""
    off: tuple[str, ...]
    """Those units of its packages that would start by themselves."""
    units: tuple[str, ...]
    """In the order in which they start and go on; they are stopped and killed the other way round,
    so that nobody sees one that has lost what it stands on."""
    whom: str
    """Which processes of its units get a signal, in the words of `systemctl kill --kill-whom`."""
    counts_anew: bool
    """One that starts counts incarnations from its own start."""
    look: str
    """The eye's function that says whether it runs, hangs, and what it holds for true."""
    warm: tuple[tuple[str, ...], ...]
    """Commands that have its programs read from the disk, and change nothing."""

    @property
    def extra(self) -> Extra | None:
        """What its guests are given besides packages."""
        ...

    def __hash__(self) -> int:
        """What is made once for a manager is kept by it."""
        ...

    def files(self, host: int, topology: Topology, version: int) -> dict[str, str]:
        """Return what configures it on a host, as text by path.

        Args:
            host: which.
            topology: the cluster as it is configured now.
            version: of the configuration, counted up by each change.
        """
        ...

    def reload(self, hands: Hands, host: int, version: int) -> None:
        """Have every manager read its new configuration, by way of a host's."""
        ...

    def question(self, *, force: bool, remove: bool) -> list[str]:
        """Return the command that asks for a shutdown; it says `asked`, then how it ended."""
        ...

    def leave(self, hands: Hands, host: int, *, removed: bool) -> None:
        """Let a node leave, of which nobody is asked."""
        ...

    def expect(self, hands: Hands, host: int, votes: int) -> None:
        """Let a partition expect so many votes."""
        ...

    def fence(self, hands: Hands, host: int, node: int) -> None:
        """Tell a host's manager that a node was fenced."""
        ...

    def poll_disk(self, hands: Hands, host: int, disk: QuorumDisk, *, available: bool) -> None:
        """Have a host poll the quorum disk with this result, from now on."""
        ...

    def disagreement(self, seen: Mapping[str, Any]) -> str | None:
        """Return what of an answer of `look` contradicts itself; None: nothing."""
        ...


class CorosyncManager:
    """corosync 3, by its own tools and libraries."""

    arm = "vm-corosync"
    missing: Mapping[Capability, str] = VM_COROSYNC
    source = "corosync"
    packages: tuple[str, ...] = (deb.DAEMON,)
    off: tuple[str, ...] = ()
    extra: Extra | None = None
    units: tuple[str, ...] = (COROSYNC,)
    whom = "main"
    counts_anew = True  # corosync's join_count
    look = "manager"
    warm: tuple[tuple[str, ...], ...] = (("corosync", "-v"),)

    def files(self, host: int, topology: Topology, version: int) -> dict[str, str]:
        """See `Manager.files`: the same for all."""
        return _corosync_files(topology, version)

    def reload(self, hands: Hands, host: int, version: int) -> None:
        """See `Manager.reload`."""
        hands.tell(host, *_RELOAD)

    def question(self, *, force: bool, remove: bool) -> list[str]:
        """See `Manager.question`."""
        if remove:
            raise UnsupportedVerbError(self.arm, Capability.LEAVING_FOR_GOOD)
        return [*_PYTHON, "fakecluster.corosync.question", *(["--force"] if force else [])]

    def leave(self, hands: Hands, host: int, *, removed: bool) -> None:
        """See `Manager.leave`: corosync leaves on SIGTERM without a shutdown question."""
        if removed:
            raise UnsupportedVerbError(self.arm, Capability.LEAVING_FOR_GOOD)
        hands.tell(host, "systemctl", "kill", "--kill-whom=main", "--signal=TERM", COROSYNC)

    def expect(self, hands: Hands, host: int, votes: int) -> None:
        """See `Manager.expect`; votequorum refuses what members cannot reach, as cman does."""
        hands.tell(host, "corosync-quorumtool", "-e", str(votes))

    def fence(self, hands: Hands, host: int, node: int) -> None:
        """See `Manager.fence`; corosync is not told."""
        raise UnsupportedVerbError(self.arm, Capability.FENCING_NOTICE)

    def poll_disk(self, hands: Hands, host: int, disk: QuorumDisk, *, available: bool) -> None:
        """See `Manager.poll_disk`; corosync 3 has none."""
        raise UnsupportedVerbError(self.arm, Capability.QUORUM_DISK)

    def disagreement(self, seen: Mapping[str, Any]) -> str | None:
        """See `Manager.disagreement`: there is one answer only."""
        return None


class CmanManager:
    """The gate over corosync 3, by libcman alone."""

    arm = "vm-cman"
    missing: Mapping[Capability, str] = VM_CMAN
    source = "cman"
    packages: tuple[str, ...] = (deb.DAEMON, deb.GATE, deb.LIBRARY)
    off: tuple[str, ...] = (GATE,)
    units: tuple[str, ...] = (COROSYNC, GATE)
    whom = "main"
    counts_anew = True
    look = "cman"
    warm: tuple[tuple[str, ...], ...] = (("corosync", "-v"), ("fakecluster", "gate", "--help"))

    @property
    def extra(self) -> Extra | None:
        """See `Manager.extra`: its packages are all."""
        return None

    def files(self, host: int, topology: Topology, version: int) -> dict[str, str]:
        """See `Manager.files`: those of the corosync beneath."""
        return _corosync_files(topology, version)

    def reload(self, hands: Hands, host: int, version: int) -> None:
        """See `Manager.reload`: gates are told by the corosync beneath."""
        hands.tell(host, *_RELOAD)

    def question(self, *, force: bool, remove: bool) -> list[str]:
        """See `Manager.question`."""
        words = [*(["--force"] if force else []), *(["--remove"] if remove else [])]
        return [*_PYTHON, "integration.arm.guest_cman_question", *words]

    def leave(self, hands: Hands, host: int, *, removed: bool) -> None:
        """See `Manager.leave`: an administrator's order."""
        hands.eye(host, "cman_leave", removed=removed)

    def expect(self, hands: Hands, host: int, votes: int) -> None:
        """See `Manager.expect`."""
        hands.eye(host, "cman_expect", votes=votes)

    def fence(self, hands: Hands, host: int, node: int) -> None:
        """See `Manager.fence`."""
        hands.eye(host, "cman_fenced", node=node)

    def poll_disk(self, hands: Hands, host: int, disk: QuorumDisk, *, available: bool) -> None:
        """See `Manager.poll_disk`; the corosync beneath has none."""
        raise UnsupportedVerbError(self.arm, Capability.QUORUM_DISK)

    def disagreement(self, seen: Mapping[str, Any]) -> str | None:
        """See `Manager.disagreement`: what the gate says, and what corosync does."""
        told, beneath = seen["view"], seen["beneath"]
        if told is None or beneath is None:
            return None
        both = [
            (view["quorate"], [each["id"] for each in view["listed"] if each["member"]])
            for view in (told, beneath)
        ]
        if both[0] == both[1]:
            return None
        words = [f"{'quorate' if quorate else 'not quorate'}, {ids}" for quorate, ids in both]
        return f"the gate says {words[0]}, and corosync {words[1]}"


def _corosync_files(topology: Topology, version: int) -> dict[str, str]:
    text = corosync_conf(
        [_ring_node(node) for node in topology.nodes],
        name=topology.cluster,
        token_ms=TOKEN_MS,
        two_node=topology.two_node,
        version=version,
    )
    return {CONFIGURATION: text}


def _ring_node(node: NodeConfig) -> RingNode:
    """`o2cb_address` is the node's o2cb address; rings have a network of their own."""
    (address,) = node.addresses
    machine = Identity(number=node.id)
    own = None if address == machine.address else address
    return RingNode(machine=machine, name=node.name, votes=node.votes, o2cb_address=own)


MANAGERS: Final[Mapping[str, Manager]] = {
    each.arm: each for each in (CorosyncManager(), CmanManager())
}
"""By the arm's word for `--arm`."""
