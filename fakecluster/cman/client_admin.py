"""The requests for administrators alone."""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Callable

from fakecluster.cman.answers import FenceInfo, Version
from fakecluster.cman.connection import Connection
from fakecluster.cman.constants import CMAN_VERSION, LeaveFlag, NodeState
from fakecluster.cman.daemon import Daemon
from fakecluster.cman.errors import CmanError
from fakecluster.cman.nodelist import Disk
from fakecluster.cman.surroundings import Act
from fakecluster.cman.timings import Profile

Status = Callable[[int], None]
"""Called with the status of a reply that comes later: 0 or -errno."""


class AdminRequests(Connection):
    """What only the admin socket takes; EPERM on the other."""

    def try_shutdown(self, flags: int, reply: Status) -> None:
        """TRY_SHUTDOWN (admin). The status comes through `reply`, later.

        0 twice where nobody listens (at once and at the daemon's end), else 0 or -EBUSY once.
        EALREADY is raised: one is pending, or the node leaves already.
        """
        self._as_admin().desk.ask(flags, self, reply)

    def leave_cluster(self, flags: int) -> None:
        """LEAVE_CLUSTER (admin): leaves at once, nobody is asked."""
        removed = flags & ~LeaveFlag.FORCE == LeaveFlag.REMOVED
        self._as_admin().leave(removed=removed)

    def kill_node(self, node_id: int) -> None:
        """KILLNODE (admin). EINVAL: unknown or not a member."""
        daemon = self._as_admin()
        peer = daemon.nodes.find(node_id)
        if peer is None or peer.state is not NodeState.MEMBER:
            raise CmanError(errno.EINVAL)
        daemon.kill(node_id)

    def set_version(self, version: Version) -> None:
        """SET_VERSION (admin): every node re-reads its configuration.

        EINVAL: not 6.2.0. EPERM: older than what runs. ENOENT: the file here is older (3.0.12 tells
        the others all the same).
        """
        daemon = self._as_admin()
        if (version.major, version.minor, version.patch) != CMAN_VERSION:
            raise CmanError(errno.EINVAL)
        if version.config < daemon.config.version:
            raise CmanError(errno.EPERM)
        node_id, world = daemon.node_id, daemon.world
        if world.profile is Profile.B and not world.may_have_version(node_id, version.config):
            raise CmanError(errno.ENOENT)
        daemon.world.announce_version(daemon.node_id, version.config)

    def set_votes(self, node_id: int, votes: int) -> None:
        """SET_VOTES (admin; 0 is us). ENOENT: unknown node.

        EINVAL: not 0..255, or nobody would be quorate. It is done here at once, and again when the
        message to all comes round: this node gives two notices.
        """
        daemon = self._as_admin()
        peer = self._peer(daemon, node_id, errno.ENOENT)
        lost = peer.votes - votes if peer.state is NodeState.MEMBER else 0
        if not 0 <= votes <= 255 or not daemon.can_reach(daemon.nodes.highest_expected, lost=lost):
            raise CmanError(errno.EINVAL)
        target = peer.node_id
        self._everywhere(lambda each: each.set_votes(target, votes))
        daemon.set_votes(target, votes)

    def set_expected_votes(self, votes: int) -> None:
        """SETEXPECTED_VOTES (admin): quorum may go down.

        EINVAL: less than 1, or more than the members could reach.
        """
        if not self._as_admin().can_reach(votes) or votes < 1:
            raise CmanError(errno.EINVAL)
        self._everywhere(lambda each: each.set_expected_votes(votes))

    def update_fence_info(self, info: FenceInfo) -> None:
        """UPDATE_FENCE_INFO (admin): told to every node. EINVAL: unknown node."""
        peer = self._peer(self._as_admin(), info.node_id, errno.EINVAL)
        known = dataclasses.replace(info, node_id=peer.node_id, fenced=True)
        self._everywhere(lambda each: each.learn_fencing(known))

    def _everywhere(self, act: Act) -> None:
        daemon = self._daemon
        daemon.world.send(daemon.node_id, act, after_us=daemon.timings.hop_us, itself=True)

    def register_quorum_device(self, name: str, votes: int) -> None:
        """REG_QUORUMDEV (admin). EALREADY: it is a node's name. EBUSY: there is another one.

        Under its own name it has other votes from now on (3.0.12: EBUSY).
        """
        daemon = self._as_admin()
        disk = daemon.nodes.disk
        if disk is not None and disk.name == name and daemon.world.profile is Profile.B:
            self._change(daemon, disk, name, votes)
            return
        if disk is not None:
            raise CmanError(errno.EBUSY)
        if daemon.nodes.find_name(name) is not None:
            raise CmanError(errno.EALREADY)
        daemon.register_disk(name, votes, kept=False)

    def unregister_quorum_device(self) -> None:
        """UNREG_QUORUMDEV (admin). EINVAL: there is none. EBUSY: its last poll was good."""
        daemon = self._as_admin()
        if self._disk(daemon).available:
            raise CmanError(errno.EBUSY)
        daemon.nodes.disk = None
        daemon.nodes.touch()

    def poll_quorum_device(self, available: bool) -> None:  # noqa: FBT001 - the poll's result
        """POLL_QUORUMDEV (admin). EINVAL: there is none."""
        daemon = self._as_admin()
        self._disk(daemon)
        daemon.poll_disk(available=available)

    def update_quorum_device(self, name: str, votes: int) -> None:
        """UPDATE_QUORUMDEV (admin, profile B). EINVAL: there is none, or profile A."""
        daemon = self._as_admin()
        disk = self._disk(daemon)
        if daemon.world.profile is Profile.A:
            raise CmanError(errno.EINVAL)
        self._change(daemon, disk, name, votes)

    @staticmethod
    def _change(daemon: Daemon, disk: Disk, name: str, votes: int) -> None:
        disk.name, disk.votes = name, votes
        daemon.nodes.touch()
        daemon.recalculate()

    @staticmethod
    def _disk(daemon: Daemon) -> Disk:
        if daemon.nodes.disk is None:
            raise CmanError(errno.EINVAL)
        return daemon.nodes.disk

    def set_dirty(self) -> None:
        """SET_DIRTY (admin)."""
        self._as_admin().dirty = True

    def set_debuglog(self, level: int) -> None:
        """SET_DEBUGLOG (admin): the level is noted in the trace, there is no other log."""
        self._as_admin().trace("debug level", str(level))
