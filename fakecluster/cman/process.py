"""One node's process: when it runs, what it counts and knows, and whom it tells."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from fakecluster.cman.answers import FenceInfo, Notice
from fakecluster.cman.client_end import ClientEnd
from fakecluster.cman.configuration import Configuration
from fakecluster.cman.constants import Reason
from fakecluster.cman.nodelist import Announcement, Disk, NodeList
from fakecluster.cman.notices import NoticeFaults
from fakecluster.cman.quorum import Tally, quorum_for
from fakecluster.cman.surroundings import Surroundings

_FAULTY_KINDS = (Reason.STATE_CHANGE, Reason.CONFIG_UPDATE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Birth:
    """What a process is born with."""

    node_id: int
    boot: int
    """Which of the node's processes it is."""
    addresses: tuple[str, ...]
    faults: NoticeFaults
    read_errnos: deque[int]
    """What the next readings of the node list fail with."""


class Process:
    """When it has ended nothing in it happens any more."""

    def __init__(self, world: Surroundings, birth: Birth) -> None:
        self.world = world
        self.timings = world.timings
        self.node_id = birth.node_id
        self.boot = birth.boot
        self.addresses = birth.addresses
        self.config = world.file_of(birth.node_id)
        self.announcement = self._announce()
        """What a joiner tells the others of itself."""
        self.nodes = NodeList(birth.node_id, self.config.nodes)
        self.clients: dict[ClientEnd, None] = {}
        """In the order in which they connected."""
        self.fences: dict[int, FenceInfo] = {}
        self.alive = True
        self.frozen = False
        self.is_member = False
        self.leaving = False
        self.quorate = False
        self.quorum = 0
        self.dirty = False
        self.config_error = False
        """It was told of a configuration that it cannot read: never quorate meanwhile (3.1.8)."""
        self.generation = 0
        self.read_errnos = birth.read_errnos
        self._faults = birth.faults
        self._deferred: list[Callable[[], None]] = []
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

    def _ends(self) -> None:
        self.alive = False
        self._deferred.clear()
        self._faults.forget()

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
        judged = self.world.judge(
            self._tally(self.nodes.highest_expected),
            current=self.quorum,
            two_node=self.config.two_node,
            may_decrease=may_decrease,
        )
        self.quorum = judged.quorum
        self.quorate = judged.quorate and not self.config_error

    def can_reach(self, expected_votes: int, *, lost: int = 0) -> bool:
        """Tell whether today's members were quorate with that expectation and fewer votes."""
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
        disk = self.nodes.disk
        return self.nodes.member_votes + (disk.votes if disk is not None and disk.available else 0)

    def register_disk(self, name: str, votes: int, *, kept: bool) -> None:
        """Know a quorum disk from now on; it counts once a poll was good.

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
                disk.jointime_us = self.world.wall_us()
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

    def take_config(self, file: Configuration) -> None:
        """Run with another configuration from now on; telling is the reader's business.

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
