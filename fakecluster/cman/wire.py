"""Libcman's wire protocol: the frames that go over cman's sockets, to the byte, in both directions.

Everything is in native byte order and native layout, as C structs are. A message begins with five
u32: magic, version, total length, command, flags. The payloads' layouts are in `records`.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass

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


class Command(enum.IntEnum):
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
class Header:
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
    def decode(data: bytes | bytearray) -> Header:
        """Read the first 20 bytes of `data`; the caller has made sure that they are there."""
        magic, version, length, command, flags = _HEADER.unpack_from(data)
        return Header(magic=magic, version=version, length=length, command=command, flags=flags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A well-framed request; its command may be unknown and its body may not fit it."""

    command: int
    body: bytes = b""

    def encode(self) -> bytes:
        """Return the message as libcman sends it."""
        header = Header(length=HEADER_BYTES + len(self.body), command=self.command)
        return header.encode() + self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRequest:
    """What cman refuses with -EINVAL: a wrong header, or a request that is not there whole.

    Of a wrong header only the 20 bytes are consumed: its body is taken for the next header. Of a
    request that comes in parts each part is consumed as it comes, so that step is lost, too.
    """

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
class Event:
    """A notice: 28 bytes."""

    reason: int
    arg: int

    def encode(self) -> bytes:
        """Return the message as the daemon sends it."""
        return _from_daemon(Command.EVENT, _EVENT.pack(self.reason, self.arg))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfChg:
    """A configuration change: node ids, each a u32."""

    members: tuple[int, ...]
    left: tuple[int, ...]
    joined: tuple[int, ...]

    def encode(self) -> bytes:
        """Return the message as the daemon sends it."""
        ids = self.members + self.left + self.joined
        counts = _CONFCHG.pack(len(self.members), len(self.left), len(self.joined))
        return _from_daemon(Command.CONFCHG, counts + struct.pack(f"={len(ids)}I", *ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """A message from another node to who has bound the port; laid out as the request DATA is."""

    node_id: int
    """The sender."""
    port: int
    payload: bytes

    def encode(self) -> bytes:
        """Return the message as the daemon sends it."""
        return _from_daemon(Command.DATA, _DATA.pack(self.node_id, self.port) + self.payload)


Message = Reply | Event | ConfChg | Data
"""What the daemon sends."""


class RequestReader:
    """Cuts what a client wrote into requests, as cman does: it waits for no rest of a request."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes, *, more: bool = False) -> Iterator[Request | BadRequest]:
        """Take all that lies in the socket; give each request in it. Never raises.

        `more`: the caller's buffer was full, so that the rest of a request may lie there still.
        """
        data = self._kept + data
        self._kept = b""
        while data:
            length = _request_bytes(data)
            if more and len(data) < max(length, HEADER_BYTES):
                self._kept = data
                return
            piece, data = data[:length], data[length:]
            if length <= len(piece) and _is_good(piece):
                yield Request(command=Header.decode(piece).command, body=piece[HEADER_BYTES:])
            else:
                padded = piece[:HEADER_BYTES].ljust(HEADER_BYTES, b"\0")
                yield BadRequest(command=Header.decode(padded).command)


def _is_good(header: bytes) -> bool:
    """Tell whether cman takes these bytes, at least 20, for the header of a request."""
    if len(header) < HEADER_BYTES:
        return False
    found = Header.decode(header)
    body_bytes = found.length - HEADER_BYTES
    return (found.magic, found.version) == (MAGIC, VERSION) and 0 <= body_bytes <= BODY_MAX_BYTES


def _request_bytes(data: bytes) -> int:
    """Return how many bytes cman consumes for what begins here, be they there or not."""
    return Header.decode(data).length if _is_good(data) else HEADER_BYTES


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
            header = Header.decode(self._buffer)
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
    if command == Command.EVENT and len(payload) == _EVENT.size:
        reason, arg = _EVENT.unpack(payload)
        return Event(reason=reason, arg=arg)
    if command == Command.CONFCHG and len(payload) >= _CONFCHG.size:
        members, left, joined = _CONFCHG.unpack_from(payload)
        ids = struct.unpack_from(f"={members + left + joined}I", payload, _CONFCHG.size)
        return ConfChg(
            members=ids[:members],
            left=ids[members : members + left],
            joined=ids[members + left :],
        )
    if command == Command.DATA and len(payload) >= _DATA.size:
        node_id, port = _DATA.unpack_from(payload)
        return Data(node_id=node_id, port=port, payload=payload[_DATA.size :])
    raise ValueError(f"no message of a daemon: command {command:#x}, {len(payload)} bytes")


def _from_daemon(command: int, payload: bytes) -> bytes:
    header = Header(version=NOISE_VERSION, length=HEADER_BYTES + len(payload), command=command)
    return header.encode() + payload
