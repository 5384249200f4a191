"""What a daemon needs of the world around it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from fakecluster.clock import Timeline
from fakecluster.cman.configuration import Configuration
from fakecluster.cman.timings import Profile, Timings

if TYPE_CHECKING:
    from fakecluster.cman.daemon import Daemon


class Surroundings(Protocol):
    """Time, files, messages and the others; the engine is it."""

    timeline: Timeline
    timings: Timings
    profile: Profile
    rng: random.Random | None
    cluster: str
    number: int

    def wall_us(self) -> int:
        """Return the wall clock, in microseconds since 1970."""
        ...

    def file_of(self, node_id: int) -> Configuration:
        """Return the configuration file that lies on a node."""
        ...

    def daemon_of(self, node_id: int) -> Daemon | None:
        """Return the daemon that runs on a node."""
        ...

    def send(
        self, sender: Daemon, act: Callable[[Daemon], None], *, after_us: int, itself: bool
    ) -> None:
        """Let `act` happen in every daemon that a message of the sender's reaches."""
        ...

    def send_to(
        self, sender: Daemon, node_id: int, act: Callable[[Daemon], None], *, after_us: int
    ) -> None:
        """Let `act` happen in one daemon, if a message of the sender's reaches it."""
        ...

    def first_transition(self, daemon: Daemon) -> None:
        """The daemon is a member: its sockets may appear."""
        ...

    def ended(self, daemon: Daemon, *, clean: bool, goodbye: bool) -> None:
        """The process is about to end, its clients are still there.

        `clean`: sockets unlinked. `goodbye`: it told its ring.
        """
        ...

    def trace(self, node_id: int, what: str, detail: str = "") -> None:
        """Log what happened."""
        ...

    def announce_version(self, sender: Daemon, version: int) -> None:
        """An operator said on this node that this version of the configuration is current."""
        ...
