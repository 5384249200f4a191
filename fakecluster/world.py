"""A world: hosts with the real agent on each, one cman, one shared disk, in virtual time."""

from __future__ import annotations

from fakecluster.faults import WorldFaults
from fakecluster.liveness import Judge

DEFAULT_BOUND_US = 90_000_000
"""Virtual time within which a world comes to rest once nothing is done to it: a death's detection,
the longest pause between two tries, a resync, and as much again."""
_SLACK_US = 2_000_000


class World(WorldFaults):
    """Everything at once: see `WorldGround` for time, `WorldVerbs` and `WorldFaults` for verbs.

    `violations` is what the safety oracles found; `settle` asks the liveness oracle.
    """

    def table(self, node_id: int) -> tuple[str, ...]:
        """Return the names of the nodes in a host's kernel, by num."""
        cluster = self.host(node_id).model.kernel.cluster
        nodes = [] if cluster is None else list(cluster.nodes.values())
        return tuple(node.name for node in sorted(nodes, key=lambda one: (one.num or 0, one.name)))

    def settle(self, bound_us: int = DEFAULT_BOUND_US) -> list[str]:
        """Let time pass until every host is as it should be, and say what is not by then.

        Only a difference without a true reason is a finding: a step that quorum, a pin, a holder or
        a fault of ours keeps back is none, as long as the daemon says so.

        It has come to rest when nothing was wrong twice, a death's detection apart: what the
        manager has not noticed yet nobody can be blamed for.

        Args:
            bound_us: no longer than this.

        Returns:
            What is not as it should be, in words; empty: all is well.
        """
        judge = Judge(self)
        end_us = self.now_us() + bound_us
        calm_us = self.engine.timings.detection_us + _SLACK_US
        while self.run_until(judge.content, within_us=max(0, end_us - self.now_us())):
            self.run_for(calm_us)
            if judge.content():
                return []
            if self.now_us() >= end_us:
                break
        return judge.findings()

    def end_faults(self) -> None:
        """Undo what keeps hosts from being as they should be, as far as an operator could.

        Links are healed, stopped managers go on, calls, readings and semaphores work, holders let
        go. What is powered off, dead, pinned or unmounted stays so.
        """
        self.heal()
        self.slow_network()
        for node_id, host in self.hosts.items():
            if self.engine.is_stopped(node_id):
                self.cman_cont(node_id)
            if host.powered:
                self.mend_calls(node_id)
                self.mount_configfs(node_id)
                self.mounts_unreadable(node_id, None)
                self.semaphore_unusable(node_id, None)
        for node_id, pid in list(self._holds):
            self.release(node_id, pid)
