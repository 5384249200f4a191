"""Daemons of other projects in virtual time: the protocol they follow, and what is theirs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from o2cbd.membership.libcman_table import LibcmanTable


class DaemonUnderTest(Protocol):
    """A daemon that runs in virtual time: it does what is due and never waits by itself.

    It ends like a process: by SystemExit with its exit code. Any other exception is a crash, which
    fails the test. SIGKILL and a power cut drop the object; nothing of it is called.
    """

    def step(self) -> tuple[int | None, float | None]:
        """Do all that is due now, without waiting.

        Returns:
            What to wait for before the next step: a descriptor that `poll(2)` finds readable
            (libcman's, which must be asked for before each wait; None: none), and how many seconds
            at most (None: without end).
        """
        ...

    def stop(self) -> None:
        """Take note of SIGTERM; a step follows at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a simulated daemon gets of its host."""

    id: int
    """The node's id."""
    name: str
    """The node's name."""
    libcman: LibcmanTable
    """libcman's functions without their `cman_`; `init()` connects to this node's cman."""
    directory: Path
    """For the daemon's files, like /run: emptied when the host's power is cut."""
    now_s: Callable[[], float]
    """The virtual time in seconds, in place of `time.monotonic`."""
    log: Callable[[str], None]
    """Takes a line for the timeline."""


MakeDaemon = Callable[[Host], DaemonUnderTest]
"""Starts a daemon: called for each start of the process, with its host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What runs on the hosts of a world in place of o2cbd, and what should be so at rest."""

    make: MakeDaemon
    directory: Path
    """Takes a directory for each host."""
    findings: Callable[[], list[str]]
    """Returns what is not as it should be; empty: all is well."""

    def ok(self) -> bool:
        """True when there is nothing to find fault with."""
        return not self.findings()

    def directory_of(self, node_id: int) -> Path:
        """Return a host's directory, which is made where it is missing."""
        path = self.directory / f"node{node_id}"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def power_lost(self, node_id: int) -> None:
        """Empty a host's directory."""
        shutil.rmtree(self.directory_of(node_id))
        self.directory_of(node_id)
