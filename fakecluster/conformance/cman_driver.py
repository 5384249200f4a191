"""What a row of the observed cman needs of an engine under test, and nothing more.

An engine is a cluster of nodes that each serve cman's two sockets: the simulator's, a gate over
another manager, a historic cman. All else goes over those sockets: kill orders, leaving, votes,
versions, quorum devices, shutdown questions.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig, Topology

_SOCKET_DIR: Final = "CMAN_SOCKET_DIR"

_LOOK_US: Final = 5_000


class CmanDriver(Protocol):
    """A cluster of which nothing runs yet; ids, names and addresses are its topology's."""

    @property
    def profile(self) -> Profile:
        """By which version's column it is judged."""
        ...

    @property
    def library(self) -> Path | None:
        """The `libcman.so.3` that rows about the library load; None: they are not for this engine.

        It finds the sockets of the node that `use_library_on` names.
        """
        ...

    def socket_dir(self, node_id: int) -> Path:
        """Return where this process finds a node's `cman_client` and `cman_admin`."""
        ...

    def use_library_on(self, node_id: int) -> None:
        """Direct the library's next connections to this node."""
        ...

    def start(self, node_id: int) -> None:
        """Start a node's manager; it reads the configuration file that lies there."""
        ...

    def crash(self, node_id: int) -> None:
        """SIGKILL a node's manager."""
        ...

    def crash_all(self, node_id: int) -> None:
        """SIGKILL all processes that a node's manager consists of; of one process it is `crash`."""
        ...

    def stop(self, node_id: int) -> None:
        """SIGSTOP a node's manager."""
        ...

    def cont(self, node_id: int) -> None:
        """SIGCONT it."""
        ...

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        """Cut all links between groups of nodes."""
        ...

    def cut(self, speaker_id: int, listener_id: int) -> None:
        """Cut the link from a speaker to a listener, one way."""
        ...

    def heal(self) -> None:
        """Restore all links."""
        ...

    def write_config(self, node_id: int, version: int, nodes: Sequence[NodeConfig]) -> None:
        """Write a configuration file to one node; nobody is told."""
        ...

    def now_us(self) -> int:
        """Return the cluster's time in microseconds; it starts anywhere."""
        ...

    def let_pass(self, span_us: int) -> None:
        """Wait that much of the cluster's time; what was sent before is served before."""
        ...

    def settle(self, span_us: int) -> None:
        """Wait that much time, in which every death is noticed.

        An engine that can tell returns as soon as nothing is under way any more.
        """
        ...

    def close(self) -> None:
        """End everything."""
        ...


MakeCman = Callable[[Topology], CmanDriver]
"""Makes an engine under test."""


def until(driver: CmanDriver, holds: Callable[[], bool], *, within_us: int) -> bool:
    """Wait until a condition holds, at most so long; return whether it held."""
    end_us = driver.now_us() + within_us
    while not (held := holds()) and driver.now_us() < end_us:
        driver.let_pass(_LOOK_US)
    return held


class LibraryPlace:
    """The stand-in looks for its directory in the environment, which is as before after `close`."""

    def __init__(self) -> None:
        """Change nothing yet."""
        self._before = os.environ.get(_SOCKET_DIR)

    def use(self, directory: Path) -> None:
        """Direct its next connections to the sockets in a directory."""
        os.environ[_SOCKET_DIR] = str(directory)

    def close(self) -> None:
        """Leave the environment as it was."""
        if self._before is None:
            os.environ.pop(_SOCKET_DIR, None)
        else:
            os.environ[_SOCKET_DIR] = self._before
