"""A real corosync as the world around one cman daemon (`ClusterContext`)."""

from __future__ import annotations

import enum
import errno
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from fakecluster.clock import Timeline
from fakecluster.cman.answers import Notice as CmanNotice
from fakecluster.cman.answers import OnStatus, PortData
from fakecluster.cman.client import Client, Closed, Deliver, SocketKind
from fakecluster.cman.configuration import Configuration
from fakecluster.cman.constants import LeaveReason, Reason
from fakecluster.cman.context import Consent, Effect
from fakecluster.cman.nodelist import Announcement, Disk
from fakecluster.cman.notices import NoticeFaults
from fakecluster.cman.outside import Sockets
from fakecluster.cman.process import CmanProcess, ProcessSpec
from fakecluster.cman.quorum import Judgement, Tally
from fakecluster.cman.timings import Profile, Timings
from fakecluster.cman.totem import Transition
from fakecluster.gate.link import Link
from fakecluster.gate.messages import (
    Fenced,
    Message,
    NoMessageError,
    PortChanged,
    PortMessage,
    PortsAsked,
    PortsTold,
    VotesChanged,
    decode_message,
)
from fakecluster.gate.orders import CorosyncReceiver, Orders
from fakecluster.gate.reading import Reading, addresses_of, cluster_number
from fakecluster.gate.shutdowns import Shutdowns
from fakecluster.gate.table import GateTable
from o2cbd.calls import CallBoard
from o2cbd.core.events import ConfigChange, Notice, ShutdownAsked
from o2cbd.errors import said
from o2cbd.membership.corosync_calls import Pause
from o2cbd.membership.corosync_inbox import View
from o2cbd.membership.interface import ManagerGoneError

HERE: Final = 0
"""The node for which the one pair of sockets is: ours, whatever its id."""

RETRY_US: Final = 250_000
"""A corosync that is not there is looked for so often, and a busy one asked again."""

LOOK_US: Final = 5_000_000
"""Clients are told so late of what corosync tells nobody; whoever asks is answered truly."""

PORTS_PER_CLIENT: Final = 16
"""Each port is told to all gates, and is nobody else's; programs bind one or two."""

TIMINGS: Final = Timings(transition_us=0, hop_us=0, timer_slack_us=20_000)
"""Corosync's own times pass by themselves; nobody is to see a ring half taken in."""

_FATAL: Final = frozenset({errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.ELIBACC})
"""What another try does not mend."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A message of the gates' group."""

    sender_id: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class _GateLeft:
    """The gate of a node has ended, and the node is still there."""

    node_id: int


_News = View | Notice | _Heard | _GateLeft


class GatePhase(enum.Enum):
    """How the gate and its corosync stand."""

    AWAY = "waiting for corosync"
    SERVING = "serving"
    BUSY = "corosync is busy; clients wait"
    ENDING = "corosync is about to end"


class GateHost(Protocol):
    """What the world needs of the process that it is in."""

    def sockets(self, node_id: int, sockets: Sockets) -> None:
        """Show or remove the sockets (`Watcher`)."""
        ...

    def stopped(self, node_id: int, *, stopped: bool) -> None:
        """Serve nobody, or go on (`Watcher`)."""
        ...

    def watch(self, fds: tuple[int, ...]) -> None:
        """Wake up for these descriptors, and for no earlier ones."""
        ...

    def aside(self, work: Callable[[], Callable[[], None]]) -> None:
        """Run this in a thread of its own, then what it returns in the gate's thread."""
        ...

    def show(self, phase: GatePhase, detail: str) -> None:
        """Show an operator how things are."""
        ...

    def log(self, text: str) -> None:
        """Log what happened."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Other:
    """A node's daemon as the others know it (`Neighbour`)."""

    announcement: Announcement


