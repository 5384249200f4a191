"""The words in which the rows of the observed cman are written: nodes, connections, what they see.

What a row sees is text, so that a page can show it and two engines can be compared.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self

from fakecluster.cman.client_end import SocketKind
from fakecluster.cman.constants import Reason
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.cman.wire.codec import (
    AddressesStruct,
    ConfchgMessage,
    DataMessage,
    EventMessage,
    ExtraInfoStruct,
    FenceStruct,
    Message,
    NodeExtraStruct,
    NodeStruct,
    Opcode,
    Reply,
    VersionStruct,
    decode_nodes,
    encode_ints,
    encode_listening,
)
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.cman.wire.server import SOCKET_NAMES
from fakecluster.conformance.cman_driver import CmanDriver, until
from o2cbd.core.rules import SECOND_US

SETTLE_US: Final = 15 * SECOND_US
"""Longer than a death takes to be noticed with a token time-out of 3 s and 5 s of consensus."""
_PATIENCE_US: Final = 60 * SECOND_US


def word(status: int) -> str:
    """Return a status as it is read: a number, or the symbol of an errno."""
    return str(status) if status >= 0 else errno.errorcode.get(-status, str(status))


def spaced(values: Sequence[object]) -> str:
    """Return values with spaces between them, `none` for none."""
    return " ".join(map(str, values)) or "none"


class SceneClient:
    """One connection to a node, and all that it was told."""

    def __init__(self, raw: RawClient) -> None:
        self.raw = raw
        self._heard: list[Message] = []
        self._late: list[str] = []

    def ask(self, command: int, body: bytes = b"") -> Reply:
        """Ask; what comes before the reply is kept. Raises HungUpError."""
        return self.raw.ask(command, body)

    def status(self, command: int, body: bytes = b"") -> str:
        """Ask; return the status as a word, `gone` where the daemon closed the connection."""
        try:
            return word(self.ask(command, body).status)
        except HungUpError:
            return "gone"

    def ints(self, command: int, *values: int) -> str:
        """Ask with C ints; return the status."""
        return self.status(command, encode_ints(*values))

    def heard(self) -> list[Message]:
        """Return everything that came unasked until now; a closed connection ends it."""
        self.status(Opcode.ISACTIVE)
        self._heard += self.raw.notices
        self.raw.notices = []
        return list(self._heard)

    def forget(self) -> None:
        """Begin to listen anew."""
        self.heard()
        self._heard.clear()

    def events(self, reason: Reason = Reason.STATE_CHANGE) -> str:
        """Return the args of the notices of a kind."""
        return spaced(
            [e.arg for e in self.heard() if isinstance(e, EventMessage) and e.reason == reason]
        )

    def kinds(self) -> str:
        """Return what came, in order: `S1` a state change, `C2` a new version, `ring` a ring."""
        return spaced([_kind(each) for each in self.heard()])

    def data(self) -> str:
        """Return what came from other nodes' clients."""
        return spaced(
            [each.payload.decode() for each in self.heard() if isinstance(each, DataMessage)]
        )

    def nodes(self) -> list[NodeStruct]:
        """Return the node list."""
        return decode_nodes(self.ask(Opcode.GETALLMEMBERS))

    def node(self, node_id: int) -> NodeStruct:
        """Return one node of the list."""
        return next(each for each in self.nodes() if each.node_id == node_id)

    def members(self) -> str:
        """Return the ids of the members."""
        return spaced([each.node_id for each in self.nodes() if each.state == 2])

    def quorate(self) -> str:
        """Return whether the partition is quorate, as 0 or 1."""
        return self.status(Opcode.ISQUORATE)

    def get_node(self, node_id: int, name: bytes = b"") -> Reply:
        """GETNODE."""
        return self.ask(Opcode.GETNODE, NodeStruct(node_id=node_id, name=name).encode())

    def addresses(self, node_id: int) -> tuple[bytes, ...]:
        """GET_NODEADDRS of a known node."""
        return AddressesStruct.decode(
            self.ask(Opcode.GET_NODEADDRS, encode_ints(node_id)).payload
        ).addresses

    def leave_reason(self, node_id: int) -> int:
        """GETNODE_EXTRA's reason."""
        reply = self.ask(Opcode.GETNODE_EXTRA, encode_ints(node_id))
        return NodeExtraStruct.decode(reply.payload).leave_reason

    def info(self) -> ExtraInfoStruct:
        """GETEXTRAINFO."""
        return ExtraInfoStruct.decode(self.ask(Opcode.GETEXTRAINFO).payload)

    def fenced(self, node_id: int) -> str:
        """GET_FENCE_INFO: flag, seconds, agent."""
        reply = self.ask(Opcode.GET_FENCE_INFO, encode_ints(node_id))
        info = FenceStruct.decode(reply.payload)
        return spaced([int(bool(info.flags & 2)), info.fence_seconds, info.agent.decode()])

    def fence(self, node_id: int, seconds: int) -> str:
        """UPDATE_FENCE_INFO (admin)."""
        info = FenceStruct(node_id=node_id, flags=2, fence_seconds=seconds, agent=b"fence_x")
        return self.status(Opcode.UPDATE_FENCE_INFO, info.encode())

    def listening(self, node_id: int, port: int) -> str:
        """ISLISTENING."""
        return self.status(Opcode.ISLISTENING, encode_listening(port, node_id))

    def send_data(self, node_id: int, port: int, text: bytes) -> None:
        """DATA."""
        self.raw.send(Opcode.DATA, struct.pack("=iI", node_id, port) + text)

    def set_version(self, version: int) -> str:
        """SET_VERSION (admin)."""
        return self.status(Opcode.SET_VERSION, VersionStruct(config=version).encode())

    def device(self, command: int, votes: int, name: bytes) -> str:
        """REG_QUORUMDEV or UPDATE_QUORUMDEV (admin)."""
        return self.status(command, encode_ints(votes) + name + b"\0")

    def shutdown(self, flags: int = 0) -> None:
        """TRY_SHUTDOWN (admin), until it is served; `replies` has what becomes of it."""
        self.raw.send(Opcode.TRY_SHUTDOWN, encode_ints(flags))
        self._until_served()

    def vote(self, *, yes: bool) -> None:
        """SHUTDOWN_REPLY, until it is served."""
        self.raw.send(Opcode.SHUTDOWN_REPLY, encode_ints(int(yes)))
        self._until_served()

    def replies(self) -> str:
        """Return, once, the late replies to `shutdown`, then `gone` where it was closed."""
        self._until_served()
        found, self._late = self._late, []
        return spaced(found)

    def _until_served(self) -> None:
        """Ask something harmless and wait for its answer; the daemon serves us in order."""
        self.raw.send(Opcode.ISACTIVE)
        try:
            while True:
                message = self.raw.next_message()
                if not isinstance(message, Reply):
                    self._heard.append(message)
                elif message.command == Opcode.ISACTIVE:
                    return
                else:
                    self._late.append(word(message.status))
        except HungUpError:
            self._late.append("gone")

    def close(self) -> None:
        """End the connection."""
        self.raw.close()


