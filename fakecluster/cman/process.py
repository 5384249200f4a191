"""One cman daemon: when it runs, whom it counts, what it is told and whom it notifies."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from fakecluster.cman.answers import Confchg, FenceInfo, Notice, OnStatus, PortData
from fakecluster.cman.client_end import ClientEnd
from fakecluster.cman.configuration import Configuration
from fakecluster.cman.constants import LeaveReason, Reason
from fakecluster.cman.context import ClusterContext, Consent
from fakecluster.cman.nodelist import Announcement, Disk, PeerList
from fakecluster.cman.notices import NoticeFaults
from fakecluster.cman.quorum import Tally, quorum_for
from fakecluster.cman.shutdown import ShutdownVote
from fakecluster.cman.timings import Profile
from fakecluster.cman.totem import Transition

_FAULTY_KINDS = (Reason.STATE_CHANGE, Reason.CONFIG_UPDATE)
_PAIRS_ONCE_MENDED = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProcessSpec:
    """What a process is started with."""

    node_id: int
    boot: int
    """Which of the node's processes it is."""
    addresses: tuple[str, ...]
    faults: NoticeFaults
    read_errnos: deque[int]
    """What the next readings of the node list fail with."""


class CmanProcess:
    """A node's daemon, from its start to its end; after that nothing in it happens any more.

    The versions differ in how they take a new configuration. 3.0.12 tells of the new version, alone
    where the operator said it and after a recalculation elsewhere, and of the old one again and
    again while its file lags. 3.1.8 always recalculates first, and tells nothing before its file is
    right, without which it is not quorate.
    """

    def __init__(self, context: ClusterContext, spec: ProcessSpec) -> None:
        self.context = context
        self.timings = context.timings
        self.node_id = spec.node_id
        self.boot = spec.boot
        self.addresses = spec.addresses
        self.config = context.file_of(spec.node_id)
        self.announcement = self._announce()
        """What a joiner tells the others of itself."""
        self.nodes = PeerList(spec.node_id, self.config.nodes)
        self.clients: dict[ClientEnd, None] = {}
        """In the order in which they connected."""
        self.ports: dict[int, ClientEnd] = {}
        self.remote_ports: dict[int, set[int]] = {}
        """The bound ports of those who were asked for them, by node id."""
        self.fences: dict[int, FenceInfo] = {}
        self.shutdown_vote = ShutdownVote(self)
        self.alive = True
        self.frozen = False
        self.is_member = False
        self.leaving = False
        self._leave_is_certain = False
        self._goodbye_is_back = False
        self._leave_replies: list[OnStatus] = []
        """Of those who wait to hear whether a leave is refused."""
        self.quorate = False
        self.quorum = 0
        self.dirty = False
        self.config_error = False
        """It was told of a configuration that it cannot read: never quorate meanwhile (3.1.8)."""
        self.generation = 0
        self.read_errnos = spec.read_errnos
        self._faults = spec.faults
        self._deferred: list[Callable[[], None]] = []
        self._is_3_0_12 = context.profile is Profile.A
        self._wanted_version = 0
        self._fenced_us: dict[int, int] = {}
        self._awaited: dict[int, int] = {}
        """Who is in the ring and has not sent its own message yet, with the ring's sequence."""
        self._older: dict[int, int] = {}
        """Who is not counted, since its configuration is older than ours (3.0.12)."""
        if self.config.qdisk is not None:
            self.register_disk(self.config.qdisk.name, self.config.qdisk.votes, kept=True)

    def _announce(self) -> Announcement:
        return Announcement(
            node_id=self.node_id,
            votes=self.config.votes_of(self.node_id),
            expected_votes=self.config.expected_votes,
            addresses=self.addresses,
            config_version=self.config.version,
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
        self.context.timeline.schedule(
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
        self.context.trace(self.node_id, what, detail)

    def notify(self, notice: Notice) -> None:
        """Notify every client that asked for notices."""
        if notice.reason in _FAULTY_KINDS:
            self._faults.emit(notice, self._deliver)
        else:
            self._deliver(notice)

    def _deliver(self, notice: Notice) -> None:
        for client in list(self.clients):
            if client.notified:
                client.deliver(notice)

    # -- the ring

    def install(self, transition: Transition) -> None:
        """Take notice of a new ring: leaves first, each joiner when its own message comes."""
        self.generation = transition.seq
        left, joined = transition.left, transition.joined
        for node_id in left:
            self._awaited.pop(node_id, None)
            self._older.pop(node_id, None)
            self._count_out(node_id)
        self.trace("ring", f"{transition.seq}: -{list(left)} +{list(joined)}")
        confchg = Confchg(members=transition.members, left=left, joined=joined)
        for client in list(self.clients):
            if client.wants_confchg:
                client.deliver(confchg)
        if joined:
            self._await(transition)

    def _await(self, transition: Transition) -> None:
        """Await the joiners' own messages; those of one moment are taken in together."""
        late_us = transition.announced_us
        together: dict[int, list[int]] = {}
        for node_id in transition.joined:
            self._awaited[node_id] = transition.seq
            together.setdefault(late_us.get(node_id, 0), []).append(node_id)
        ours_us = self.timings.transition_us + late_us.get(self.node_id, 0)
        self.context.sent(self.node_id, transition.joined, ours_us, "announcement")
        for each_us, node_ids in together.items():
            self.after(
                self.timings.transition_us + each_us,
                partial(self._welcome, node_ids, transition.seq),
                "transition messages",
            )

    def _count_out(self, node_id: int) -> None:
        """Mark a node as dead; of several that died together each gives a notice of its own."""
        peer = self.nodes.dead(node_id)
        if peer is None:
            return
        self.remote_ports.pop(node_id, None)
        # An old fencing was about another death (3.1.8).
        old_us = self.context.wall_us() - self.timings.fence_news_ms * 1000
        if not self._is_3_0_12 and self._fenced_us.get(node_id, old_us) < old_us:
            self._reset_fenced(node_id)
        removed = peer.said_goodbye and peer.leave_reason is LeaveReason.REMOVED
        if removed:
            self.nodes.expect(max(self.total_votes, 1), at_most=True)
        # 3.1.8 was also seen to give three for a kill -9.
        draw = None if peer.said_goodbye else self._draw(4)
        for _ in range(3 if draw == 0 else 1):
            self.recalculate(may_decrease=removed)

    def _draw(self, sides: int) -> int | None:
        rng = self.context.rng
        return None if rng is None or self._is_3_0_12 else rng.randrange(sides)

    def _welcome(self, joined: Sequence[int], seq: int) -> None:
        here = [node_id for node_id in joined if self._awaited.get(node_id) == seq]
        for node_id in here:
            del self._awaited[node_id]
        first = not self.is_member and self.node_id in here
        newer = [each for each in here if not self._agrees(each, seq)]
        count = sum(self._count_in(node_id, seq) for node_id in here if node_id not in newer)
        if first and any(self._is_newer(node_id) for node_id in newer) and not self._is_3_0_12:
            self.after(self.timings.outdated_exit_us, self._exit_outdated, "is outdated")
        if not self.is_member and self.node_id in here:
            self.is_member = True
            self.trace("member")
            self.context.first_transition(self.node_id)
        if count:
            # 3.1.8 was seen to give two or three notices a join.
            self._repeat(count, 1 + (self._draw(2) or 0))

    def _version_of(self, node_id: int) -> int:
        joiner = self.context.daemon_of(node_id)
        return self.config.version if joiner is None else joiner.announcement.config_version

    def _is_newer(self, node_id: int) -> bool:
        return self._version_of(node_id) > self.config.version

    def _agrees(self, node_id: int, seq: int) -> bool:
        """Return whether a joiner's configuration lets us count it; a newer one here is read.

        Who is refused is so for as long as this ring lasts, but for an older one of 3.0.12.
        """
        version = self._version_of(node_id)
        if version > self.config.version:
            if self.context.file_of(self.node_id).version < version:
                return False
            self.version_announced(version)
        if version < self.config.version and self._is_3_0_12:
            self._older[node_id] = seq
            return False
        return True

    def has_read(self, node_id: int, version: int) -> None:
        """Count a node that was refused for its older configuration, and has ours now (3.0.12)."""
        seq = self._older.get(node_id)
        if seq is not None and version >= self.config.version:
            del self._older[node_id]
            self._count_in(node_id, seq)

    def _exit_outdated(self) -> None:
        """Exit, since the others run with a newer configuration than we can read (3.1.8)."""
        self.trace("outdated", f"configuration {self.config.version}")
        self.leave(removed=False)

    def _count_in(self, node_id: int, seq: int) -> bool:
        joiner = self.context.daemon_of(node_id)
        if joiner is None:
            return False
        self.nodes.join(
            joiner.announcement,
            incarnation=seq & 0xFFFFFFFF,
            jointime_us=self.context.wall_us(),
            forget_reason=not self._is_3_0_12,
        )
        self._reset_fenced(node_id)
        self.remote_ports.pop(node_id, None)
        self.recalculate()
        return True

    def _repeat(self, count: int, times: int) -> None:
        def again() -> None:
            self.count_votes()
            for _ in range(count):
                self._notify_state()
            if times > 1:
                self._repeat(count, times - 1)

        self.after(self.timings.transition_us, again, "recalculates again")

    # -- quorum

    def recalculate(self, *, may_decrease: bool = False) -> None:
        """Count the votes anew and notify everybody, whether or not anything changed."""
        self.count_votes(may_decrease=may_decrease)
        self._notify_state()

    def _notify_state(self) -> None:
        self.notify(Notice(reason=Reason.STATE_CHANGE, arg=int(self.quorate)))

    def count_votes(self, *, may_decrease: bool = False) -> None:
        """Count the votes anew. `may_decrease`: the quorum may go down, an operator wants it."""
        judged = self.context.judge(
            self._tally(self.nodes.highest_expected),
            current=self.quorum,
            two_node=self.config.two_node,
            may_decrease=may_decrease,
        )
        self.quorum = judged.quorum
        self.quorate = judged.quorate and not self.config_error

    def can_reach(self, expected_votes: int, *, lost: int = 0) -> bool:
        """Return whether today's members were quorate with that expectation and fewer votes."""
        tally = self._tally(expected_votes, lost=lost)
        needed = quorum_for(tally, two_node=self.config.two_node, may_decrease=True)
        return tally.total_votes >= needed

    def _tally(self, expected_votes: int, *, lost: int = 0) -> Tally:
        return Tally(
            total_votes=self.total_votes - lost,
            expected_votes=expected_votes,
            members=self.nodes.member_count,
        )

    @property
    def total_votes(self) -> int:
        """What all members have, and the quorum disk while it answers."""
        disk, votes = self.nodes.disk, self.nodes.member_votes
        if disk is not None and disk.available and (disk.foreign or self.context.counts_disks):
            votes += disk.votes
        return votes

    def register_disk(self, name: str, votes: int, *, kept: bool) -> None:
        """Register a quorum disk; it counts once a poll was good.

        Args:
            name: of the device.
            votes: while it is there.
            kept: its daemon goes on polling; else each result is good for a few seconds only.
        """
        self.nodes.disk = Disk(name, votes, kept=kept)
        self.nodes.touch()

    def poll_disk(self, *, available: bool) -> None:
        """Take the result of a poll; a change is told to the clients of this node only."""
        disk = self.nodes.disk
        if disk is None:
            return
        disk.polled = True
        disk.polls += 1
        if available and not disk.kept:
            self._expect_another_poll(disk)
        if disk.available != available:
            disk.available = available
            if available:
                disk.jointime_us = self.context.wall_us()
            self.nodes.touch()
            self.trace("quorum disk", "available" if available else "lost")
            self.recalculate()

    def _expect_another_poll(self, disk: Disk) -> None:
        polls = disk.polls

        def missed() -> None:
            if self.nodes.disk is disk and disk.polls == polls:
                self.poll_disk(available=False)

        self.after(self.timings.quorum_disk_poll_ms * 1000, missed, "quorum disk's poll is due")

    def first_poll_of_disk(self) -> None:
        """Find the disk, unless its daemon has said already how it is."""
        disk = self.nodes.disk
        if disk is not None and not disk.polled:
            self.poll_disk(available=True)

    # -- configuration

    def version_announced(self, version: int, *, asker: bool = False) -> None:
        """Re-read the file, since somebody said that this version is current.

        `asker`: an operator said it on this node.
        """
        if version <= self.config.version:
            return
        self._wanted_version = version
        file = self.context.file_of(self.node_id)
        if file.version >= version:
            self._adopt(file, recalculates=not (self._is_3_0_12 and asker))
        elif self._is_3_0_12:
            self._lag(version)
        else:
            self.config_error = True

    def file_mended(self) -> None:
        """Take the file that lagged and is right now."""
        file = self.context.file_of(self.node_id)
        if self._wanted_version > self.config.version and file.version >= self._wanted_version:
            times = _PAIRS_ONCE_MENDED if self._is_3_0_12 else 1
            self._adopt(file, recalculates=True, times=times)

    def _lag(self, version: int) -> None:
        if self.config.version >= version:
            return
        self.notify(Notice(reason=Reason.CONFIG_UPDATE, arg=self.config.version))
        again_us = self.timings.config_retry_ms * 1000
        self.after(again_us, partial(self._lag, version), "re-reads its file")

    def _adopt(self, file: Configuration, *, recalculates: bool, times: int = 1) -> None:
        self.take_config(file)
        self.context.send(
            self.node_id,
            lambda other: other.has_read(self.node_id, file.version),
            after_us=self.timings.hop_us,
            itself=False,
        )
        for _ in range(times):
            if recalculates:
                self.recalculate()
            self.notify(Notice(reason=Reason.CONFIG_UPDATE, arg=file.version))

    def take_config(self, file: Configuration) -> None:
        """Run with another configuration from now on; nobody is notified.

        What a running node expects stays: the file's number is that of its next start.
        """
        self.config = file
        self.config_error = False
        expected_votes = self.announcement.expected_votes
        self.announcement = dataclasses.replace(self._announce(), expected_votes=expected_votes)
        self.nodes.configure(file.nodes)
        self.count_votes()
        self.trace("configuration", str(file.version))

    def readdress(self, node_id: int, addresses: tuple[str, ...]) -> None:
        """Learn that a member's interfaces changed, perhaps our own."""
        if node_id == self.node_id:
            self.addresses = addresses
            self.announcement = dataclasses.replace(self.announcement, addresses=addresses)
        self.nodes.readdress(node_id, addresses)

    # -- what operators and fence daemons change

    def set_votes(self, node_id: int, votes: int) -> None:
        """Change a node's votes, for an operator."""
        if self.nodes.find(node_id) is None:
            return
        self.nodes.set_votes(node_id, votes)
        if node_id == self.node_id:
            self.announcement = dataclasses.replace(self.announcement, votes=votes)
        self.recalculate()

    def set_expected_votes(self, votes: int) -> None:
        """Change the votes that every member expects, for an operator."""
        self.nodes.expect(votes)
        self.announcement = dataclasses.replace(self.announcement, expected_votes=votes)
        self.recalculate(may_decrease=True)

    def learn_fencing(self, info: FenceInfo) -> None:
        """Learn that a node was fenced."""
        self.fences[info.node_id] = info
        self._fenced_us[info.node_id] = self.context.wall_us()

    def _reset_fenced(self, node_id: int) -> None:
        known = self.fences.get(node_id)
        if known is not None and known.fenced:
            self.fences[node_id] = dataclasses.replace(known, fenced=False)

    # -- ports

    def bind_port(self, port: int, owner: ClientEnd) -> None:
        """Bind a free port for a client."""
        self.ports[port] = owner
        self._announce_port(port, opened=True)

    def free_ports(self, owner: ClientEnd) -> None:
        """Free a client's ports."""
        for port in [port for port, its in self.ports.items() if its is owner]:
            del self.ports[port]
            self._announce_port(port, opened=False)

    def _announce_port(self, port: int, *, opened: bool) -> None:
        self.context.send(
            self.node_id,
            lambda other: other.port_changed(self.node_id, port, opened=opened),
            after_us=self.timings.hop_us,
            itself=False,
        )

    def port_changed(self, node_id: int, port: int, *, opened: bool) -> None:
        """Notify the port's client here that it was bound or freed on another node."""
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
        self.context.send_to(
            self.node_id,
            node_id,
            lambda other: other.ports_asked(self.node_id),
            after_us=self.timings.hop_us,
        )

    def ports_asked(self, node_id: int) -> None:
        """Send another node our ports."""
        ports = self.bound_ports
        self.context.send_to(
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

    @property
    def others_may_refuse(self) -> bool:
        """A leave to which all clients agreed may still be refused."""
        return self.context.others_may_refuse

    def leave_unasked(self, reply: OnStatus, *, removed: bool) -> None:
        """Leave without a question to anybody.

        Args:
            reply: called with 0 at once; where others may refuse, when the leave is certain, or
                with the -errno of a refusal.
            removed: the others are to expect a vote less.
        """
        if not self.others_may_refuse or self._goodbye_is_back:
            reply(0)
        else:
            self._leave_replies.append(reply)
        self.leave(removed=removed)

    def _answer_leaves(self, status: int) -> None:
        waiting, self._leave_replies = self._leave_replies, []
        for reply in waiting:
            reply(status)

    def leave(self, *, removed: bool, consent: Consent = Consent.UNASKED) -> None:
        """Leave cleanly: whoever asked for it hears of it when our own message is back.

        Args:
            removed: the others are to expect a vote less.
            consent: what is asked of whoever else may refuse. A leave that asks nobody overtakes
                one that may still be refused.
        """
        unasked = consent is Consent.UNASKED or not self.others_may_refuse
        if self.leaving and (self._leave_is_certain or not unasked):
            return
        self.leaving, self._leave_is_certain = True, unasked
        reason = LeaveReason.REMOVED if removed else LeaveReason.DOWN
        self.trace("leaves", reason.name)

        def back() -> None:
            self._leave_is_certain = self._goodbye_is_back = True
            self._answer_leaves(0)
            self.shutdown_vote.left()
            self.after(self._leave_us(), partial(self._end, clean=True, goodbye=True), "ends")

        def stay(code: int) -> None:
            self.leaving = False
            self._answer_leaves(-code)
            self.shutdown_vote.stays(code)

        self.context.depart(self.node_id, reason, consent, back=back, refused=stay)

    def _leave_us(self) -> int:
        """How long after its goodbye the process ends."""
        rng, late_us = self.context.rng, self.timings.leave_late_us
        return self.timings.leave_us + (0 if rng is None else rng.randrange(late_us + 1))

    def hear_goodbye(self, node_id: int, reason: LeaveReason) -> None:
        """Count a node no longer; the notice comes with the ring's change."""
        self.nodes.leaving(node_id, reason, goodbye=True)

    def kill(self, victim_id: int) -> None:
        """Order a member to exit: for us it is gone at once, without a notice."""
        self.context.send_to(
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

    @property
    def crashes(self) -> bool:
        """It dies where the original was seen to crash."""
        return self.context.crashes

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
        self.context.ended(self.node_id, clean=clean, goodbye=goodbye)

    def close_clients(self) -> None:
        """Drop every client; called by the context once the sockets are gone."""
        clients, self.clients = list(self.clients), {}
        self.ports.clear()
        for client in clients:
            client.dropped()
