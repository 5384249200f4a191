"""A grammar-aware fuzzer of libcman's wire protocol: byte streams that are nearly right.

The same seed gives the same streams everywhere: draws are `random()`, `getrandbits`, `randrange`.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from fakecluster.cman.wire.codec import (
    BODY_MAX_BYTES,
    HEADER_BYTES,
    REPLY_BIT,
    BadRequest,
    FenceStruct,
    FrameHeader,
    NodeStruct,
    Opcode,
    Request,
    VersionStruct,
    cut_request,
    decode_request,
    encode_ints,
    encode_listening,
)
from fakecluster.cman.wire.raw_client import RawClient

_T = TypeVar("_T")
_U32 = 1 << 32
_EDGES = (0, 1, 2, 19, 20, 21, 24, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

_NAMED = frozenset({Opcode.DATA, Opcode.REG_QUORUMDEV, Opcode.UPDATE_QUORUMDEV})
_TWO_INTS = frozenset({Opcode.ISLISTENING, Opcode.SET_VOTES})
_ONE_INT = frozenset(
    {
        Opcode.SETEXPECTED_VOTES,
        Opcode.KILLNODE,
        Opcode.LEAVE_CLUSTER,
        Opcode.POLL_QUORUMDEV,
        Opcode.TRY_SHUTDOWN,
        Opcode.SHUTDOWN_REPLY,
        Opcode.GET_FENCE_INFO,
        Opcode.GET_NODEADDRS,
        Opcode.SET_DEBUGLOG,
        Opcode.GETNODE_EXTRA,
        Opcode.BIND,
    }
)


def requests_in(data: bytes) -> Iterator[Request | BadRequest]:
    """Give each request of bytes that lie in a socket, as cman reads them."""
    stream = io.BytesIO(data)
    while cut := cut_request(stream.read):
        yield decode_request(cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """What one hostile connection sends, in the pieces that it is written in."""

    pieces: tuple[bytes, ...]

    @property
    def framed(self) -> bool:
        """True when the whole is at least one request, and nothing else."""
        messages = list(requests_in(b"".join(self.pieces)))
        return bool(messages) and not any(isinstance(each, BadRequest) for each in messages)

    @property
    def replies_due(self) -> list[int]:
        """The commands that are answered, in order; DATA is left out: only errors are answered."""
        due = [
            message.command & ~REPLY_BIT
            for piece in self.pieces
            for message in requests_in(piece)
            if isinstance(message, BadRequest) or message.command != Opcode.SHUTDOWN_REPLY
        ]
        return [command for command in due if command != Opcode.DATA]


def attacks(seed: int, count: int) -> Iterator[Attack]:
    """Yield `count` hostile connections; about a third has something wrong in a header."""
    draw = random.Random(seed)  # noqa: S311 - reproducible nonsense is wanted, not secrets
    extreme = random.Random(f"limits {seed}")  # noqa: S311 - as above
    for _ in range(count):
        data = b"".join(_message(draw) for _ in range(1 + draw.randrange(6)))
        if extreme.random() < 0.15:
            data += b"".join(request.encode() for request in _at_the_limits(extreme))
        if draw.random() < 0.1:
            data = data[: draw.randrange(len(data))]
        yield Attack(pieces=tuple(_split(draw, data)))


READINGS: tuple[Request, ...] = (
    Request(command=Opcode.GETALLMEMBERS),
    Request(command=Opcode.GETEXTRAINFO),
    Request(command=Opcode.GETCLUSTER),
    Request(command=Opcode.GET_VERSION),
    Request(command=Opcode.GETNODE, body=NodeStruct(node_id=0).encode()),
    Request(command=Opcode.GETNODE_EXTRA, body=encode_ints(0)),
    Request(command=Opcode.GET_NODEADDRS, body=encode_ints(1)),
    Request(command=Opcode.GET_FENCE_INFO, body=encode_ints(1)),
    Request(command=Opcode.ISLISTENING, body=encode_listening(11, 0)),
)
"""What every client may ask, with a good answer from each member whatever others have done."""


def refused_readings(client: RawClient) -> list[int]:
    """Ask whatever a client may ask, and return the commands that got no good answer."""
    return [one.command for one in READINGS if client.ask(one.command, one.body).status < 0]


def _at_the_limits(draw: random.Random) -> tuple[Request, ...]:
    """Set something to a value at the edge of its type, then use it."""
    number = encode_ints(_as_int(_pick(draw, _EDGES)))
    device = number + b"/dev/q\0"
    on = encode_ints(1)
    scenes = (
        ((Opcode.REG_QUORUMDEV, device), (Opcode.POLL_QUORUMDEV, on)),
        (
            (Opcode.REG_QUORUMDEV, on + b"/dev/q\0"),
            (Opcode.UPDATE_QUORUMDEV, device),
            (Opcode.POLL_QUORUMDEV, on),
        ),
        ((Opcode.SET_VOTES, encode_ints(0) + number),),
        ((Opcode.BIND, number), (Opcode.DATA, encode_ints(0) + number + b"x")),
    )
    return tuple(Request(command=command, body=body) for command, body in _pick(draw, scenes))


def _message(draw: random.Random) -> bytes:
    command = int(_pick(draw, tuple(Opcode)))
    body = _body(draw, command)
    header = FrameHeader(length=HEADER_BYTES + len(body), command=command)
    if draw.random() < 0.12:
        field = _pick(draw, ("magic", "version", "length", "command", "flags"))
        header = replace(header, **{field: _number(draw)})
    elif draw.random() < 0.04:
        header = replace(header, length=header.length + draw.randrange(-3, 4))
    return header.encode() + body


def _body(draw: random.Random, command: int) -> bytes:
    """A body that fits its command mostly; else too short, too long, or noise."""
    kind = draw.randrange(8)
    fitting = _fitting(draw, command)
    if kind == 0:
        return fitting[: draw.randrange(len(fitting) + 1)]
    if kind == 1:
        return fitting + _noise(draw, draw.randrange(64))
    if kind == 2:
        return _noise(draw, draw.randrange(BODY_MAX_BYTES + 1))
    return fitting


def _fitting(draw: random.Random, command: int) -> bytes:
    body = b""
    if command == Opcode.GETNODE:
        name = _pick(draw, (b"", b"node1", b"x" * 255, b"\xff\xfe/..", _noise(draw, 40)))
        body = NodeStruct(node_id=_signed(draw), name=name, state=_signed(draw)).encode()
    elif command == Opcode.SET_VERSION:
        body = VersionStruct(major=_number(draw), config=_number(draw)).encode()
    elif command == Opcode.UPDATE_FENCE_INFO:
        agent = _noise(draw, draw.randrange(256))
        body = FenceStruct(node_id=_signed(draw), agent=agent).encode()
    elif command == Opcode.BARRIER:
        body = _noise(draw, 48)
    elif command in _NAMED:
        tail = _noise(draw, draw.randrange(300))
        body = encode_ints(_signed(draw), _signed(draw)) + tail
    elif command in _TWO_INTS:
        body = encode_ints(_signed(draw), _signed(draw))
    elif command in _ONE_INT:
        body = encode_ints(_signed(draw))
    return body


def _split(draw: random.Random, data: bytes) -> Iterator[bytes]:
    """Cut the stream at a few places, or, now and then, at every byte."""
    if draw.random() < 0.1:
        yield from (data[at : at + 1] for at in range(len(data)))
        return
    cuts = sorted(draw.randrange(len(data) + 1) for _ in range(draw.randrange(4)))
    start = 0
    for cut in [*cuts, len(data)]:
        if cut > start:
            yield data[start:cut]
            start = cut


def _noise(draw: random.Random, size: int) -> bytes:
    return draw.getrandbits(8 * size).to_bytes(size, "little") if size else b""


def _number(draw: random.Random) -> int:
    if draw.random() < 0.5:
        return _pick(draw, _EDGES)
    return draw.randrange(_U32)


def _signed(draw: random.Random) -> int:
    """A C int: mostly a plausible node id, else an edge or anything."""
    if draw.random() < 0.6:
        return draw.randrange(-1, 5)
    return _as_int(_number(draw))


def _as_int(number: int) -> int:
    return number - _U32 if number >= _U32 // 2 else number


def _pick(draw: random.Random, choices: tuple[_T, ...]) -> _T:
    return choices[draw.randrange(len(choices))]
