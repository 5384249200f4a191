"""One node's daemon, from its start to its end: membership, quorum, notices, its clients."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from fakecluster.cman.answers import FenceInfo, Notice, PortData
from fakecluster.cman.config_reader import ConfigurationReader
from fakecluster.cman.configuration import Configuration
from fakecluster.cman.constants import LeaveReason, Reason
from fakecluster.cman.nodelist import Announcement, Disk, NodeList
from fakecluster.cman.notices import NoticeFaults
from fakecluster.cman.quorum import Tally, quorum_for
from fakecluster.cman.ring_follower import RingFollower
from fakecluster.cman.shutdown import ShutdownDesk
from fakecluster.cman.surroundings import Surroundings

if TYPE_CHECKING:
    from fakecluster.cman.connection import Connection

_FAULTY_KINDS = (Reason.STATE_CHANGE, Reason.CONFIG_UPDATE)


class Daemon:
    """A process. When it has ended nothing in it happens any more."""

    def __init__(
        self,
        world: Surroundings,
        node_id: int,
        boot: int,
        *,
        addresses: tuple[str, ...],
        faults: NoticeFaults,
        read_errnos: deque[int],
    ) -> None:
        self.world = world
        self.timings = world.timings
        self.node_id = node_id
        self.boot = boot
        self.addresses = addresses
        self.config = world.file_of(node_id)
        self.announcement = self._announce()
        """What a joiner tells the others of itself."""
        self.nodes = NodeList(node_id, self.config.nodes)
        self.clients: dict[Connection, None] = {}
        """In the order in which they connected."""
        self.ports: dict[int, Connection] = {}
        self.fences: dict[int, FenceInfo] = {}
        self.desk = ShutdownDesk(self)
        self.reader = ConfigurationReader(self)
        self.follower = RingFollower(self)
        self.alive = True
        self.frozen = False
        self.is_member = False
        self.leaving = False
        self.quorate = False
        self.quorum = 0
        self.dirty = False
        self.generation = 0
        self.read_errnos = read_errnos
        """What the next readings of the node list fail with."""
        self._faults = faults
        self._deferred: list[Callable[[], None]] = []
        if self.config.qdisk is not None:
            self.register_disk(self.config.qdisk.name, self.config.qdisk.votes)

    def _announce(self) -> Announcement:
        return Announcement(
            node_id=self.node_id,
            votes=self.config.votes_of(self.node_id),
            expected_votes=self.config.expected_votes,
            addresses=self.addresses,
        )

    # -- running

    def run(self, act: Callable[[], None]) -> None:
        """Do it now, when the process goes on, or never if it has ended."""
        if not self.alive:
            return
        if self.frozen:
            self._deferred.append(act)
        else:
            act()

    def after(self, after_us: int, act: Callable[[], None], label: str) -> None:
        """Do it after a while."""
        self.world.timeline.schedule(
            lambda: self.run(act), after_us=after_us, label=f"node {self.node_id}: {label}"
        )

    def freeze(self) -> None:
        """SIGSTOP."""
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT: what came meanwhile happens now, in order."""
        self.frozen = False
        waiting, self._deferred = self._deferred, []
        for act in waiting:
            self.run(act)

    def trace(self, what: str, detail: str = "") -> None:
        """Log what happened here."""
        self.world.trace(self.node_id, what, detail)

    # -- quorum

    def recalculate(self, *, may_decrease: bool = False) -> None:
        """Count the votes anew and tell everybody, whether or not anything changed."""
        self.count_votes(may_decrease=may_decrease)
        self.tell_state()

    def tell_state(self) -> None:
        """Tell everybody of membership and quorum as they were last counted."""
        self.notify(Notice(reason=Reason.STATE_CHANGE, arg=int(self.quorate)))

    def count_votes(self, *, may_decrease: bool = False) -> None:
        """Count the votes anew. `may_decrease`: the quorum may go down, an operator wants it."""
        tally = Tally(
            total_votes=self.total_votes,
            expected_votes=self.nodes.highest_expected,
            members=self.nodes.member_count,
        )
        self.quorum = quorum_for(
            tally,
            current=self.quorum,
            two_node=self.config.two_node,
            may_decrease=may_decrease,
        )
        self.quorate = tally.total_votes >= self.quorum

    @property
    def total_votes(self) -> int:
        """What all members have, and the quorum disk while it answers."""
        disk = self.nodes.disk
        return self.nodes.member_votes + (disk.votes if disk is not None and disk.available else 0)

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

    def register_disk(self, name: str, votes: int) -> None:
        """Know a quorum disk from now on; it counts once a poll was good."""
        self.nodes.disk = Disk(name, votes)
        self.nodes.touch()

    def poll_disk(self, *, available: bool) -> None:
        """Take the result of a poll; a change is told to the clients of this node only."""
        disk = self.nodes.disk
        if disk is not None and disk.available != available:
            disk.available = available
            self.nodes.touch()
            self.trace("quorum disk", "available" if available else "lost")
            self.recalculate()

    # -- telling

    def notify(self, notice: Notice) -> None:
        """Tell everybody who asked for notices."""
        if notice.reason in _FAULTY_KINDS:
            self._faults.emit(notice, self._deliver)
        else:
            self._deliver(notice)

    def _deliver(self, notice: Notice) -> None:
        for client in list(self.clients):
            if client.notified:
                client.deliver(notice)

    def bind_port(self, port: int, owner: Connection) -> None:
        """Give a client a free port."""
        self.ports[port] = owner
        self._tell_port(opened=True)

    def free_ports(self, owner: Connection) -> None:
        """Take a client's ports back."""
        for port in [port for port, its in self.ports.items() if its is owner]:
            del self.ports[port]
            self._tell_port(opened=False)

    def _tell_port(self, *, opened: bool) -> None:
        self.world.send(
            self,
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

    # -- configuration

    def take_config(self, file: Configuration) -> None:
        """Run with another configuration from now on; telling is the reader's business."""
        self.config = file
        self.announcement = self._announce()
        self.nodes.configure(file.nodes)
        self.nodes.expect(file.expected_votes)
        self.count_votes()
        self.trace("configuration", str(file.version))

    def readdress(self, node_id: int, addresses: tuple[str, ...]) -> None:
        """Learn that a member's interfaces changed, perhaps our own."""
        if node_id == self.node_id:
            self.addresses = addresses
            self.announcement = dataclasses.replace(self.announcement, addresses=addresses)
        self.nodes.readdress(node_id, addresses)

    # -- leaving

    def leave(self, *, removed: bool, done: Callable[[], None] | None = None) -> None:
        """Leave cleanly; `done` is called when our own message is back, just before the end."""
        if self.leaving:
            return
        self.leaving = True
        reason = LeaveReason.REMOVED if removed else LeaveReason.DOWN
        self.trace("leaves", reason.name)
        self.world.send(
            self,
            lambda other: other.hear_goodbye(self.node_id, reason),
            after_us=self.timings.hop_us,
            itself=True,
        )

        def finish() -> None:
            if done is not None:
                done()
            self._end(clean=True, goodbye=True)

        self.after(self.timings.leave_us, finish, "ends")

    def hear_goodbye(self, node_id: int, reason: LeaveReason) -> None:
        """Count a node no longer; the notice comes with the ring's change."""
        self.nodes.leaving(node_id, reason, goodbye=True)

    def kill(self, victim_id: int) -> None:
        """Have a member killed: for us it is gone at once, and nobody is told."""
        self.nodes.leaving(victim_id, LeaveReason.KILLED, goodbye=False)
        self.world.send_to(
            self,
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
        self.trace("crashed", why)
        self._end(clean=False, goodbye=False)

    def die(self) -> None:
        """End at once: kill -9 or power off."""
        self._end(clean=False, goodbye=False)

    def _end(self, *, clean: bool, goodbye: bool) -> None:
        self.alive = False
        self._deferred.clear()
        self._faults.forget()
        self.world.ended(self, clean=clean, goodbye=goodbye)

    def close_clients(self) -> None:
        """Drop every client; called by the engine once the sockets are gone."""
        clients, self.clients = list(self.clients), {}
        self.ports.clear()
        for client in clients:
            client.dropped()
