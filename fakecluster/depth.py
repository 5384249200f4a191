"""How deep the fakes of a simulated daemon stand."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable
from dataclasses import dataclass

from fakecluster.cman.engine import Engine
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.hold import FakeHold
from fakecluster.usage import FakeMountTable
from o2cbd.configfs.interface import NodeTree
from o2cbd.membership.interface import Connect
from o2cbd.usage.interface import UsageReader


class Depth(enum.Enum):
    """What of the daemon is real."""

    INTERFACES = "interfaces"
    """The agent and all above it: the fakes implement its interfaces. Fast."""
    ADAPTERS = "adapters"
    """The adapters too: the fakes stand below the cman source (libcman's function table) and below
    the node tree and the usage reader (the calls of `os`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a daemon runs: its host, as the fakes know it."""

    node_id: int
    engine: Engine
    model: ConfigfsModel
    mounts: FakeMountTable
    make_hold: Callable[[str], FakeHold]
    on_readable: Callable[[], None]
    """Called when the manager has something to say."""
    now_us: Callable[[], int]
    every_address: bool
    """The rules choose among all of a node's addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an agent is made of, and how to step it."""

    connect: Connect
    tree: NodeTree
    usage: UsageReader
    on_stage: Callable[[], contextlib.AbstractContextManager[None]]
    """Wraps every step: the daemon's calls of `os` find the fakes there."""
    readable: Callable[[int | None], bool]
    """True when poll(2) would return at once for this descriptor."""
