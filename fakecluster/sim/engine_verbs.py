"""Handlers for the verbs of the simulated managers alone, for the world and the server."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatchmethod

from fakecluster import verbs
from fakecluster.cman.answers import FenceInfo
from fakecluster.cman.client import Client, Closed, SocketKind
from fakecluster.cman.constants import US
from fakecluster.cman.engine import Engine
from fakecluster.cman.port_holders import PortHolders


class EngineVerbs:
    """Does verbs to an engine; whoever has hosts besides handles theirs before."""

    def __init__(self, engine: Engine, whose: str, now_us: Callable[[], int]) -> None:
        """Tie it.

        Args:
            engine: the managers.
            whose: names them where a verb has no handler.
            now_us: when a node was fenced, as its fencer says.
        """
        self._engine = engine
        self._whose = whose
        self._now_us = now_us
        self._ports = PortHolders(engine)

    @singledispatchmethod
    def apply(self, verb: verbs.Verb) -> None:
        """Do a verb.

        Raises:
            OperationError: it makes no sense now, or names what is not there.
            TopologyError: the configuration cannot be so.
            OSError: a manager refuses it, or is not there.
            ManagerStuckError: the manager is stopped; whoever asks it waits.
            UnsupportedVerbError: there is no handler for it.
        """
        raise verb.refused_by(self._whose)

    @apply.register
    def _leave(self, verb: verbs.Leave) -> None:
        self._engine.leave(verb.node, removed=verb.removed)

    @apply.register
    def _cman_crash(self, verb: verbs.CmanCrash) -> None:
        self._engine.crash(verb.node)

    @apply.register
    def _cman_stop(self, verb: verbs.CmanStop) -> None:
        # Its daemon stands still as soon as it asks, the other nodes see a death.
        self._engine.stop(verb.node)

    @apply.register
    def _cman_cont(self, verb: verbs.CmanCont) -> None:
        self._engine.cont(verb.node)

    @apply.register
    def _fence(self, verb: verbs.Fence) -> None:
        seconds = self._now_us() // 1_000_000
        fenced = FenceInfo(node_id=verb.node, time_s=seconds, agent="fence_virt")
        self._as_admin(verb.by, lambda admin: admin.update_fence_info(fenced))

    @apply.register
    def _qdisk(self, verb: verbs.Qdisk) -> None:
        self._engine.qdisk(verb.node, available=verb.available)

    @apply.register
    def _expected(self, verb: verbs.Expected) -> None:
        self._as_admin(verb.node, lambda admin: admin.set_expected_votes(verb.votes))

    @apply.register
    def _votes(self, verb: verbs.Votes) -> None:
        self._as_admin(verb.node, lambda admin: admin.set_votes(US, verb.votes))

    def _as_admin(self, node_id: int, order: Callable[[Client], object]) -> None:
        admin = self.connect_admin(node_id)
        try:
            order(admin)
        finally:
            admin.disconnect()

    def connect_admin(self, node_id: int, *, closed: Closed | None = None) -> Client:
        """Connect to a node's admin socket; the caller disconnects.

        Raises:
            OSError: the engine's errno, in words for whoever asked.
        """
        try:
            return self._engine.connect(node_id, SocketKind.ADMIN, closed=closed)
        except OSError as error:
            detail = f"the cman of node {node_id} takes no connection"
            raise OSError(error.errno, detail) from error

    @apply.register
    def _bind_port(self, verb: verbs.BindPort) -> None:
        self._ports.bind(verb.node, verb.port)

    @apply.register
    def _close_port(self, verb: verbs.ClosePort) -> None:
        self._ports.close(verb.node, verb.port)

    @apply.register
    def _partition(self, verb: verbs.Partition) -> None:
        self._engine.partition(verb.groups)

    @apply.register
    def _cut(self, verb: verbs.Cut) -> None:
        self._engine.cut(verb.speaker, verb.listener)

    @apply.register
    def _mend(self, verb: verbs.Mend) -> None:
        self._engine.mend(verb.speaker, verb.listener)

    @apply.register
    def _heal(self, _verb: verbs.Heal) -> None:
        self._engine.heal()

    @apply.register
    def _remove_node(self, verb: verbs.RemoveNode) -> None:
        self._engine.remove_node(verb.node, lagging=verb.lagging)

    @apply.register
    def _config_older(self, verb: verbs.ConfigOlder) -> None:
        self._engine.reconfigure(lagging=[verb.node])

    @apply.register
    def _config_newer(self, verb: verbs.ConfigNewer) -> None:
        self._engine.write_config(verb.node)

    @apply.register
    def _config_mend(self, _verb: verbs.ConfigMend) -> None:
        self._engine.mend_configs()

    @apply.register
    def _rename_cluster(self, verb: verbs.RenameCluster) -> None:
        self._engine.rename_cluster(verb.name)

    @apply.register
    def _notice(self, verb: verbs.Notice) -> None:
        self._engine.fault_notices(verb.node, verb.fault, count=verb.count, delay_us=verb.delay_us)

    @apply.register
    def _fail_read(self, verb: verbs.FailRead) -> None:
        self._engine.fail_read(verb.node, verb.errno, count=verb.count)
