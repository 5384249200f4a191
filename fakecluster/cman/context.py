"""What one cman process needs of the cluster around it."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Iterable
from typing import Protocol

from fakecluster.clock import Timeline
from fakecluster.cman.answers import FenceInfo, OnStatus, PortData
from fakecluster.cman.configuration import Configuration
from fakecluster.cman.constants import LeaveReason
from fakecluster.cman.nodelist import Announcement
from fakecluster.cman.quorum import Judgement, Tally
from fakecluster.cman.timings import Profile, Timings


class Neighbour(Protocol):
    """Another node's process, as far as its announcement tells."""

    @property
    def announcement(self) -> Announcement:
        """What a joiner tells the others of itself."""
        ...


class Receiver(Protocol):
    """A process as the messages of the others reach it."""

    def port_changed(self, node_id: int, port: int, *, opened: bool) -> None:
        """Notify the port's client that it was bound or freed on another node."""
        ...

    def ports_asked(self, node_id: int) -> None:
        """Send another node our ports."""
        ...

    def ports_told(self, node_id: int, ports: tuple[int, ...]) -> None:
        """Keep another node's ports."""
        ...

    def has_read(self, node_id: int, version: int) -> None:
        """Learn that another node has read this version of the configuration."""
        ...

    def receive(self, data: PortData) -> None:
        """Hand a message to whoever has bound its port."""
        ...

    def hear_goodbye(self, node_id: int, reason: LeaveReason) -> None:
        """Count a node no longer; the notice comes with the ring's change."""
        ...

    def killed_by(self, killer_id: int) -> None:
        """Exit, since another node said so."""
        ...

    def set_votes(self, node_id: int, votes: int) -> None:
        """Change a node's votes, for an operator."""
        ...

    def set_expected_votes(self, votes: int) -> None:
        """Change the votes that every member expects, for an operator."""
        ...

    def learn_fencing(self, info: FenceInfo) -> None:
        """Learn that a node was fenced."""
        ...


Effect = Callable[[Receiver], None]
"""What a message does where it arrives."""


class Consent(enum.Enum):
    """What a leave asks of those who may refuse it, besides the node's own clients."""

    NEEDED = "needed"
    """They are asked, and heeded."""
    OVERRULED = "overruled"
    """They are asked, and not heeded."""
    UNASKED = "unasked"


class ClusterContext(Protocol):
    """Time, files, messages and the other nodes: the engine's, or those of a real corosync."""

    timeline: Timeline
    timings: Timings
    profile: Profile
    rng: random.Random | None
    cluster: str
    number: int
    others_may_refuse: bool
    """A leave to which all clients agreed may still be refused."""
    counts_disks: bool
    """A quorum device that a client registers has votes."""
    ports_per_client: int
    """How many ports one client may have bound."""
    crashes: bool
    """The process dies where the original was seen to crash."""

    def wall_us(self) -> int:
        """Return the wall clock, in microseconds since 1970."""
        ...

    def file_of(self, node_id: int) -> Configuration:
        """Return the configuration file that lies on a node."""
        ...

    def daemon_of(self, node_id: int) -> Neighbour | None:
        """Return the process that runs on a node."""
        ...

    def send(self, sender_id: int, effect: Effect, *, after_us: int, itself: bool) -> None:
        """Send a message of this effect to every process that the sender reaches."""
        ...

    def send_to(self, sender_id: int, node_id: int, effect: Effect, *, after_us: int) -> None:
        """Send a message of this effect to one process; lost if the sender does not reach it."""
        ...

    def sent(self, node_id: int, to: Iterable[int], after_us: int, what: str = "message") -> None:
        """Log that a message is under way."""
        ...

    def judge(self, tally: Tally, *, current: int, two_node: bool, may_decrease: bool) -> Judgement:
        """Judge whether a tally is quorate; see `quorum.quorum_for`."""
        ...

    def depart(
        self,
        node_id: int,
        reason: LeaveReason,
        consent: Consent,
        *,
        back: Callable[[], None],
        refused: Callable[[int], None],
    ) -> None:
        """Take the node out of the cluster.

        Args:
            node_id: the node.
            reason: what the others are told.
            consent: what is asked of whoever else may refuse.
            back: called when the leave is certain: the node's own goodbye is back.
            refused: called instead with the errno where somebody refused.
        """
        ...

    def first_transition(self, node_id: int) -> None:
        """The process there is a member: its sockets may appear."""
        ...

    def ended(self, node_id: int, *, clean: bool, goodbye: bool) -> None:
        """The process is about to end, its clients are still there.

        `clean`: sockets unlinked. `goodbye`: it told its ring.
        """
        ...

    def trace(self, node_id: int, what: str, detail: str = "") -> None:
        """Log what happened."""
        ...

    def may_have_version(self, node_id: int, version: int) -> bool:
        """Return False where the configuration file on a node is known to be older."""
        ...

    def announce_version(self, sender_id: int, version: int, reply: OnStatus) -> None:
        """An operator said on this node that this version of the configuration is current.

        Whether a file has it is not looked at. `reply` is called now or later, with 0 or -errno.
        """
        ...
