"""What manages the guests of an arm: what it consists of, and how an operator handles it.

Arms on guests differ in this and in nothing else: `vm-corosync` has corosync alone, and `vm-cman`
has the gate before it, so that everybody on the guest sees a cman.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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


class Hands(Protocol):
    """What a manager is handled with."""

    def tell(self, host: int, *argv: str) -> str:
        """Run a command on a host that must succeed; its output."""
        ...

    def ask_guest(self, host: int, function: str, **arguments: object) -> Any:
        """Call a function of `integration.inside` in a guest; its value."""
        ...


class ManagerOrders(Protocol):
    """An operator's orders to the manager of a host."""

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


class CorosyncOrders:
    """By corosync's own tools and libraries."""

    def question(self, *, force: bool, remove: bool) -> list[str]:
        if remove:
            raise UnsupportedVerbError(COROSYNC_MANAGER.arm, Capability.LEAVING_FOR_GOOD)
        return _program("fakecluster.corosync.question", force=force)

    def leave(self, hands: Hands, host: int, *, removed: bool) -> None:
        # On SIGTERM it leaves without a shutdown question.
        if removed:
            raise UnsupportedVerbError(COROSYNC_MANAGER.arm, Capability.LEAVING_FOR_GOOD)
        hands.tell(host, "systemctl", "kill", "--kill-whom=main", "--signal=TERM", COROSYNC)

    def expect(self, hands: Hands, host: int, votes: int) -> None:
        # votequorum refuses what members cannot reach, as cman does.
        hands.tell(host, "corosync-quorumtool", "-e", str(votes))

    def fence(self, hands: Hands, host: int, node: int) -> None:
        raise UnsupportedVerbError(COROSYNC_MANAGER.arm, Capability.FENCING_NOTICE)

    def poll_disk(self, hands: Hands, host: int, disk: QuorumDisk, *, available: bool) -> None:
        raise UnsupportedVerbError(COROSYNC_MANAGER.arm, Capability.QUORUM_DISK)


@dataclass(frozen=True, slots=True)
class LibcmanOrders:
    """By libcman alone, as an administrator."""

    without_disk: str = ""
    """The arm whose cman can have no quorum disk; empty: it can."""

    def question(self, *, force: bool, remove: bool) -> list[str]:
        return _program("integration.inside.cman_question", force=force, remove=remove)

    def leave(self, hands: Hands, host: int, *, removed: bool) -> None:
        hands.ask_guest(host, "cman:leave", removed=removed)

    def expect(self, hands: Hands, host: int, votes: int) -> None:
        hands.ask_guest(host, "cman:expect", votes=votes)

    def fence(self, hands: Hands, host: int, node: int) -> None:
        hands.ask_guest(host, "cman:fenced", node=node)

    def poll_disk(self, hands: Hands, host: int, disk: QuorumDisk, *, available: bool) -> None:
        if self.without_disk:
            raise UnsupportedVerbError(self.without_disk, Capability.QUORUM_DISK)
        arguments = {"name": disk.name, "votes": disk.votes, "available": available}
        hands.ask_guest(host, "cman:poll_disk", **arguments)


def _program(name: str, **options: bool) -> list[str]:
    return ["python3", "-m", name, *(f"--{word}" for word, given in options.items() if given)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Manager:
    """The manager of every guest of an arm; what is made once for it is kept by it."""

    arm: str
    missing: Mapping[Capability, str]
    """What the arm cannot do, with the reason."""
    source: str
    """`[membership] source` of the daemons."""
    packages: tuple[str, ...]
    """The project's own, as the guests have them installed."""
    off: tuple[str, ...] = ()
    """Those units of its packages that would start by themselves."""
    units: tuple[str, ...]
    """In the order in which they start and go on; they are stopped and killed the other way round,
    so that nobody sees one that has lost what it stands on."""
    whom: str = "main"
    """Which processes of its units get a signal, in the words of `systemctl kill --kill-whom`."""
    counts_anew: bool = True
    """One that starts counts incarnations from its own start."""
    look: str
    """The guest's function that says whether it runs, hangs, and what it holds for true."""
    warm: tuple[tuple[str, ...], ...]
    """Commands that have its programs read from the disk, and change nothing."""
    orders: ManagerOrders
    files: Callable[[int, Topology, int], dict[str, str]]
    """What configures it on a host, as text by path, from the cluster as it is configured now and
    the version of that, counted up by each change."""
    reload: Callable[[Hands, int, int], object]
    """Has every manager read its new configuration of a version, by way of a host's."""
    disagreement: Callable[[Mapping[str, Any]], str | None] = lambda _seen: None
    """What of an answer of `look` contradicts itself; None: nothing."""
    extra: Callable[[], Extra | None] = lambda: None
    """What its guests are given besides packages."""


def _reload_corosync(hands: Hands, host: int, _version: int) -> None:
    hands.tell(host, "corosync-cfgtool", "-R")


def _corosync_files(_host: int, topology: Topology, version: int) -> dict[str, str]:
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


def gate_disagreement(seen: Mapping[str, Any]) -> str | None:
    """Return how the gate contradicts the corosync beneath; None: not at all."""
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


COROSYNC_MANAGER: Final = Manager(
    arm="vm-corosync",
    missing=VM_COROSYNC,
    source="corosync",
    packages=(deb.DAEMON,),
    units=(COROSYNC,),
    look="corosync:look",
    warm=(("corosync", "-v"),),
    orders=CorosyncOrders(),
    files=_corosync_files,
    reload=_reload_corosync,
)
CMAN_MANAGER: Final = Manager(
    arm="vm-cman",
    missing=VM_CMAN,
    source="cman",
    packages=(deb.DAEMON, deb.GATE, deb.LIBRARY),
    off=(GATE,),
    units=(COROSYNC, GATE),
    look="cman:look",
    warm=(("corosync", "-v"), ("fakecluster", "gate", "--help")),
    orders=LibcmanOrders(without_disk="vm-cman"),  # the corosync beneath has none
    files=_corosync_files,
    reload=_reload_corosync,  # gates are told by the corosync beneath
    disagreement=gate_disagreement,
)
MANAGERS: Final[Mapping[str, Manager]] = {
    each.arm: each for each in (COROSYNC_MANAGER, CMAN_MANAGER)
}
"""By the arm's word for `--arm`."""
