"""One node's daemon: what is asked of its process, by clients, operators and other daemons."""

from __future__ import annotations

import dataclasses
from functools import partial

from fakecluster.cman.answers import FenceInfo, Notice, PortData
from fakecluster.cman.client_end import ClientEnd
from fakecluster.cman.config_reader import ConfigurationReader
from fakecluster.cman.constants import LeaveReason, Reason
from fakecluster.cman.process import Birth, Process
from fakecluster.cman.ring_follower import RingFollower
from fakecluster.cman.shutdown import ShutdownDesk
from fakecluster.cman.surroundings import Consent, Surroundings
from fakecluster.cman.timings import Profile


class Daemon(Process):
    """A process with everything that it does."""

    def __init__(self, world: Surroundings, birth: Birth) -> None:
        super().__init__(world, birth)
        self.ports: dict[int, ClientEnd] = {}
        self.remote_ports: dict[int, set[int]] = {}
        """The bound ports of those who were asked for them, by node id."""
        self._fenced_us: dict[int, int] = {}
        self.desk = ShutdownDesk(self, leave=self.leave, crash=self.crash)
        self.reader = ConfigurationReader(self)
        self.follower = RingFollower(
            self,
            counted_in=self._came,
            counted_out=self._went,
            read_newer=self.reader.told_version,
            exit_outdated=self._exit_outdated,
        )

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

    def has_read(self, node_id: int, version: int) -> None:
        """Learn that another node has read this version of the configuration."""
        self.follower.has_read(node_id, version)

    def _exit_outdated(self) -> None:
        """Exit, since the others run with a newer configuration than we can read (3.1.8)."""
        self.trace("outdated", f"configuration {self.config.version}")
        self.leave(removed=False)

    def learn_fencing(self, info: FenceInfo) -> None:
        """Learn that a node was fenced."""
        self.fences[info.node_id] = info
        self._fenced_us[info.node_id] = self.world.wall_us()

    def _came(self, node_id: int) -> None:
        """Note that a node was counted in."""
        self._not_fenced(node_id)
        self.remote_ports.pop(node_id, None)

    def _went(self, node_id: int) -> None:
        """Note that a node was counted out: an old fencing was about another death (3.1.8)."""
        self.remote_ports.pop(node_id, None)
        old_us = self.world.wall_us() - self.timings.fence_news_ms * 1000
        if self.world.profile is Profile.B and self._fenced_us.get(node_id, old_us) < old_us:
            self._not_fenced(node_id)

    def _not_fenced(self, node_id: int) -> None:
        known = self.fences.get(node_id)
        if known is not None and known.fenced:
            self.fences[node_id] = dataclasses.replace(known, fenced=False)

    # -- ports

    def bind_port(self, port: int, owner: ClientEnd) -> None:
        """Give a client a free port."""
        self.ports[port] = owner
        self._tell_port(port, opened=True)

    def free_ports(self, owner: ClientEnd) -> None:
        """Take a client's ports back."""
        for port in [port for port, its in self.ports.items() if its is owner]:
            del self.ports[port]
            self._tell_port(port, opened=False)

    def _tell_port(self, port: int, *, opened: bool) -> None:
        self.world.send(
            self.node_id,
            lambda other: other.port_changed(self.node_id, port, opened=opened),
            after_us=self.timings.hop_us,
            itself=False,
        )

    def port_changed(self, node_id: int, port: int, *, opened: bool) -> None:
        """Tell whoever has the same port here that it was bound or freed on another node."""
        known = self.remote_ports.get(node_id)
        if known is not None:
            (known.add if opened else known.discard)(port)
        client = self.ports.get(port)
        if client is not None and client.notified:
            reason = Reason.PORT_OPENED if opened else Reason.PORT_CLOSED
            client.deliver(Notice(reason=reason, arg=node_id))

    @property
    def bound_ports(self) -> tuple[int, ...]:
        """The ports of this node, sorted; cman has port 0 itself."""
        return (0, *sorted(self.ports))

    def ask_ports(self, node_id: int) -> None:
        """Ask a member for its bound ports; they are in `remote_ports` soon."""
        self.world.send_to(
            self.node_id,
            node_id,
            lambda other: other.ports_asked(self.node_id),
            after_us=self.timings.hop_us,
        )

    def ports_asked(self, node_id: int) -> None:
        """Send another node our ports."""
        ports = self.bound_ports
        self.world.send_to(
            self.node_id,
            node_id,
            lambda other: other.ports_told(self.node_id, ports),
            after_us=self.timings.hop_us,
        )

    def ports_told(self, node_id: int, ports: tuple[int, ...]) -> None:
        """Keep another node's ports."""
        self.remote_ports[node_id] = set(ports)

    def receive(self, data: PortData) -> None:
        """Hand a message to whoever has bound its port."""
        client = self.ports.get(data.port)
        if client is not None:
            client.deliver(data)

    # -- leaving

    def leave(self, *, removed: bool, consent: Consent = Consent.UNASKED) -> None:
        """Leave cleanly: whoever asked for it hears of it when our own message is back.

        Args:
            removed: the others are to expect a vote less.
            consent: what is asked of whoever else may refuse.
        """
        if self.leaving:
            return
        self.leaving = True
        reason = LeaveReason.REMOVED if removed else LeaveReason.DOWN
        self.trace("leaves", reason.name)

        def back() -> None:
            self.desk.left()
            self.after(self._leave_us(), partial(self._end, clean=True, goodbye=True), "ends")

        def stay(code: int) -> None:
            self.leaving = False
            self.desk.stays(code)

        self.world.depart(self.node_id, reason, consent, back=back, refused=stay)

    def _leave_us(self) -> int:
        """How long after its goodbye the process ends."""
        rng, late_us = self.world.rng, self.timings.leave_late_us
        return self.timings.leave_us + (0 if rng is None else rng.randrange(late_us + 1))

    def hear_goodbye(self, node_id: int, reason: LeaveReason) -> None:
        """Count a node no longer; the notice comes with the ring's change."""
        self.nodes.leaving(node_id, reason, goodbye=True)

    def kill(self, victim_id: int) -> None:
        """Have a member killed: for us it is gone at once, and nobody is told."""
        self.world.send_to(
            self.node_id,
            victim_id,
            lambda victim: victim.killed_by(self.node_id),
            after_us=self.timings.kill_us,
        )
        self.nodes.leaving(victim_id, LeaveReason.KILLED, goodbye=False)

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
