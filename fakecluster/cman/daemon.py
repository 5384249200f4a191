"""One node's daemon: what is asked of its process, by clients, operators and other daemons."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from fakecluster.cman.answers import FenceInfo, Notice, PortData
from fakecluster.cman.client_end import ClientEnd
from fakecluster.cman.config_reader import ConfigurationReader
from fakecluster.cman.constants import LeaveReason, Reason
from fakecluster.cman.process import Birth, Process
from fakecluster.cman.ring_follower import RingFollower
from fakecluster.cman.shutdown import ShutdownDesk
from fakecluster.cman.surroundings import Consent, Surroundings


class Daemon(Process):
    """A process with everything that it does."""

    def __init__(self, world: Surroundings, birth: Birth) -> None:
        super().__init__(world, birth)
        self.ports: dict[int, ClientEnd] = {}
        self.desk = ShutdownDesk(self, leave=self.leave, crash=self.crash)
        self.reader = ConfigurationReader(self)
        self.follower = RingFollower(self)

    # -- what operators change

    def set_votes(self, node_id: int, votes: int) -> None:
        """Let an operator change a node's votes."""
        if self.nodes.find(node_id) is None:
            return
        self.nodes.set_votes(node_id, votes)
        if node_id == self.node_id:
            self.announcement = dataclasses.replace(self.announcement, votes=votes)
        self.recalculate()

    def set_expected_votes(self, votes: int) -> None:
        """Let an operator change what every member expects."""
        self.nodes.expect(votes)
        self.announcement = dataclasses.replace(self.announcement, expected_votes=votes)
        self.recalculate(may_decrease=True)

    def learn_fencing(self, info: FenceInfo) -> None:
        """Learn that a node was fenced."""
        self.fences[info.node_id] = info

    # -- ports

    def bind_port(self, port: int, owner: ClientEnd) -> None:
        """Give a client a free port."""
        self.ports[port] = owner
        self._tell_port(opened=True)

    def free_ports(self, owner: ClientEnd) -> None:
        """Take a client's ports back."""
        for port in [port for port, its in self.ports.items() if its is owner]:
            del self.ports[port]
            self._tell_port(opened=False)

    def _tell_port(self, *, opened: bool) -> None:
        self.world.send(
            self.node_id,
            lambda other: other.port_changed(self.node_id, opened=opened),
            after_us=self.timings.hop_us,
            itself=False,
        )

    def port_changed(self, node_id: int, *, opened: bool) -> None:
        """Tell that a port was bound or freed on another node."""
        reason = Reason.PORT_OPENED if opened else Reason.PORT_CLOSED
        self.notify(Notice(reason=reason, arg=node_id))

    def receive(self, data: PortData) -> None:
        """Hand a message to whoever has bound its port."""
        client = self.ports.get(data.port)
        if client is not None:
            client.deliver(data)

    # -- leaving

    def leave(
        self,
        *,
        removed: bool,
        consent: Consent = Consent.UNASKED,
        done: Callable[[], None] | None = None,
        refused: Callable[[int], None] | None = None,
    ) -> None:
        """Leave cleanly.

        Args:
            removed: the others are to expect a vote less.
            consent: what is asked of whoever else may refuse.
            done: called when the leave is certain, just before the end.
            refused: called instead with the errno where somebody refused.
        """
        if self.leaving:
            return
        self.leaving = True
        reason = LeaveReason.REMOVED if removed else LeaveReason.DOWN
        self.trace("leaves", reason.name)

        def finish() -> None:
            if done is not None:
                done()
            self._end(clean=True, goodbye=True)

        def stay(code: int) -> None:
            self.leaving = False
            if refused is not None:
                refused(code)

        self.world.depart(self.node_id, reason, consent, finish=finish, refused=stay)

    def hear_goodbye(self, node_id: int, reason: LeaveReason) -> None:
        """Count a node no longer; the notice comes with the ring's change."""
        self.nodes.leaving(node_id, reason, goodbye=True)

    def kill(self, victim_id: int) -> None:
        """Have a member killed: for us it is gone at once, and nobody is told."""
        self.nodes.leaving(victim_id, LeaveReason.KILLED, goodbye=False)
        self.world.send_to(
            self.node_id,
            victim_id,
            lambda victim: victim.killed_by(self.node_id),
            after_us=self.timings.kill_us,
        )

    def killed_by(self, killer_id: int) -> None:
        """Exit, since another node said so; the ring finds out by itself."""
        self.trace("killed", f"by {killer_id}")
        self._end(clean=True, goodbye=False)

    def crash(self, why: str) -> None:
        """Die of a fault of our own."""
        self.trace("crashed" if self.world.crashes else "would crash", why)
        if self.world.crashes:
            self._end(clean=False, goodbye=False)

    def die(self) -> None:
        """End at once: kill -9 or power off."""
        self._end(clean=False, goodbye=False)

    def _end(self, *, clean: bool, goodbye: bool) -> None:
        self._ends()
        self.world.ended(self.node_id, clean=clean, goodbye=goodbye)

    def close_clients(self) -> None:
        """Drop every client; called by the engine once the sockets are gone."""
        clients, self.clients = list(self.clients), {}
        self.ports.clear()
        for client in clients:
            client.dropped()
