"""What manages the guests of an arm: what it consists of, and how an operator handles it.

Two arms differ in this and in nothing else: `vm-corosync` has corosync alone, and `vm-cman` has the
gate before it, so that everybody on the guest sees a cman.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from fakecluster.arms.values import VM_CMAN, VM_COROSYNC
from fakecluster.capabilities import Capability, UnsupportedVerbError
from integration import deb

COROSYNC: Final = "corosync.service"
GATE: Final = "cman-gate.service"
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
    units: tuple[str, ...]
    """In the order in which they start and go on; they are stopped and killed the other way round,
    so that nobody sees one that has lost what it stands on."""
    look: str
    """The eye's function that says whether it runs, hangs, and what it holds for true."""
    warm: tuple[tuple[str, ...], ...]
    """Commands that have its programs read from the disk, and change nothing."""

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

    def disagreement(self, seen: Mapping[str, Any]) -> str | None:
        """Return what of an answer of `look` contradicts itself; None: nothing."""
        ...


class CorosyncManager:
    """corosync 3, by its own tools and libraries."""

    arm = "vm-corosync"
    missing: Mapping[Capability, str] = VM_COROSYNC
    source = "corosync"
    packages: tuple[str, ...] = (deb.DAEMON,)
    units: tuple[str, ...] = (COROSYNC,)
    look = "manager"
    warm: tuple[tuple[str, ...], ...] = (("corosync", "-v"),)

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

    def disagreement(self, seen: Mapping[str, Any]) -> str | None:
        """See `Manager.disagreement`: there is one answer only."""
        return None


class CmanManager:
    """The gate over corosync 3, by libcman alone."""

    arm = "vm-cman"
    missing: Mapping[Capability, str] = VM_CMAN
    source = "cman"
    packages: tuple[str, ...] = (deb.DAEMON, deb.GATE, deb.LIBRARY)
    units: tuple[str, ...] = (COROSYNC, GATE)
    look = "cman"
    warm: tuple[tuple[str, ...], ...] = (("corosync", "-v"), ("fakecluster", "gate", "--help"))

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


MANAGERS: Final[Mapping[str, Manager]] = {
    each.arm: each for each in (CorosyncManager(), CmanManager())
}
"""By the arm's word for `--arm`."""
