"""What can be seen of a world and its agents."""

from __future__ import annotations

import signal

from fakecluster.arms.values import Call, Row, Vote, Waiting
from fakecluster.arms.words import ClusterWords
from fakecluster.configfs.kernel import ClusterState
from fakecluster.world import World
from o2cbd.core.model import UNSET_ADDRESS, State, Status
from o2cbd.core.reports import symbol


class SimLooks(ClusterWords):
    """The looking half of the `sim` arm."""

    world: World

    def daemon_exit(self, host: int) -> int | None:
        """See `Cluster.daemon_exit`."""
        daemon = self.world.host(host).daemon
        if daemon.runs or not daemon.starts:
            return None
        return -signal.SIGKILL if daemon.exit_code is None else daemon.exit_code

    def _ours(self, host: int) -> ClusterState | None:
        cluster = self.world.host(host).model.kernel.cluster
        return cluster if cluster and cluster.name == self.spec.topology.cluster else None

    def table(self, host: int) -> dict[str, Row]:
        """See `Cluster.table`."""
        cluster = self._ours(host)
        return {
            name: Row(
                num=node.num or 0,
                address=node.address or UNSET_ADDRESS,
                port=node.port or 0,
                local=node.local,
            )
            for name, node in ({} if cluster is None else cluster.nodes).items()
        }

    def inodes(self, host: int) -> dict[str, int]:
        """See `Cluster.inodes`."""
        model = self.world.host(host).model
        where = f"/cluster/{self.spec.topology.cluster}/node"
        items = {name: model.find(f"{where}/{name}") for name in self.table(host)}
        return {name: item.inode for name, item in items.items() if item is not None}

    def clusters(self, host: int) -> tuple[str, ...]:
        """See `Cluster.clusters`."""
        cluster = self.world.host(host).model.kernel.cluster
        return () if cluster is None else (cluster.name,)

    def attribute(self, host: int, name: str) -> str:
        """See `Cluster.attribute`."""
        path = f"/cluster/{self.spec.topology.cluster}/{name}"
        return self.world.host(host).model.read_value(path).decode().strip()

    def calls(self, host: int) -> tuple[Call, ...]:
        """See `Cluster.calls`."""
        return tuple(
            Call(name=done.name, path=done.path, value=done.data.decode(), errno=done.error)
            for done in self.world.host(host).model.journal
        )

    def _status(self, host: int) -> Status | None:
        return self.world.host(host).status

    def state(self, host: int) -> State | None:
        """See `Cluster.state`."""
        status = self._status(host)
        if status is None:
            return None
        if self.held(host) and status.state in {State.PENDING, State.SYNCED}:
            return State.HELD  # as the daemon's main thread sees and shows it
        return status.state

    def reason(self, host: int) -> str:
        """See `Cluster.reason`."""
        status = self._status(host)
        return "" if status is None else status.reason

    def quorate(self, host: int) -> bool | None:
        """See `Cluster.quorate`."""
        status = self._status(host)
        return None if status is None or status.quorum is None else status.quorum.quorate

    def incarnations(self, host: int) -> dict[int, int]:
        """See `Cluster.incarnations`."""
        status = self._status(host)
        return {one.id: one.incarnation for one in (() if status is None else status.members)}

    def pending(self, host: int) -> tuple[Waiting, ...]:
        """See `Cluster.pending`."""
        status = self._status(host)
        return tuple(
            Waiting(
                step=one.step.word,
                node=one.node,
                why=one.why,
                errno=symbol(one.errno),
                reason=one.reason,
            )
            for one in (() if status is None else status.pending)
        )

    def left_out(self, host: int) -> dict[int, str]:
        """See `Cluster.left_out`."""
        status = self._status(host)
        return {one.id: one.reason for one in (() if status is None else status.left_out)}

    def held(self, host: int) -> bool:
        """See `Cluster.held`."""
        return self._status(host) is not None and self.world.host(host).held_by_others

    def vote(self, host: int) -> Vote | None:
        """See `Cluster.vote`."""
        status = self._status(host)
        vote = None if status is None else status.vote
        return None if vote is None else Vote(yes=vote.yes, reason=vote.reason, forced=vote.forced)

    def fingerprint(self, host: int) -> str:
        """See `Cluster.fingerprint`."""
        status = self._status(host)
        return "" if status is None else status.fingerprint