class GateContext:
    """The `ClusterContext` of one daemon at a time, each for one life of corosync.

    Everything but the constructor runs in the gate's thread.
    """

    others_may_refuse = True
    counts_disks = False
    ports_per_client = PORTS_PER_CLIENT
    crashes = False
    timings = TIMINGS
    profile = Profile.B
    rng: random.Random | None = None

    def __init__(
        self,
        table: GateTable,
        timeline: Timeline,
        outside: GateHost,
        board: CallBoard,
        pause: Pause,
    ) -> None:
        """Connect to nothing yet: see `connect_corosync`.

        Args:
            table: corosync's libraries.
            timeline: driven by real time; `refresh` is called before anything of it runs.
            outside: the process around.
            board: where calls are declared.
            pause: lets the thread wait before a busy corosync is asked again.
        """
        self.timeline = timeline
        self.cluster = ""
        self.number = 0
        self._table = table
        self._outside = outside
        self._board = board
        self._pause = pause
        self._link: Link | None = None
        self._daemon: CmanProcess | None = None
        self._boot = 0
        self._pending: deque[_News] = deque()
        """What corosync told and nobody took in yet: a reading that fails is made again."""
        self._votes_suspect = False
        """votequorum told of something; it does so of every ring, which is taken in first."""
        self._busy = False
        self._file = Configuration(
            version=0, nodes=(), two_node=False, fixed_expected_votes=None, qdisk=None
        )
        self._reloads = 0
        self._reading: Reading | None = None
        self._joins: dict[int, int] = {}
        """How often each member of the last ring has joined since corosync's start."""
        self._ports: dict[int, set[int]] = {}
        """Bound ports of other nodes, as far as they were told to anybody."""
        self._judged = Judgement(quorum=0, quorate=False)
        self._orders = Orders(
            table,
            lambda: self._link,
            board=board,
            pause=pause,
            aside=outside.aside,
            later=self._later,
            log=outside.log,
        )
        self._shutdowns = Shutdowns(self._orders, agreed=self._agreed, log=outside.log)
        self._ending = False
        """Corosync has agreed to end; what it still says of rings is for nobody."""

    # -- connecting to corosync

    def connect_corosync(self) -> None:
        """Connect, now and as often as it takes.

        Raises:
            OSError: another try would not help; the text is for the operator.
        """
        try:
            link = Link(
                self._table,
                self._board,
                self._pause,
                on_votes=self._suspect_votes,
                on_message=lambda node_id, raw: self._pending.append(_Heard(node_id, raw)),
                on_leave=lambda node_id: self._pending.append(_GateLeft(node_id)),
            )
        except OSError as error:
            self._pending.clear()
            if error.errno in _FATAL:
                raise
            self._outside.show(GatePhase.AWAY, said(error))
            self.timeline.schedule(
                self.connect_corosync, after_us=RETRY_US, label="connects to corosync"
            )
            return
        self._link = link
        self._look_again(link)
        self.cluster, self.number = link.cluster, cluster_number(link.cluster)
        self._joins, self._ports, self._reloads = {}, {}, 0
        self._outside.watch(link.filenos())
        self.refresh()

    def refresh(self) -> None:
        """Take in all that corosync says; called before anybody is answered.

        A corosync that is stopped keeps this from returning, as a stopped cman keeps its clients
        waiting. While one is too busy for a reading, clients wait, too.
        """
        link = self._link
        if link is None:
            return
        try:
            self._pending.extend(link.take())
            while self._pending and self._link is link:
                self._take_in(link, self._pending[0])
                if self._link is link:
                    self._pending.popleft()
            if (self._votes_suspect or self._differs(link)) and self._link is link:
                self._recount(link)
                self._votes_suspect = False
        except ManagerGoneError as error:
            self._lose(said(error))
        except OSError as error:
            self._wait(said(error))
        else:
            self._go_on()

    def _look_again(self, link: Link) -> None:
        """Wake up now and then: corosync tells nobody of fewer votes, or of its quorum device."""
        if self._link is link:
            self.timeline.schedule(
                partial(self._look_again, link), after_us=LOOK_US, label="looks at corosync"
            )

    def _differs(self, link: Link) -> bool:
        """Return whether votequorum counts differently from what is shown."""
        return (
            self._reading is not None
            and link.votes_here is not None
            and self._reading.votes.get(link.local_id) != link.votes_here
        )

    def _wait(self, why: str) -> None:
        """Answer nobody until a reading is good: what is known may be of yesterday."""
        if not self._busy:
            self._busy = True
            self._outside.watch(())
            self._outside.stopped(HERE, stopped=True)
            self._outside.show(GatePhase.BUSY, why)
            if self._daemon is not None:
                self._daemon.freeze()
        self.timeline.schedule(lambda: None, after_us=RETRY_US, label="asks corosync again")

    def _go_on(self) -> None:
        link = self._link
        if not self._busy or link is None:
            return
        self._busy = False
        self._outside.watch(link.filenos())
        self._outside.stopped(HERE, stopped=False)
        self._show()
        if self._daemon is not None:
            self._daemon.thaw()

    def _lose(self, why: str) -> None:
        """End the daemon with its corosync, and reconnect to the next one."""
        link, self._link = self._link, None
        self._pending.clear()
        if link is None:
            return
        self._outside.watch(())
        link.close()
        if self._busy:
            self._busy = False
            self._outside.stopped(HERE, stopped=False)
        self._ending = False
        daemon = self._daemon
        if daemon is not None:
            # What waits in one that is frozen is not done any more, its end least of all.
            self._outside.log(f"corosync is gone ({why}); clients are disconnected")
            self._shutdowns.corosync_gone()
            daemon.die()
        self._outside.show(GatePhase.AWAY, why)
        self.timeline.schedule(
            self.connect_corosync, after_us=RETRY_US, label="connects to corosync"
        )

    # -- what corosync tells

    def _later(self, act: Callable[[], None]) -> None:
        self.timeline.schedule(act, after_us=RETRY_US, label="sends again")

    def _take_in(self, link: Link, news: _News) -> None:
        match news:
            case View():
                self._see(link, news)
            case ConfigChange():
                self._reconfigure(link)
            case ShutdownAsked(forced=forced):
                self._shutdowns.ask_clients(link, self._daemon, forced=forced)
            case _Heard(sender_id=sender_id, raw=raw):
                self._hear(link, sender_id, raw)
            case _GateLeft(node_id=node_id):
                self._forget_ports(node_id)
            case _:
                pass  # a change of state: its ring is told with it

    def _see(self, link: Link, view: View) -> None:
        """Take in a ring, or another judgement of the same one."""
        if self._ending:
            return
        reading = link.read(view.members)
        if self._daemon is None:
            self._begin(link, reading)
        daemon = self._daemon
        if daemon is None:
            return
        known_votes = None if self._reading is None else self._reading.votes
        known_judgement = self._judged
        self._reading = reading
        self._judge(link, view, reading)
        before = self._joins
        # Of a ring that is past already, those who have left it since have no count to be read.
        now = {each: n or before.get(each, 0) for each, n in reading.joins(view.members).items()}
        again = {
            node_id
            for node_id in before.keys() & now.keys()
            if view.ring != daemon.generation and before[node_id] != now[node_id]
        }
        self._joins = now
        for node_id in self._ports.keys() - now.keys():
            del self._ports[node_id]
        left = tuple(sorted((before.keys() - now.keys()) | again))
        joined = tuple(sorted((now.keys() - before.keys()) | again))
        if left or joined:
            self._learn_votes(reading)
            daemon.install(
                Transition(
                    seq=view.ring,
                    members=tuple(sorted(view.members)),
                    left=left,
                    joined=joined,
                    announced_us={},
                )
            )
        else:
            daemon.generation = view.ring
            if (known_judgement, known_votes) != (self._judged, reading.votes):
                self._learn_votes(reading)
                daemon.recalculate()
        self._show()

    def _suspect_votes(self) -> None:
        self._votes_suspect = True

    def _recount(self, link: Link) -> None:
        """Notify of changed votes; libquorum reports none while the judgement is the same."""
        daemon, before = self._daemon, self._reading
        if daemon is None or before is None:
            return
        reading = link.read(self._joins)
        self._reading = reading
        if reading.votes != before.votes:
            info = reading.votes.get(link.local_id)
            if info is not None:
                self._judged = Judgement(quorum=info.quorum, quorate=self._judged.quorate)
            self._learn_votes(reading)
            daemon.recalculate()

    def _begin(self, link: Link, reading: Reading) -> None:
        """Start a daemon for this life of corosync."""
        self._file = reading.configuration(uncounted=1 + self._reloads)
        self._boot += 1
        self._daemon = CmanProcess(
            self,
            ProcessSpec(
                node_id=link.local_id,
                boot=self._boot,
                addresses=reading.addresses(link.local_id),
                faults=NoticeFaults(self.timeline),
                read_errnos=deque(),
            ),
        )

    def _judge(self, link: Link, view: View, reading: Reading) -> None:
        info = reading.votes.get(link.local_id)
        self._judged = Judgement(quorum=0 if info is None else info.quorum, quorate=view.quorate)

    def _learn_votes(self, reading: Reading) -> None:
        """Take over the votes and the expectation of those who are members already."""
        daemon = self._daemon
        if daemon is None:
            return
        for node_id in daemon.nodes.member_ids():
            peer, info = daemon.nodes.find(node_id), reading.votes.get(node_id)
            if peer is not None and info is not None and peer.votes != info.votes:
                daemon.nodes.set_votes(node_id, info.votes)
        if highest := reading.highest_expected():
            daemon.nodes.expect(highest)
        self._learn_device(daemon, reading)

    def _learn_device(self, daemon: CmanProcess, reading: Reading) -> None:
        """Show corosync's quorum device as cman's; one that a client registered counts nowhere."""
        device, disk = reading.device(daemon.node_id), daemon.nodes.disk
        if device is None:
            if disk is not None and disk.foreign:
                daemon.nodes.disk = None
                daemon.nodes.touch()
        else:
            known = disk if disk is not None and disk.foreign else Disk("", 0)
            found = device.votes_now and not known.available
            daemon.nodes.disk = Disk(
                device.name,
                device.votes,
                available=device.votes_now,
                polled=True,
                kept=True,
                foreign=True,
                jointime_us=self.wall_us() if found else known.jointime_us,
            )
            daemon.nodes.touch()

    def _reconfigure(self, link: Link) -> None:
        """Take over another corosync.conf, and tell clients as cman tells them."""
        daemon = self._daemon
        if daemon is None:
            return
        reading = link.read(self._joins)
        self._reloads += 1
        self._reading = reading
        self._file = reading.configuration(uncounted=1 + self._reloads)
        daemon.take_config(self._file)
        for member in reading.membership.members:
            daemon.readdress(member.id, addresses_of(member))
        self._learn_votes(reading)
        daemon.recalculate()
        daemon.notify(CmanNotice(reason=Reason.CONFIG_UPDATE, arg=self._file.version))
        self._show()

    def _show(self) -> None:
        daemon = self._daemon
        if daemon is not None and daemon.is_member:
            members = " ".join(map(str, sorted(self._joins)))
            quorate = "quorate" if self._judged.quorate else "inquorate"
            self._outside.show(GatePhase.SERVING, f"members {members}, {quorate}")

    # -- shutdown

    def depart(
        self,
        node_id: int,
        reason: LeaveReason,
        consent: Consent,
        *,
        back: Callable[[], None],
        refused: Callable[[int], None],
    ) -> None:
        """Ask corosync, which may refuse."""
        del node_id, reason  # a corosync says of itself that it leaves, and not why
        self._shutdowns.request(consent, back, refused)

    def _agreed(self) -> None:
        """What corosync says from now on is of no interest: it ends."""
        self._ending = True
        self._outside.show(GatePhase.ENDING, "")

    # -- the other gates

    def _hear(self, link: Link, sender_id: int, raw: bytes) -> None:
        daemon = self._daemon
        if daemon is None:
            return
        try:
            message = decode_message(raw)
        except NoMessageError as error:
            self._outside.log(f"what node {sender_id} sent to the group is none of ours: {error}")
            return
        ours = sender_id == link.local_id
        self._note_ports(sender_id, message)
        match message:
            case Fenced(info=info):
                if daemon.nodes.find(info.node_id) is not None:
                    daemon.learn_fencing(info)
            case VotesChanged():
                self._suspect_votes()
            case PortChanged(port=port, opened=opened) if not ours:
                daemon.port_changed(sender_id, port, opened=opened)
            case PortsAsked(to=to) if to == link.local_id:
                daemon.ports_asked(sender_id)
            case PortsTold(to=to, ports=ports) if to == link.local_id:
                daemon.ports_told(sender_id, ports)
            case PortMessage(to=to, port=port, payload=payload) if not ours and to in {
                0,
                link.local_id,
            }:
                daemon.receive(PortData(from_node_id=sender_id, port=port, payload=payload))
            case _:
                pass  # of our own, or for another node

    def _note_ports(self, node_id: int, message: Message) -> None:
        match message:
            case PortChanged(port=port, opened=opened):
                known = self._ports.setdefault(node_id, set())
                (known.add if opened else known.discard)(port)
            case PortsTold(ports=ports):
                self._ports[node_id] = set(ports)
            case _:
                pass

    def _forget_ports(self, node_id: int) -> None:
        """Close the ports of a node whose gate has ended: its clients are gone with it."""
        daemon, ports = self._daemon, self._ports.pop(node_id, set())
        if daemon is None or node_id == daemon.node_id:
            return
        for port in sorted(ports):
            daemon.port_changed(node_id, port, opened=False)
        daemon.remote_ports.pop(node_id, None)

    # -- what the daemon needs (ClusterContext)

    def wall_us(self) -> int:
        """Return the wall clock, in microseconds since 1970."""
        return time.time_ns() // 1000

    def file_of(self, node_id: int) -> Configuration:
        """Return what corosync runs with."""
        del node_id
        return self._file

    def daemon_of(self, node_id: int) -> _Other | None:
        """Return a member's daemon; None: there is none."""
        reading = self._reading
        if reading is None or node_id not in self._joins:
            return None
        return _Other(announcement=reading.announcement(node_id, self._file))

    def send(self, sender_id: int, effect: Effect, *, after_us: int, itself: bool) -> None:
        """Send to every daemon, by corosync's own means or by way of the gates' group."""
        del sender_id, after_us, itself
        effect(CorosyncReceiver(self._orders, to=0))

    def send_to(self, sender_id: int, node_id: int, effect: Effect, *, after_us: int) -> None:
        """Send to one daemon."""
        del sender_id, after_us
        effect(CorosyncReceiver(self._orders, to=node_id))

    def sent(self, node_id: int, to: Iterable[int], after_us: int, what: str = "message") -> None:
        """Log nothing: corosync's messages are its own business."""

    def judge(self, tally: Tally, *, current: int, two_node: bool, may_decrease: bool) -> Judgement:
        """Return corosync's word, whatever we would have counted."""
        del tally, current, two_node, may_decrease
        return self._judged

    def first_transition(self, node_id: int) -> None:
        """Open the sockets."""
        del node_id
        self._outside.sockets(HERE, Sockets.LISTENING)
        self._show()

    def ended(self, node_id: int, *, clean: bool, goodbye: bool) -> None:
        """Remove the sockets however the daemon ended, and drop the clients."""
        del node_id, clean, goodbye
        daemon, self._daemon = self._daemon, None
        self._reading = None
        # In this order: who is disconnected and tries again at once is not taken once more.
        self._outside.sockets(HERE, Sockets.ABSENT)
        if daemon is not None:
            daemon.close_clients()

    def trace(self, node_id: int, what: str, detail: str = "") -> None:
        """Log what happened."""
        del node_id
        self._outside.log(f"{what}: {detail}" if detail else what)

    def may_have_version(self, node_id: int, version: int) -> bool:
        """Return True: the file is read by corosync alone."""
        del node_id, version
        return True

    def announce_version(self, sender_id: int, version: int, reply: OnStatus) -> None:
        """Reload the file of every corosync, unless one runs with this version already.

        The reply is late: -ENOENT where the file has an older version, or what corosync said.
        """
        del sender_id
        if version == self._file.version:
            reply(0)
        else:
            self._orders.reload(version, reply)

    # -- what the sockets need

    def connect(
        self, node_id: int, kind: SocketKind, *, deliver: Deliver, closed: Closed
    ) -> Client:
        """Connect a client to the daemon.

        Raises:
            OSError: ECONNREFUSED, there is none.
        """
        del node_id
        daemon = self._daemon
        if daemon is None:
            raise OSError(errno.ECONNREFUSED, "there is no corosync")
        return Client(daemon, kind, deliver, closed)

    def close(self) -> None:
        """Disconnect from corosync and from all clients."""
        self._shutdowns.close()
        link, self._link = self._link, None
        if self._daemon is not None:
            self._daemon.die()
        if link is not None:
            self._outside.watch(())
            link.close()
