"""A libcman function table that a script plays: it stands in for C below the cman adapter.

It holds what one cman would answer, and does to its user what the real library was seen to do:
events held back during a request under another descriptor, a full buffer of old memory called a
success, a dead connection that says so again and again.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Sequence

from fakecluster.sim.engine_table import NAME_BYTES, SOCKET_FD, ZERO_FD
from fakecluster.transport.sockaddrs import ADDRESS_BYTES, sockaddr
from o2cbd.membership.libcman_table import (
    DISPATCH_ALL,
    ClusterRecord,
    CmanError,
    EventCallback,
    FenceRecord,
    NodeRecord,
)


def node(
    nodeid: int,
    name: str | bytes | None = None,
    address: str | None = None,
    *,
    member: bool = True,
    incarnation: int = 4,
) -> NodeRecord:
    """Return a node record; name and address default to ones made from the id."""
    if name is None:
        name = f"n{nodeid}"
    raw = sockaddr(f"192.0.2.{nodeid}" if address is None else address)
    text = name if isinstance(name, bytes) else name.encode()
    return NodeRecord(
        nodeid=nodeid,
        address_length=len(raw),
        address=raw.ljust(ADDRESS_BYTES, b"\0"),
        name=text.ljust(NAME_BYTES, b"\0")[:NAME_BYTES],
        member=int(member),
        incarnation=incarnation,
    )


class ScriptedCman:
    """A `LibcmanTable` and the cman behind it; change its attributes between calls."""

    def __init__(self, nodes: Sequence[NodeRecord] = (), *, local_id: int = 1) -> None:
        self.nodes = list(nodes)
        self.local_id = local_id
        self.cluster = b"alpha"
        self.quorate = 1
        self.extra_flags = 0
        self.interfaces: dict[int, Sequence[str]] = {}
        """What `get_node_addrs` gives, where it is not the address in the list."""
        self.fenced: dict[int, FenceRecord] = {}
        self.votes: dict[int, int] = {}
        self.late_nodes: deque[Sequence[NodeRecord]] = deque()
        """Nodes that are in the list only after it has been counted, a count each."""
        self.old_memory = False
        """A list that does not fit is called a success, from what an earlier answer has left."""
        self.calls: list[str] = []
        """Every call of every connection, by its C name."""
        self.answers: list[int] = []
        """What was sent with `replyto_shutdown`."""
        self.finished = 0
        self._failures: dict[str, deque[int]] = {}
        self._during: dict[str, deque[tuple[int, int]]] = {}
        self._dead: deque[int] = deque()
        self._on_socket: deque[tuple[int, int]] = deque()
        self._held_back: deque[tuple[int, int]] = deque()

    def init(self) -> ScriptedHandle:
        """Succeeds while cman is dying, too: only `fail` refuses."""
        self.note("cman_init")
        return ScriptedHandle(self)

    def send(self, reason: int, argument: int) -> None:
        """Put an event on the socket."""
        self._on_socket.append((reason, argument))

    def send_during(self, call: str, reason: int, argument: int) -> None:
        """Send an event while this call waits for its reply; once."""
        self._during.setdefault(call, deque()).append((reason, argument))

    def fail(self, call: str, errno_: int, count: int = 1) -> None:
        """Fail the next calls of this function with that errno."""
        self._failures.setdefault(call, deque()).extend([errno_] * count)

    def die(self, first: int = errno.EHOSTDOWN) -> None:
        """Close the connection: this errno once, then EHOSTDOWN each time."""
        self._dead = deque([first])

    def note(self, call: str) -> None:
        """Note a call, and fail as told."""
        self.calls.append(call)
        failures = self._failures.get(call)
        if failures:
            raise CmanError(failures.popleft(), call)

    def reach(self, call: str) -> None:
        """Talk to cman: events come in meanwhile, or it is dead."""
        self._held_back.extend(self._during.pop(call, ()))
        if self._dead:
            error = self._dead.popleft()
            self._dead.append(errno.EHOSTDOWN)
            raise CmanError(error, call)

    def fd(self) -> int:
        """Return the descriptor of this moment."""
        return ZERO_FD if self._held_back else SOCKET_FD

    def deliver(self, callback: EventCallback, *, all_of_them: bool) -> int:
        """Deliver events held back, then those on the socket; at the end report a death."""
        delivered = 0
        while self._held_back or self._on_socket:
            queue = self._held_back or self._on_socket
            callback(*queue.popleft())
            delivered += 1
            if not all_of_them:
                return 8
        return 0


class ScriptedHandle:
    """A connection to a `ScriptedCman`; what the methods do stands in `LibcmanHandle`."""

    def __init__(self, cman: ScriptedCman) -> None:
        self._cman = cman
        self._callback: EventCallback | None = None
        self._finished = False

    def _enter(self, call: str) -> None:
        self._cman.note(call)
        if self._finished:
            raise CmanError(errno.EINVAL, call)

    def _ask(self, call: str) -> None:
        self._enter(call)
        self._cman.reach(call)

    def finish(self) -> None:
        """A second one is a use of freed memory: EINVAL at best."""
        self._enter("cman_finish")
        self._finished = True
        self._cman.finished += 1

    def start_notification(self, callback: EventCallback) -> None:
        """The callback is kept only once the reply is there."""
        self._ask("cman_start_notification")
        self._callback = callback

    def get_fd(self) -> int:
        """One of `SOCKET_FD` and `ZERO_FD`."""
        self._enter("cman_get_fd")
        return self._cman.fd()

    def dispatch(self, flags: int) -> int:
        """Events that came before a death are delivered before it is told."""
        self._enter("cman_dispatch")
        result = 0
        if self._callback is not None:
            every = bool(flags & DISPATCH_ALL)
            result = self._cman.deliver(self._callback, all_of_them=every)
        if result == 0:
            self._cman.reach("cman_dispatch")
        return result

    def get_node_count(self) -> int:
        """What comes late is in the list only after this."""
        self._ask("cman_get_node_count")
        count = len(self._cman.nodes)
        if self._cman.late_nodes:
            self._cman.nodes.extend(self._cman.late_nodes.popleft())
        return count

    def get_nodes(self, max_nodes: int) -> tuple[int, tuple[NodeRecord, ...]]:
        """EINVAL for a list that does not fit, or worse: see `ScriptedCman.old_memory`."""
        self._ask("cman_get_nodes")
        if len(self._cman.nodes) > max_nodes:
            if self._cman.old_memory:
                stale = self._cman.nodes[0]._replace(name=b"stale".ljust(NAME_BYTES, b"\0"))
                return max_nodes, (stale,) * max_nodes
            raise CmanError(errno.EINVAL, "cman_get_nodes")
        return len(self._cman.nodes), tuple(self._cman.nodes)

    def get_node(self, nodeid: int) -> NodeRecord:
        """0 is the local node, whatever else has the id 0 in the list."""
        self._ask("cman_get_node")
        wanted = nodeid or self._cman.local_id
        for record in self._cman.nodes:
            if record.nodeid == wanted:
                return record
        raise CmanError(errno.ENOENT, "cman_get_node")

    def get_node_addrs(self, nodeid: int) -> tuple[tuple[int, bytes], ...]:
        """EINVAL for an unknown id; nothing for a non-member."""
        self._ask("cman_get_node_addrs")
        for record in self._cman.nodes:
            if record.nodeid == nodeid:
                if not record.member:
                    return ()
                addresses = self._cman.interfaces.get(nodeid)
                if addresses is None:
                    return ((record.address_length, record.address),)
                raw = [sockaddr(address) for address in addresses]
                return tuple((len(each), each.ljust(ADDRESS_BYTES, b"\0")) for each in raw)
        raise CmanError(errno.EINVAL, "cman_get_node_addrs")

    def get_cluster(self) -> ClusterRecord:
        """Answered always."""
        self._ask("cman_get_cluster")
        return ClusterRecord(name=self._cman.cluster, generation=4)

    def get_extra_flags(self) -> int:
        """Answered always."""
        self._ask("cman_get_extra_info")
        return self._cman.extra_flags

    def get_node_votes(self, nodeid: int) -> int:
        """1 where nothing else was said; EINVAL for an unknown id."""
        self._ask("cman_get_node_extra")
        if all(record.nodeid != nodeid for record in self._cman.nodes):
            raise CmanError(errno.EINVAL, "cman_get_node_extra")
        return self._cman.votes.get(nodeid, 1)

    def is_quorate(self) -> int:
        """Answered always."""
        self._ask("cman_is_quorate")
        return self._cman.quorate

    def get_fenceinfo(self, nodeid: int) -> FenceRecord:
        """Not fenced where nothing else was said; EINVAL for an unknown id."""
        self._ask("cman_get_fenceinfo")
        if all(record.nodeid != nodeid for record in self._cman.nodes):
            raise CmanError(errno.EINVAL, "cman_get_fenceinfo")
        return self._cman.fenced.get(nodeid, FenceRecord(fenced=0, time_s=0))

    def replyto_shutdown(self, yesno: int) -> None:
        """Good even when nobody is there to hear it."""
        self._enter("cman_replyto_shutdown")
        self._cman.answers.append(yesno)
