"""Libcman's wire protocol to the byte, in both directions: frames, and the payloads in them.

Everything is in native byte order and native layout, as C structs of x86_64 are. A message begins
with five u32: magic, version, total length, command, flags. Sizes and offsets were computed with
offsetof and seen in captures; each payload names its own.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from fakecluster.transport.sockaddrs import ADDRESS_BYTES

MAGIC = 0x434D414E
VERSION = 0x10000003
NOISE_VERSION = 0xA5A5A5A5
"""The version field of what the daemon sends. Real cman leaves it uninitialised and libcman does
not look at it; this value is none that a client could take for a version."""

HEADER_BYTES = 20
BODY_MAX_BYTES = 1500
"""The longest request payload that cman takes."""

ADMIN_BIT = 0x80000000
"""In a command: only the admin socket may ask this (else EPERM)."""
REPLY_BIT = 0x40000000
"""In a command: this message answers a request."""

_HEADER = struct.Struct("=5I")
_STATUS = struct.Struct("=i")
_EVENT = struct.Struct("=2i")
_CONFCHG = struct.Struct("=3i")
_DATA = struct.Struct("=iI")


class Opcode(enum.IntEnum):
    """Every command number of cman 3.x, the admin bit included."""

    NOTIFY = 0x01
    REMOVENOTIFY = 0x02
    SETEXPECTED_VOTES = 0x80000004
    ISQUORATE = 0x05
    ISLISTENING = 0x06
    GETALLMEMBERS = 0x07
    SET_VOTES = 0x80000008
    GET_VERSION = 0x09
    SET_VERSION = 0x8000000A
    ISACTIVE = 0x0B
    KILLNODE = 0x8000000C
    GET_JOINCOUNT = 0x0D
    GETNODECOUNT = 0x0E
    GETNODE = 0x90
    GETCLUSTER = 0x91
    GETEXTRAINFO = 0x92
    BARRIER = 0xA0
    LEAVE_CLUSTER = 0x800000B4
    REG_QUORUMDEV = 0x800000B5
    UNREG_QUORUMDEV = 0x800000B6
    POLL_QUORUMDEV = 0x800000B7
    UPDATE_QUORUMDEV = 0x800000B8
    TRY_SHUTDOWN = 0x800000BB
    SHUTDOWN_REPLY = 0xBC
    UPDATE_FENCE_INFO = 0x800000BD
    GET_FENCE_INFO = 0xBE
    GET_NODEADDRS = 0xBF
    START_CONFCHG = 0xC0
    STOP_CONFCHG = 0xC1
    SET_DIRTY = 0x800000C2
    SET_DEBUGLOG = 0x800000C3
    DUMP_OBJDB = 0x800000C4
    GETNODE_EXTRA = 0xC5
    DATA = 0x100
    BIND = 0x101
    EVENT = 0x102
    """Daemon to client only: a notice; it has no reply bit."""
    CONFCHG = 0x103
    """Daemon to client only: who came and went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeader:
    """The 20 bytes before every payload; every field free, so that a test can send nonsense."""

    magic: int = MAGIC
    version: int = VERSION
    length: int
    """Bytes of the whole message, the header included."""
    command: int
    flags: int = 0

    def encode(self) -> bytes:
        """Return the 20 bytes."""
        return _HEADER.pack(self.magic, self.version, self.length, self.command, self.flags)

    @staticmethod
    def decode(data: bytes | bytearray) -> FrameHeader:
        """Read the first 20 bytes of `data`; the caller has made sure that they are there."""
        magic, version, length, command, flags = _HEADER.unpack_from(data)
        return FrameHeader(
            magic=magic, version=version, length=length, command=command, flags=flags
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A well-framed request; its command may be unknown and its body may not fit it."""

    command: int
    body: bytes = b""

    def encode(self) -> bytes:
        """Return the message as libcman sends it."""
        header = FrameHeader(length=HEADER_BYTES + len(self.body), command=self.command)
        return header.encode() + self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRequest:
    """What cman refuses with -EINVAL: a wrong header, or a request that is not there whole."""

    command: int
    """As it came, which is what the refusal echoes; 0 where it was not among the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a request."""

    command: int
    """The request's command, without the reply bit."""
    status: int
    """>= 0 good, else -errno."""
    payload: bytes = b""

    def encode(self) -> bytes:
        """Return the message as the daemon sends it."""
        return _from_daemon(self.command | REPLY_BIT, _STATUS.pack(self.status) + self.payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMessage:
    """A notice: 28 bytes."""

    reason: int
    arg: int

    def encode(self) -> bytes:
        """Return the message as the daemon sends it."""
        return _from_daemon(Opcode.EVENT, _EVENT.pack(self.reason, self.arg))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfchgMessage:
    """A configuration change: node ids, each a u32."""

    members: tuple[int, ...]
    left: tuple[int, ...]
    joined: tuple[int, ...]

    def encode(self) -> bytes:
        """Return the message as the daemon sends it."""
        ids = self.members + self.left + self.joined
        counts = _CONFCHG.pack(len(self.members), len(self.left), len(self.joined))
        return _from_daemon(Opcode.CONFCHG, counts + struct.pack(f"={len(ids)}I", *ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class DataMessage:
    """A message from another node to who has bound the port; laid out as the request DATA is."""

    node_id: int
    """The sender."""
    port: int
    payload: bytes

    def encode(self) -> bytes:
        """Return the message as the daemon sends it."""
        return _from_daemon(Opcode.DATA, _DATA.pack(self.node_id, self.port) + self.payload)


Message = Reply | EventMessage | ConfchgMessage | DataMessage
"""What the daemon sends."""


def cut_request(recv: Callable[[int], bytes]) -> bytes:
    """Read one request, as cman does: its header, then the body of which that tells.

    What is not there yet is not waited for: of a request that comes in parts each part is read as
    it comes. Of a wrong header only the 20 bytes are read: its body is taken for the next header.

    Args:
        recv: reads at most so many bytes; fewer where no more are there.

    Returns:
        A request for `decode_request`; nothing where the stream has ended.

    Raises:
        OSError: of `recv`; BlockingIOError where there is nothing at all.
    """
    header = recv(HEADER_BYTES)
    body_bytes = FrameHeader.decode(header).length - HEADER_BYTES if _is_good(header) else 0
    if not body_bytes:
        return header
    try:
        return header + recv(body_bytes)
    except BlockingIOError:
        return header


def decode_request(data: bytes) -> Request | BadRequest:
    """Return what `cut_request` has read. Never raises."""
    header = FrameHeader.decode(data[:HEADER_BYTES].ljust(HEADER_BYTES, b"\0"))
    if _is_good(data) and header.length == len(data):
        return Request(command=header.command, body=data[HEADER_BYTES:])
    return BadRequest(command=header.command)


def _is_good(header: bytes) -> bool:
    """Return whether cman takes these bytes for the header of a request."""
    if len(header) < HEADER_BYTES:
        return False
    found = FrameHeader.decode(header)
    body_bytes = found.length - HEADER_BYTES
    return (found.magic, found.version) == (MAGIC, VERSION) and 0 <= body_bytes <= BODY_MAX_BYTES


class MessageReader:
    """Cuts the daemon's byte stream into messages, as libcman does: no magic, no version checked.

    The other direction of the codec, for tests and raw clients.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes; give each message that is complete now.

        Raises:
            ValueError: what came is no message that a daemon can have sent.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER_BYTES:
            header = FrameHeader.decode(self._buffer)
            if header.length < HEADER_BYTES + _STATUS.size:
                raise ValueError(f"a message of {header.length} bytes")
            if len(self._buffer) < header.length:
                return
            payload = bytes(self._buffer[HEADER_BYTES : header.length])
            del self._buffer[: header.length]
            yield _message(header.command, payload)


def _message(command: int, payload: bytes) -> Message:
    if command & REPLY_BIT:
        (status,) = _STATUS.unpack_from(payload)
        return Reply(command=command & ~REPLY_BIT, status=status, payload=payload[_STATUS.size :])
    if command == Opcode.EVENT and len(payload) == _EVENT.size:
        reason, arg = _EVENT.unpack(payload)
        return EventMessage(reason=reason, arg=arg)
    if command == Opcode.CONFCHG and len(payload) >= _CONFCHG.size:
        members, left, joined = _CONFCHG.unpack_from(payload)
        ids = struct.unpack_from(f"={members + left + joined}I", payload, _CONFCHG.size)
        return ConfchgMessage(
            members=ids[:members],
            left=ids[members : members + left],
            joined=ids[members + left :],
        )
    if command == Opcode.DATA and len(payload) >= _DATA.size:
        node_id, port = _DATA.unpack_from(payload)
        return DataMessage(node_id=node_id, port=port, payload=payload[_DATA.size :])
    raise ValueError(f"no message of a daemon: command {command:#x}, {len(payload)} bytes")


def _from_daemon(command: int, payload: bytes) -> bytes:
    header = FrameHeader(version=NOISE_VERSION, length=HEADER_BYTES + len(payload), command=command)
    return header.encode() + payload


# -- payloads

NODE_BYTES = 440
_STORAGE_BYTES = 128
_PORTS_BYTES = 32

_NODE = struct.Struct("=4iIi255s128sxi4x2qB7x")
_EXTRA = struct.Struct("=7i32si")
_ADDRESS_COUNT = struct.Struct("=i4x")
_ADDRESS = struct.Struct("=i4x128s")
_INT = struct.Struct("=i")
_TWO_INTS = struct.Struct("=2i")
_LISTENING = struct.Struct("=B3xi")


class ShortPayloadError(ValueError):
    """A payload is shorter than what its command carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStruct:
    """A node, 440 bytes: the answer to GETNODE, GETALLMEMBERS; also GETNODE's question."""

    size: int = NODE_BYTES
    """Must be 440 in the first record of a list, or libcman answers EINVAL."""
    node_id: int
    """Signed 32 bits; 0 in a question is us, -1 the quorum device."""
    us: bool = False
    leave_reason: int = 0
    incarnation: int = 0
    state: int = 0
    name: bytes = b""
    """At most 255 bytes; at 255 there is no NUL."""
    address: bytes = b""
    """A sockaddr, empty where cman has none (non-members)."""
    join_seconds: int = 0
    join_microseconds: int = 0
    votes: int = 0

    def encode(self) -> bytes:
        """Return the 440 bytes.

        Raises:
            ValueError: an address that libcman would copy over what lies behind its field.
        """
        # libcman copies `addrlen` bytes into a field of this size without a check.
        if len(self.address) > ADDRESS_BYTES:
            raise ValueError(f"a sockaddr of {len(self.address)} bytes")
        return _NODE.pack(
            self.size, self.node_id, self.us, self.leave_reason, self.incarnation, self.state,
            self.name, self.address, len(self.address),
            self.join_seconds, self.join_microseconds, self.votes,
        )  # fmt: skip

    @staticmethod
    def decode(data: bytes, offset: int = 0) -> NodeStruct:
        """Read the record at `offset`; an `addrlen` that does not fit reads as what fits.

        Raises:
            ShortPayloadError: there are no 440 bytes.
        """
        values = _unpack(_NODE, data, offset)
        (size, node_id, us, leave_reason, incarnation, state, name, storage, addrlen,
         seconds, microseconds, votes) = values  # fmt: skip
        return NodeStruct(
            size=size,
            node_id=node_id,
            us=us != 0,
            leave_reason=leave_reason,
            incarnation=incarnation,
            state=state,
            name=text(name),
            address=storage[: max(addrlen, 0)],
            join_seconds=seconds,
            join_microseconds=microseconds,
            votes=votes,
        )


def decode_nodes(reply: Reply) -> list[NodeStruct]:
    """Read the answer to GETALLMEMBERS; nothing is in a refusal."""
    offsets = range(0, max(reply.status, 0) * NODE_BYTES, NODE_BYTES)
    return [NodeStruct.decode(reply.payload, offset) for offset in offsets]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraInfoStruct:
    """The answer to GETEXTRAINFO, 64 + 2·n·128 bytes: n multicast, then n interface addresses."""

    node_state: int
    flags: int
    node_votes: int
    total_votes: int
    expected_votes: int
    quorum: int
    members: int
    ports: bytes = bytes(_PORTS_BYTES)
    """A bit mask of the bound ports, 32 bytes."""
    multicasts: tuple[bytes, ...] = ()
    interfaces: tuple[bytes, ...] = ()
    """As many as multicasts."""

    def encode(self) -> bytes:
        """Return the struct with its variable tail."""
        head = _EXTRA.pack(
            self.node_state, self.flags, self.node_votes, self.total_votes, self.expected_votes,
            self.quorum, self.members, self.ports, len(self.interfaces),
        )  # fmt: skip
        tail = self.multicasts + self.interfaces
        return head + b"".join(each.ljust(_STORAGE_BYTES, b"\0") for each in tail)

    @staticmethod
    def decode(data: bytes) -> ExtraInfoStruct:
        """Read it back; each address is the whole 128-byte storage.

        Raises:
            ShortPayloadError: it is cut.
        """
        *numbers, ports, count = _unpack(_EXTRA, data, 0)
        end = _EXTRA.size + 2 * count * _STORAGE_BYTES
        if len(data) < end:
            raise ShortPayloadError(f"{len(data)} bytes for {count} addresses")
        tail = tuple(
            data[at : at + _STORAGE_BYTES] for at in range(_EXTRA.size, end, _STORAGE_BYTES)
        )
        state, flags, votes, total, expected, quorum, members = numbers
        return ExtraInfoStruct(
            node_state=state,
            flags=flags,
            node_votes=votes,
            total_votes=total,
            expected_votes=expected,
            quorum=quorum,
            members=members,
            ports=ports,
            multicasts=tail[:count],
            interfaces=tail[count:],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fixed:
    """A C struct of one size; its members are the attributes, in their order."""

    LAYOUT: ClassVar[struct.Struct]

    def encode(self) -> bytes:
        """Return its bytes."""
        return self.LAYOUT.pack(*(getattr(self, each.name) for each in fields(self)))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read it back; texts end at their NUL. Raises ShortPayloadError when it is cut."""
        values = (
            text(each) if isinstance(each, bytes) else each for each in _unpack(cls.LAYOUT, data, 0)
        )
        return cls(**{each.name: value for each, value in zip(fields(cls), values, strict=True)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStruct(_Fixed):
    """The answer to GETCLUSTER, 24 bytes."""

    LAYOUT = struct.Struct("=16s2xHI")

    name: bytes
    """At most 16 bytes."""
    number: int
    generation: int
    """The current ring sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionStruct(_Fixed):
    """The answer to GET_VERSION and the question of SET_VERSION, 16 bytes."""

    LAYOUT = struct.Struct("=4I")

    major: int = 6
    minor: int = 2
    patch: int = 0
    config: int
    """The version of the cluster's configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeExtraStruct(_Fixed):
    """The answer to GETNODE_EXTRA, 20 bytes."""

    LAYOUT = struct.Struct("=5i")

    node_id: int
    state: int
    votes: int
    expected_votes: int
    leave_reason: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceStruct(_Fixed):
    """The answer to GET_FENCE_INFO and the question of UPDATE_FENCE_INFO, 272 bytes."""

    LAYOUT = struct.Struct("=iIQ255sx")

    node_id: int
    flags: int = 0
    """2: fenced."""
    fence_seconds: int = 0
    """When, in seconds since 1970."""
    agent: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressesStruct:
    """The answer to GET_NODEADDRS: a count in 8 bytes, then 136 bytes an address."""

    addresses: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return the struct with its variable tail."""
        items = (_ADDRESS.pack(len(each), each) for each in self.addresses)
        return _ADDRESS_COUNT.pack(len(self.addresses)) + b"".join(items)

    @staticmethod
    def decode(data: bytes) -> AddressesStruct:
        """Read it back. Raises ShortPayloadError when it is cut."""
        (count,) = _unpack(_ADDRESS_COUNT, data, 0)
        found = []
        for index in range(count):
            at = _ADDRESS_COUNT.size + index * _ADDRESS.size
            length, storage = _unpack(_ADDRESS, data, at)
            found.append(storage[: max(length, 0)])
        return AddressesStruct(addresses=tuple(found))


def encode_ints(*values: int) -> bytes:
    """Return C ints, one after the other."""
    return struct.pack(f"={len(values)}i", *values)


def decode_int(data: bytes) -> int:
    """Read one C int. Raises ShortPayloadError when it is cut."""
    (value,) = _unpack(_INT, data, 0)
    return int(value)


def decode_two_ints(data: bytes) -> tuple[int, int]:
    """Read two C ints. Raises ShortPayloadError when they are cut."""
    first, second = _unpack(_TWO_INTS, data, 0)
    return first, second


def encode_listening(port: int, node_id: int) -> bytes:
    """Return ISLISTENING's question: u8 port at 0, int node id at 4."""
    return _LISTENING.pack(port, node_id)


def decode_listening(data: bytes) -> tuple[int, int]:
    """Read ISLISTENING's port and node id. Raises ShortPayloadError when it is cut."""
    port, node_id = _unpack(_LISTENING, data, 0)
    return port, node_id


def text(field: bytes) -> bytes:
    """Return a C string field up to its NUL; without one, all of it."""
    return field.split(b"\0", 1)[0]


def _unpack(layout: struct.Struct, data: bytes, offset: int) -> tuple[Any, ...]:
    if len(data) - offset < layout.size:
        raise ShortPayloadError(f"{len(data) - offset} bytes where {layout.size} are due")
    return layout.unpack_from(data, offset)
