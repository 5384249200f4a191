"""What is so on one host at this moment, whatever its daemon believes; worked out when asked."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from fakecluster.cman.engine import Engine
from fakecluster.configfs.directories import Presence
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.oracles.expected import ExpectedNode, ExpectedTable, ManagerInspector, ManagerView
from fakecluster.sim.mount_table import FakeMountTable
from fakecluster.sim.semaphores import FakeSemaphore, FakeSemaphores
from o2cbd.core.rules import Rules

_NO_ROWS: Final[Mapping[str, ExpectedNode]] = MappingProxyType({})


class HostTruth:
    """The `Truth` of a host."""

    def __init__(
        self,
        *,
        node_id: int,
        engine: Engine,
        model: ConfigfsModel,
        mounts: FakeMountTable,
        semaphores: FakeSemaphores,
        daemon: Callable[[], tuple[Rules, int]],
    ) -> None:
        """Tie it to a host's parts; `daemon` gives the daemon's rules and pid."""
        self._engine = engine
        self._model = model
        self._mounts = mounts
        self._semaphores = semaphores
        self._daemon = daemon
        self._looker = ManagerInspector(engine, node_id)
        self._expectation: ExpectedTable | None = None
        self._cluster = ""
        self._semaphore: FakeSemaphore | None = None

    def connected(self) -> None:
        """Note that the daemon has connected to its manager just now."""
        self._looker.cluster = self._engine.cluster

    @property
    def cluster(self) -> str:
        """The cluster's name in OCFS2: the settings', else the manager's."""
        rules, _ = self._daemon()
        return rules.o2cb_name or self._looker.cluster

    @property
    def view(self) -> ManagerView | None:
        """What the manager holds for true; None while it is no member of anything."""
        return self._looker.view()

    @property
    def rows(self) -> Mapping[str, ExpectedNode]:
        """What should be in the kernel, by name."""
        view = self._looker.view()
        if view is None:
            return _NO_ROWS
        rules, _ = self._daemon()
        if self._expectation is None or self._expectation.rules is not rules:
            self._expectation = ExpectedTable(rules)
        cluster = self._model.kernel.cluster
        ours = cluster is not None and cluster.name == self.cluster
        return self._expectation.rows(view, cluster.nodes.values() if cluster and ours else ())

    @property
    def semaphore(self) -> FakeSemaphore:
        """The cluster's."""
        cluster = self.cluster
        if self._semaphore is None or self._cluster != cluster:
            self._cluster = cluster
            self._semaphore = self._semaphores.of(f"o2cb.{self._cluster}")
        return self._semaphore

    @property
    def holder(self) -> int | None:
        """The pid of whoever holds the semaphore."""
        return self.semaphore.holder

    @property
    def held_by_others(self) -> bool:
        """True while the daemon cannot take the semaphore."""
        _, pid = self._daemon()
        semaphore = self.semaphore
        return semaphore.unusable_errno is not None or semaphore.holder not in {None, pid}

    @property
    def in_use(self) -> str:
        """Why a shutdown must be refused now; empty: nothing speaks against it."""
        _, pid = self._daemon()
        if not self._blind:
            if self._model.heartbeat.runs:
                return "a heartbeat region runs"
            if self._mounts.text():
                return "OCFS2 is mounted"
        if self._mounts.unreadable_errno not in {None, errno.ENOENT}:
            return "the mount table cannot be read"
        if self.semaphore.unusable_errno is not None:
            return "the semaphore cannot be used"
        if self.holder not in {None, pid}:
            return "somebody holds the semaphore"
        return ""

    @property
    def _blind(self) -> bool:
        """True where nothing shows what runs: neither a configfs nor a mount table is there."""
        absent = self._mounts.unreadable_errno == errno.ENOENT
        return absent and self._model.presence is not Presence.O2CB
