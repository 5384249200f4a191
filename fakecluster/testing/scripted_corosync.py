"""Corosync's function tables that a script plays: they stand in for C below the corosync adapter.

It holds what one corosync would answer, and does to its user what the real libraries were seen to
do: the first events are there when `trackstart` returns, positions shift on a reload and every key
is told then, an unknown id is CS_ERR_NOT_EXIST, 0 is taken for the local id, a dead connection says
so again and again. Real descriptors, so that whoever polls is woken.
"""

from __future__ import annotations

import ipaddress
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

from fakecluster.transport.sockaddrs import ADDRESS_BYTES, sockaddr
from o2cbd.membership.corosync_nodes import LOCAL_POSITION
from o2cbd.membership.libcorosync_table import (
    CFG_SHUTDOWN_REGARDLESS,
    CS_ERR_LIBRARY,
    CS_ERR_NOT_EXIST,
    QUORUM_SET,
    TRACK_CHANGES,
    CmapValue,
    CorosyncError,
    KeyCallback,
    NodelistCallback,
    QuorumCallback,
    ShutdownCallback,
)
from o2cbd.membership.sockaddr import numeric

RELOAD_KEY: Final = "config.reload_in_progress"

Block = Mapping[str, str | int]
"""A `node {}` block: `nodeid` is a number, all else is text."""


def block(nodeid: int, **more: str) -> dict[str, str | int]:
    """Return a node's block; name and address default to ones made from the id."""
    given: dict[str, str | int] = {"nodeid": nodeid, "name": f"n{nodeid}"}
    given["ring0_addr"] = f"192.0.2.{nodeid}"
    return {**given, **more}