def _kind(message: Message) -> str:
    if isinstance(message, EventMessage):
        letter = {Reason.STATE_CHANGE: "S", Reason.CONFIG_UPDATE: "C", Reason.TRY_SHUTDOWN: "T"}
        return f"{letter.get(Reason(message.reason), 'P')}{message.arg}"
    return "ring" if isinstance(message, ConfchgMessage) else type(message).__name__


class Scene:
    """An engine under test while one row is acted."""

    def __init__(self, driver: CmanDriver, topology: Topology) -> None:
        self.driver = driver
        self.topology = topology
        self._peers: list[SceneClient] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in self._peers:
            each.close()
        self.driver.close()

    @property
    def profile(self) -> Profile:
        """By which version's column the engine is judged."""
        return self.driver.profile

    def connect_error(self, node_id: int) -> str:
        """Return what a connect gets now: `0`, or the symbol of its errno."""
        try:
            self.client(node_id).close()
        except OSError as error:
            return word(-(error.errno or 0))
        return "0"

    def client(self, node_id: int, kind: SocketKind = SocketKind.CLIENT) -> SceneClient:
        """Connect. Raises OSError."""
        path = self.driver.socket_dir(node_id) / SOCKET_NAMES[kind]
        peer = SceneClient(RawClient(path))
        self._peers.append(peer)
        return peer

    def admin(self, node_id: int) -> SceneClient:
        """Connect as an administrator."""
        return self.client(node_id, SocketKind.ADMIN)

    def listener(self, node_id: int, *, confchg: bool = False) -> SceneClient:
        """Connect, and ask for notices, and for rings."""
        peer = self.client(node_id)
        peer.ask(Opcode.NOTIFY)
        if confchg:
            peer.ask(Opcode.START_CONFCHG)
        return peer

    def up(self, *node_ids: int) -> None:
        """Start nodes (all, if none are named) one by one until each is a member, and settle."""
        for node_id in node_ids or self.topology.ids:
            self.driver.start(node_id)
            self.wait_for(node_id)
        self.settle()

    def wait_for(self, node_id: int) -> None:
        """Wait until a node takes connections. Raises TimeoutError."""
        if not self.until(lambda: self.connect_error(node_id) == "0", within_us=_PATIENCE_US):
            raise TimeoutError(f"node {node_id} takes no connection")

    def until(self, holds: Callable[[], bool], *, within_us: int) -> bool:
        """Wait until a condition holds, at most so long; return whether it held."""
        return until(self.driver, holds, within_us=within_us)

    def settle(self) -> None:
        """Wait as long as a death takes to be noticed."""
        self.driver.settle(SETTLE_US)

    def moment(self) -> None:
        """Wait one second."""
        self.driver.let_pass(SECOND_US)

    def leave(self, node_id: int, flags: int = 0) -> str:
        """`cman_leave_cluster` on a node; return its status."""
        return self.admin(node_id).ints(Opcode.LEAVE_CLUSTER, flags)

    def nodes(self, *without: int) -> tuple[NodeConfig, ...]:
        """Return the configured nodes, some left out."""
        return tuple(node for node in self.topology.nodes if node.id not in without)

    def write(
        self, version: int, *node_ids: int, nodes: Sequence[NodeConfig] | None = None
    ) -> None:
        """Write a version of the configuration to nodes (all, if none are named)."""
        for node_id in node_ids or self.topology.ids:
            chosen = self.topology.nodes if nodes is None else nodes
            self.driver.write_config(node_id, version, chosen)
