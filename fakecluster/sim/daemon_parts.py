"""What a simulated daemon is made of: the real adapters, above the fakes of its host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

from fakecluster.cman.engine import Engine
from fakecluster.configfs.direct import DirectTree, UnwatchedCalls
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs
from fakecluster.sim.cached_readings import CachedSource, CachedTree
from fakecluster.sim.engine_table import EngineTable
from fakecluster.sim.mount_table import FakeMountTable
from fakecluster.sim.semaphores import FakeHold
from o2cbd.configfs.interface import NodeTree
from o2cbd.core.model import Usage
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.interface import Connect, MembershipSource
from o2cbd.usage import reader
from o2cbd.usage.interface import UsageReader

_CONFIGFS = "/sys/kernel/config"
_MOUNTS = "/proc/self/mountinfo"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostContext:
    """A host, as far as the adapters of its daemon touch it."""

    node_id: int
    engine: Engine
    model: ConfigfsModel
    mounts: FakeMountTable
    make_hold: Callable[[str], FakeHold]
    on_readable: Callable[[], None]
    """Called when something arrives on the connection to the manager, or it is closed."""
    every_address: bool
    """The rules choose among all of a node's addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonParts:
    """What an agent is made of, and what it waits for."""

    connect: Connect
    tree: NodeTree
    usage: UsageReader
    readable: Callable[[int | None], bool]
    """True when poll(2) would return at once for this descriptor."""


def daemon_parts(host: HostContext) -> DaemonParts:
    """Return the production adapters on the fakes of a host."""
    table = EngineTable(host.engine, host.node_id, host.on_readable)

    def connect() -> MembershipSource:
        source = connect_cman(table, UnwatchedCalls(), every_address=host.every_address)
        return CachedSource(source, table.standing)

    return DaemonParts(
        connect=connect,
        tree=CachedTree(DirectTree(host.model), host.model),
        usage=SimulatedUsage(host.model, host.mounts, host.make_hold),
        readable=table.readable,
    )


class SimulatedUsage:
    """The production usage reader; its calls of `os` end at a fake kernel and mount table."""

    def __init__(
        self,
        model: ConfigfsModel,
        mounts: FakeMountTable,
        make_hold: Callable[[str], reader.HolderReader],
    ) -> None:
        self._os = ModelOs(model, _CONFIGFS, shown={_MOUNTS: lambda: mounts.read().encode()})
        self._reader = reader.HostUsage(
            configfs_path=_CONFIGFS,
            mounts_path=_MOUNTS,
            make_hold=make_hold,
            calls=UnwatchedCalls(),
        )

    def read(self, cluster: str | None) -> Usage:
        """Read all facts anew."""
        with mock.patch.object(reader, "os", self._os):
            return self._reader.read(cluster)