class ScriptedCorosync:
    """A `CorosyncTable` and the corosync behind it; change its attributes between calls."""

    def __init__(
        self,
        blocks: Sequence[Block] = (),
        *,
        members: Sequence[int] = (),
        local_id: int = 1,
        hosts: Mapping[str, str] = MappingProxyType({}),
        links: Mapping[int, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self.keys: dict[str, CmapValue] = {"totem.cluster_name": b"alpha"}
        """cmap, the node list aside."""
        self.blocks = list(blocks)
        self.members = list(members) or [int(block["nodeid"]) for block in blocks]
        self.local_id = local_id
        self.quorate = True
        self.ring = 4
        self.quorum_type = QUORUM_SET
        self.model = 1
        self.can_vote = True
        self.hosts = hosts
        """What names of hosts are resolved to; others to nothing."""
        self.links = dict(links)
        """Of a node by its id, in the order of its links; where it is not what its block says."""
        self.says_nothing_at_first = False
        """Nothing is there yet when `trackstart` returns."""
        self.calls: list[str] = []
        """Every call, by its C name."""
        self.answers: list[int] = []
        """What was sent with `replyto_shutdown`."""
        self.finalized: list[str] = []
        self.reload_during_reading: deque[Callable[[], None]] = deque()
        """What happens while the node list is walked, a walk each."""
        self.quorum: ScriptedQuorum | None = None
        """The last connection of its kind, as the next two."""
        self.cmap: ScriptedCmap | None = None
        self.cfg: ScriptedCfg | None = None
        self.open: list[_ScriptedHandle] = []
        """Every connection that is not finalized."""
        self._dead = False
        self._failures: dict[str, deque[int]] = {}
        own = next((each for each in blocks if each.get("nodeid") == local_id), {})
        self._here = {*self._links(local_id), *_ring_texts(own)}
        self._find_ourselves()
        self._join()

    # --- what happens

    def form(self, members: Sequence[int], *, quorate: bool = True) -> None:
        """Form a new ring, told as model 1 tells it: the nodes, and then what quorum is."""
        self.members, self.quorate = list(members), quorate
        self.ring += 4
        self._join()
        self.tell_again()

    def tell_again(self) -> None:
        """Judge the same ring anew, as after a change of votes."""
        for handle in self._each(ScriptedQuorum):
            handle.tell()

    def reload(self, blocks: Sequence[Block] | None = None, *, version: int | None = None) -> None:
        """Read the configuration anew, from its begin to its end."""
        self.begin_reload()
        if version is not None:
            self.keys["totem.config_version"] = version
            self._key_changed("totem.config_version")
        self.blocks = self.blocks if blocks is None else list(blocks)
        self._find_ourselves()
        for key in self.listing():
            self._key_changed(key)
        self.end_reload()

    def begin_reload(self) -> None:
        """Raise the flag."""
        self.keys[RELOAD_KEY] = 1
        self._key_changed(RELOAD_KEY)

    def end_reload(self) -> None:
        """Lower it."""
        self.keys[RELOAD_KEY] = 0
        self._key_changed(RELOAD_KEY)

    def ask_shutdown(self, *, forced: bool = False) -> None:
        """Ask the voter."""
        flags = CFG_SHUTDOWN_REGARDLESS if forced else 0
        for handle in self._each(ScriptedCfg):
            if handle.asked:
                handle.events.put(lambda cfg: cfg(flags))

    def fail(self, call: str, code: int, count: int = 1) -> None:
        """Fail the next calls of this function with that cs_error_t."""
        self._failures.setdefault(call, deque()).extend([code] * count)

    def die(self) -> None:
        """End: every connection is closed, and every call says so."""
        self._dead = True
        for handle in self.open:
            handle.events.hang_up()

    def come_back(self) -> None:
        """Take connections again; those of before stay dead."""
        self._dead = False
        for handle in self.open:
            handle.dead = True

    # --- what the handles need

    def note(self, call: str) -> None:
        """Note a call, and fail as told."""
        self.calls.append(call)
        failures = self._failures.get(call)
        if failures:
            raise CorosyncError(failures.popleft(), call)
        if self._dead:
            raise CorosyncError(CS_ERR_LIBRARY, call)

    def _each(self, kind: type[_H]) -> list[_H]:
        return [handle for handle in self.open if isinstance(handle, kind) and not handle.dead]

    def listing(self) -> dict[str, CmapValue]:
        """Return the node list's keys, by position."""
        return {
            f"nodelist.node.{position}.{key}": value if isinstance(value, int) else value.encode()
            for position, each in enumerate(self.blocks)
            for key, value in each.items()
        }

    def link_answers(self, node_id: int) -> tuple[bytes, ...]:
        """Return the sockaddrs of a node's links, all with the family of the first one."""
        packed = [ipaddress.ip_address(link).packed for link in self._links(node_id)]
        size = len(packed[0]) if packed else 0
        return tuple(
            sockaddr(str(ipaddress.ip_address(each[:size].ljust(size, b"\0")))) for each in packed
        )

    def _links(self, node_id: int) -> list[str]:
        given = self.links.get(node_id)
        if given is None:
            given = [self.hosts.get(text, text) for text in _ring_texts(self._block(node_id))]
        return [link for link in given if numeric(link)]

    def _block(self, node_id: int) -> Block:
        return next((each for each in self.blocks if each.get("nodeid") == node_id), {})

    def _join(self) -> None:
        """Record the addresses of members that are new; the record stays as it is."""
        for member in self.members:
            rings = sorted(int(key[4]) for key in self._block(member) if key.startswith("ring"))
            links = self._links(member)
            numbered = zip(rings or range(len(links)), links, strict=False)
            text = "".join(f"r({ring}) ip({link}) " for ring, link in numbered)
            self.keys.setdefault(f"runtime.members.{member}.ip", text.encode())

    def _find_ourselves(self) -> None:
        """Note the place of the block that has an address of ours."""
        places = [
            place
            for place, each in enumerate(self.blocks)
            if not self._here.isdisjoint(
                {*_ring_texts(each), *(self.hosts.get(text, text) for text in _ring_texts(each))}
            )
        ]
        self.keys.pop(LOCAL_POSITION, None)
        if places:
            self.keys[LOCAL_POSITION] = places[0]

    def _key_changed(self, key: str) -> None:
        for handle in self._each(ScriptedCmap):
            handle.tell(key, {**self.keys, **self.listing()}[key])

    # --- the table

    def quorum_initialize(
        self, on_quorum: QuorumCallback, on_nodelist: NodelistCallback
    ) -> ScriptedQuorum:
        self.note("quorum_model_initialize" if self.model else "quorum_initialize")
        self.quorum = ScriptedQuorum(self, on_quorum, on_nodelist)
        return self.quorum

    def cmap_initialize(self) -> ScriptedCmap:
        self.note("cmap_initialize")
        self.cmap = ScriptedCmap(self)
        return self.cmap

    def cfg_initialize(self, on_shutdown: ShutdownCallback) -> ScriptedCfg:
        self.note("corosync_cfg_initialize")
        self.cfg = ScriptedCfg(self, on_shutdown)
        return self.cfg


def _ring_texts(block: Block) -> list[str]:
    return [str(text) for key, text in sorted(block.items()) if key.startswith("ring")]


class _Events:
    """What a connection has to deliver, behind a descriptor that is readable while it has."""

    def __init__(self) -> None:
        self._queue: deque[Callable[..., None]] = deque()
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def put(self, event: Callable[..., None]) -> None:
        self._queue.append(event)
        os.eventfd_write(self.fd, 1)

    def hang_up(self) -> None:
        os.eventfd_write(self.fd, 1)

    def deliver(self, *callbacks: object) -> None:
        if self._queue:
            os.eventfd_read(self.fd)
        while self._queue:
            self._queue.popleft()(*callbacks)


class _ScriptedHandle:
    def __init__(self, corosync: ScriptedCorosync, prefix: str) -> None:
        self._corosync = corosync
        self._prefix = prefix
        self.events = _Events()
        self._callbacks: tuple[object, ...] = ()
        self.dead = False
        """Its corosync is gone, and another one there."""
        corosync.open.append(self)

    def _note(self, call: str) -> None:
        self._corosync.note(f"{self._prefix}_{call}")
        if self.dead:
            raise CorosyncError(CS_ERR_LIBRARY, f"{self._prefix}_{call}")

    def fd_get(self) -> int:
        """The same each time."""
        self._note("fd_get")
        return self.events.fd

    def dispatch(self, flags: int) -> None:
        """A dead connection delivers nothing any more."""
        del flags
        self._note("dispatch")
        self.events.deliver(*self._callbacks)

    def finalize(self) -> None:
        """Good on a dead connection, too."""
        self._corosync.calls.append(f"{self._prefix}_finalize")
        self._corosync.finalized.append(self._prefix)
        self._corosync.open.remove(self)
        os.close(self.events.fd)


_H = TypeVar("_H", bound=_ScriptedHandle)


class ScriptedQuorum(_ScriptedHandle):
    """libquorum's connection."""

    def __init__(
        self, corosync: ScriptedCorosync, on_quorum: QuorumCallback, on_nodelist: NodelistCallback
    ) -> None:
        super().__init__(corosync, "quorum")
        self._callbacks = (on_quorum, on_nodelist)
        self.model = corosync.model
        self.quorum_type = corosync.quorum_type
        self._flags = 0

    def trackstart(self, flags: int) -> None:
        """Deliver both at once, provider or not."""
        self._note("trackstart")
        self._flags = flags
        if not self._corosync.says_nothing_at_first:
            self._tell(quorum=True)

    def tell(self) -> None:
        """Report a ring: without a provider nobody reports quorum."""
        if self._flags & TRACK_CHANGES:
            self._tell(quorum=self.quorum_type == QUORUM_SET)

    def _tell(self, *, quorum: bool) -> None:
        ring, members = self._corosync.ring, tuple(self._corosync.members)
        quorate = self._corosync.quorate
        if self.model:
            self.events.put(lambda _quorum, nodelist: nodelist(ring, members))
        if quorum:
            self.events.put(lambda quorum, _nodelist: quorum(quorate, ring, members))


class ScriptedCmap(_ScriptedHandle):
    """libcmap's connection."""

    def __init__(self, corosync: ScriptedCorosync) -> None:
        super().__init__(corosync, "cmap")
        self._tracked: dict[str, KeyCallback] = {}

    def get(self, key: str) -> CmapValue:
        self._note("get")
        value = {**self._corosync.keys, **self._corosync.listing()}.get(key)
        if value is None:
            raise CorosyncError(CS_ERR_NOT_EXIST, "cmap_get")
        return value

    def keys(self, prefix: str) -> tuple[str, ...]:
        self._note("iter_next")
        known = {**self._corosync.keys, **self._corosync.listing()}
        if self._corosync.reload_during_reading:
            self._corosync.reload_during_reading.popleft()()
        return tuple(key for key in known if key.startswith(prefix))

    def track_add(self, key: str, flags: int, callback: KeyCallback) -> None:
        """Good for a key that is not there."""
        del flags
        self._note("track_add")
        self._tracked[key] = callback

    def tell(self, key: str, value: CmapValue) -> None:
        """Notify whoever tracks the key."""
        callback = self._tracked.get(key)
        if callback is not None:
            self.events.put(lambda: callback(key, value))


class ScriptedCfg(_ScriptedHandle):
    """libcfg's connection."""

    def __init__(self, corosync: ScriptedCorosync, on_shutdown: ShutdownCallback) -> None:
        super().__init__(corosync, "corosync_cfg")
        self._callbacks = (on_shutdown,)
        self.asked = False
        """True once it is a voter."""

    def trackstart(self) -> None:
        self._note("trackstart")
        self.asked = True

    def replyto_shutdown(self, answer: int) -> None:
        """Good even where nothing was asked."""
        self._note("replyto_shutdown")
        self._corosync.answers.append(answer)

    def local_get(self) -> int:
        self._note("local_get")
        return self._corosync.local_id

    def get_node_addrs(self, nodeid: int) -> tuple[tuple[int, bytes], ...]:
        """Members and configured nodes have some."""
        self._note("get_node_addrs")
        raw = self._corosync.link_answers(nodeid or self._corosync.local_id)
        if not raw:
            raise CorosyncError(CS_ERR_NOT_EXIST, "corosync_cfg_get_node_addrs")
        return tuple((len(each), each.ljust(ADDRESS_BYTES, b"\0")) for each in raw)
