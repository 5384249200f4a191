"""The gate's function table that a script plays: o2cbd's fake, with votes, a group and an admin."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

from fakecluster.gate.table import (
    CS_ERR_INVALID_PARAM,
    Device,
    OnLeave,
    OnMessage,
    OnVotes,
    VoteInfo,
)
from fakecluster.testing.scripted_corosync import ScriptedCorosync
from o2cbd.membership.libcorosync_table import CS_ERR_NOT_EXIST, CorosyncError


class ScriptedGateTable:
    """A `GateTable` over one scripted corosync; change its attributes between calls."""

    def __init__(self, corosync: ScriptedCorosync) -> None:
        self.membership = corosync
        self.votes: dict[int, int] = {}
        """Of nodes that have not 1."""
        self.expected = len(corosync.blocks)
        self.device: Device | None = None
        self.devices: dict[int, Device] = {}
        """Of nodes that have another one than `device`."""
        self.sent: list[bytes] = []
        """What was sent to the group; nothing of it comes back by itself: see `deliver`."""
        self.ordered: list[tuple[str, int]] = []
        """What an admin had done, each with its flags or node id."""
        self.shutdown: Callable[[], None] = lambda: None
        """What answers a request to shut down, in the thread that asks; by default it is agreed."""
        self.reload: Callable[[], object] = lambda: None
        """What answers a request to reload, in the thread that asks."""
        self.reached = threading.Event()
        """Set when something was ordered."""
        self.groups: list[ScriptedGroup] = []
        self.trackers: list[ScriptedVotes] = []

    def deliver(self, sender_id: int, message: bytes) -> None:
        """Deliver a message of the group."""
        for group in self.groups:
            group.put(lambda on_message: on_message(sender_id, message))

    def leave(self, node_id: int) -> None:
        """End the gate of a node."""
        for group in self.groups:
            group.put(lambda _on_message, on_leave=group.on_leave: on_leave(node_id))

    def tell_votes(self) -> None:
        """Notify whoever tracks votequorum of a change."""
        for tracker in self.trackers:
            tracker.put(lambda on_votes: on_votes())

    # --- the table

    def votes_initialize(self, on_votes: OnVotes) -> ScriptedVotes:
        self.membership.note("votequorum_initialize")
        self.trackers.append(ScriptedVotes(self, on_votes))
        return self.trackers[-1]

    def group_join(self, name: str, on_message: OnMessage, on_leave: OnLeave) -> ScriptedGroup:
        del name
        self.membership.note("cpg_join")
        self.groups.append(ScriptedGroup(self, on_message, on_leave))
        return self.groups[-1]

    def admin_initialize(self) -> ScriptedAdmin:
        self.membership.note("corosync_cfg_initialize")
        return ScriptedAdmin(self)


class _Readable:
    """A connection with events, behind a descriptor that is readable while there are any."""

    def __init__(self, table: ScriptedGateTable, prefix: str, *callbacks: object) -> None:
        self._table = table
        self._prefix = prefix
        self._callbacks = callbacks
        self._events: deque[Callable[..., None]] = deque()
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def put(self, event: Callable[..., None]) -> None:
        """Queue an event."""
        self._events.append(event)
        os.eventfd_write(self._fd, 1)

    def fd_get(self) -> int:
        """The same each time."""
        self._table.membership.note(f"{self._prefix}_fd_get")
        return self._fd

    def dispatch(self, flags: int) -> None:
        """In order."""
        del flags
        self._table.membership.note(f"{self._prefix}_dispatch")
        if self._events:
            os.eventfd_read(self._fd)
        while self._events:
            self._events.popleft()(*self._callbacks)

    def finalize(self) -> None:
        """Close it."""
        os.close(self._fd)


class ScriptedVotes(_Readable):
    """libvotequorum's connection."""

    def __init__(self, table: ScriptedGateTable, on_votes: OnVotes) -> None:
        super().__init__(table, "votequorum", on_votes)

    def info(self, node_id: int) -> VoteInfo:
        """Every member has 1 vote that has no other number."""
        table, members = self._table, self._table.membership.members
        table.membership.note("votequorum_getinfo")
        if node_id not in members:
            raise CorosyncError(CS_ERR_NOT_EXIST, "votequorum_getinfo")
        return VoteInfo(
            votes=table.votes.get(node_id, 1),
            expected_votes=table.expected,
            highest_expected=table.expected,
            total_votes=sum(table.votes.get(one, 1) for one in members)
            + (table.device.votes if table.device is not None and table.device.votes_now else 0),
            quorum=table.expected // 2 + 1,
            device=table.devices.get(node_id, table.device),
        )

    def set_expected(self, votes: int) -> None:
        """Told to those who track votequorum; libquorum says nothing while it stays quorate."""
        corosync = self._table.membership
        corosync.note("votequorum_setexpected")
        if votes > 2 * len(corosync.members):
            raise CorosyncError(CS_ERR_INVALID_PARAM, "votequorum_setexpected")
        self._table.expected = votes
        self._table.tell_votes()

    def set_votes(self, node_id: int, votes: int) -> None:
        """More votes are told as `set_expected` tells, fewer to nobody; corosync 3.1.7 is so."""
        self._table.membership.note("votequorum_setvotes")
        before = self._table.votes.get(node_id, 1)
        self._table.votes[node_id] = votes
        if votes > before:
            self._table.tell_votes()

    def finalize(self) -> None:
        """Track no longer."""
        self._table.trackers.remove(self)
        super().finalize()


class ScriptedAdmin:
    """libcfg's other connection."""

    def __init__(self, table: ScriptedGateTable) -> None:
        self._table = table

    def try_shutdown(self, flags: int) -> None:
        """Whatever the script says."""
        self._table.ordered.append(("try_shutdown", flags))
        self._table.reached.set()
        self._table.shutdown()

    def kill_node(self, node_id: int, reason: str) -> None:
        """Note it."""
        del reason
        self._table.membership.note("corosync_cfg_kill_node")
        self._table.ordered.append(("kill_node", node_id))

    def reload_config(self) -> None:
        """Note it."""
        self._table.membership.note("corosync_cfg_reload_config")
        self._table.ordered.append(("reload_config", 0))
        self._table.reload()

    def finalize(self) -> None:
        """Nothing to close."""


class ScriptedGroup(_Readable):
    """libcpg's connection."""

    def __init__(self, table: ScriptedGateTable, on_message: OnMessage, on_leave: OnLeave) -> None:
        super().__init__(table, "cpg", on_message)
        self.on_leave = on_leave

    def send(self, message: bytes) -> None:
        """Note it."""
        self._table.membership.note("cpg_mcast_joined")
        self._table.sent.append(message)

    def finalize(self) -> None:
        """Leave the group."""
        self._table.groups.remove(self)
        super().finalize()
