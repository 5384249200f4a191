"""The driver that every arm of the scenario suite is: what can be done to a cluster and seen of it.

A scenario never says how: it names hosts by their node ids, does a verb, and asks for what should
be so. The verbs are those of `fakecluster ctl`, and what an operator does to a daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from fakecluster.arms.values import Call, ClusterSpec, DaemonVote, PendingStep, Row, Span
from fakecluster.capabilities import Capability
from fakecluster.verb_methods import VerbMethods
from o2cbd.core.model import State


class ArmCluster(VerbMethods, Protocol):
    """A cluster under test.

    Its verbs are those of `VerbMethods`; what the daemons make of them is waited for with
    `eventually` and its kin in `ClusterWords`.
    """

    arm: str
    missing: Mapping[Capability, str]
    """What this arm cannot do, with the reason."""
    spec: ClusterSpec

    # --- time -----------------------------------------------------------------------------------

    def wait(self, condition: Callable[[], bool], within: Span) -> bool:
        """Let time pass until the condition holds; False: it did not in that time."""
        ...

    def watch(self, condition: Callable[[], bool], during: Span) -> bool:
        """Let that much time pass; False: the condition did not hold throughout."""
        ...

    # --- verbs ----------------------------------------------------------------------------------

    def unseen(self, host: int) -> AbstractContextManager[None]:
        """What is done inside happens before the host's daemon gets to see any of it."""
        ...

    # --- looking --------------------------------------------------------------------------------

    def table(self, host: int) -> Mapping[str, Row]:
        """Return our cluster's nodes in a kernel, by name; empty where there is no cluster."""
        ...

    def inodes(self, host: int) -> Mapping[str, int]:
        """Return each entry's inode: another one means that it was made anew."""
        ...

    def clusters(self, host: int) -> tuple[str, ...]:
        """Return the names of all clusters in a kernel."""
        ...

    def attribute(self, host: int, name: str) -> str:
        """Return an attribute of our cluster in a kernel."""
        ...

    def calls(self, host: int) -> tuple[Call, ...]:
        """Return all changing calls that a kernel has seen, whoever made them."""
        ...

    def daemon_exit(self, host: int) -> int | None:
        """Return the exit code of a daemon that ran and does not; negative for a signal's."""
        ...

    def state(self, host: int) -> State | None:
        """Return what the daemon says of itself; None: there is none."""
        ...

    def reason(self, host: int) -> str:
        """Return why, in the daemon's words."""
        ...

    def quorate(self, host: int) -> bool | None:
        """Return what the daemon knows of quorum."""
        ...

    def incarnations(self, host: int) -> Mapping[int, int]:
        """Return the members that the daemon knows, by id, each with its incarnation."""
        ...

    def pending(self, host: int) -> tuple[PendingStep, ...]:
        """Return what the daemon says that it waits with."""
        ...

    def left_out(self, host: int) -> Mapping[int, str]:
        """Return the nodes that the daemon leaves out, by id, each with its reason."""
        ...

    def held(self, host: int) -> bool:
        """Return whether the daemon knows that somebody else holds."""
        ...

    def vote(self, host: int) -> DaemonVote | None:
        """Return the daemon's last answer to a shutdown question."""
        ...

    def fingerprint(self, host: int) -> str:
        """Return the daemon's fingerprint of its table; empty: there is no daemon."""
        ...

    # --- judging --------------------------------------------------------------------------------

    def findings(self) -> tuple[str, ...]:
        """Let the cluster come to rest, and return all that the arm's oracles find wrong."""
        ...

    def seen_wrong(self) -> tuple[str, ...]:
        """Return what the arm's oracles have found wrong so far; no time passes."""
        ...

    def last_events(self) -> tuple[str, ...]:
        """Return the last things that happened, a line each."""
        ...
