"""The payloads of libcman's wire protocol: C structs of x86_64, byte for byte, in both directions.

Sizes and offsets were computed with offsetof and seen in captures; each class names its own.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Any

NODE_BYTES = 440
SOCKADDR_MAX_BYTES = 28
"""libcman copies `addrlen` bytes into a field of this size without a check: never send more."""
SCOPE_ID = 2
"""cman hard-codes the IPv6 scope id."""

_STORAGE_BYTES = 128
_PORTS_BYTES = 32

_NODE = struct.Struct("=4iIi255s128sxi4x2qB7x")
_EXTRA = struct.Struct("=7i32si")
_CLUSTER = struct.Struct("=17sxHI")
_VERSION = struct.Struct("=4I")
_NODE_EXTRA = struct.Struct("=5i")
_FENCE = struct.Struct("=iIQ255sx")
_ADDRESS_COUNT = struct.Struct("=i4x")
_ADDRESS = struct.Struct("=i4x128s")
_INT = struct.Struct("=i")
_TWO_INTS = struct.Struct("=2i")
_LISTENING = struct.Struct("=B3xi")
_IPV4 = struct.Struct("=H")
_IPV6_TAIL = struct.Struct("=I")


class ShortPayloadError(ValueError):
    """A payload is shorter than what its command carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
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
        if len(self.address) > SOCKADDR_MAX_BYTES:
            raise ValueError(f"a sockaddr of {len(self.address)} bytes")
        return _NODE.pack(
            self.size, self.node_id, self.us, self.leave_reason, self.incarnation, self.state,
            self.name, self.address, len(self.address),
            self.join_seconds, self.join_microseconds, self.votes,
        )  # fmt: skip

    @staticmethod
    def decode(data: bytes, offset: int = 0) -> NodeRecord:
        """Read the record at `offset`; an `addrlen` that does not fit reads as what fits.

        Raises:
            ShortPayloadError: there are no 440 bytes.
        """
        values = _unpack(_NODE, data, offset)
        (size, node_id, us, leave_reason, incarnation, state, name, storage, addrlen,
         seconds, microseconds, votes) = values  # fmt: skip
        return NodeRecord(
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraInfoRecord:
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
    def decode(data: bytes) -> ExtraInfoRecord:
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
        return ExtraInfoRecord(
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
class ClusterRecord:
    """The answer to GETCLUSTER, 24 bytes."""

    name: bytes
    """At most 16 bytes."""
    number: int
    generation: int
    """The current ring sequence."""

    def encode(self) -> bytes:
        """Return the 24 bytes."""
        return _CLUSTER.pack(self.name[:16], self.number, self.generation)

    @staticmethod
    def decode(data: bytes) -> ClusterRecord:
        """Read it back. Raises ShortPayloadError when it is cut."""
        name, number, generation = _unpack(_CLUSTER, data, 0)
        return ClusterRecord(name=text(name), number=number, generation=generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRecord:
    """The answer to GET_VERSION and the question of SET_VERSION, 16 bytes."""

    major: int = 6
    minor: int = 2
    patch: int = 0
    config: int
    """The version of the cluster's configuration."""

    def encode(self) -> bytes:
        """Return the 16 bytes."""
        return _VERSION.pack(self.major, self.minor, self.patch, self.config)

    @staticmethod
    def decode(data: bytes) -> VersionRecord:
        """Read it back. Raises ShortPayloadError when it is cut."""
        major, minor, patch, config = _unpack(_VERSION, data, 0)
        return VersionRecord(major=major, minor=minor, patch=patch, config=config)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeExtraRecord:
    """The answer to GETNODE_EXTRA, 20 bytes."""

    node_id: int
    state: int
    votes: int
    expected_votes: int
    leave_reason: int

    def encode(self) -> bytes:
        """Return the 20 bytes."""
        return _NODE_EXTRA.pack(
            self.node_id, self.state, self.votes, self.expected_votes, self.leave_reason
        )

    @staticmethod
    def decode(data: bytes) -> NodeExtraRecord:
        """Read it back. Raises ShortPayloadError when it is cut."""
        node_id, state, votes, expected, reason = _unpack(_NODE_EXTRA, data, 0)
        return NodeExtraRecord(
            node_id=node_id,
            state=state,
            votes=votes,
            expected_votes=expected,
            leave_reason=reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceRecord:
    """The answer to GET_FENCE_INFO and the question of UPDATE_FENCE_INFO, 272 bytes."""

    node_id: int
    flags: int = 0
    """2: fenced."""
    fence_seconds: int = 0
    """When, in seconds since 1970."""
    agent: bytes = b""

    def encode(self) -> bytes:
        """Return the 272 bytes."""
        return _FENCE.pack(self.node_id, self.flags, self.fence_seconds, self.agent)

    @staticmethod
    def decode(data: bytes) -> FenceRecord:
        """Read it back. Raises ShortPayloadError when it is cut."""
        node_id, flags, seconds, agent = _unpack(_FENCE, data, 0)
        return FenceRecord(node_id=node_id, flags=flags, fence_seconds=seconds, agent=text(agent))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressesRecord:
    """The answer to GET_NODEADDRS: a count in 8 bytes, then 136 bytes an address."""

    addresses: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Return the struct with its variable tail."""
        items = (_ADDRESS.pack(len(each), each) for each in self.addresses)
        return _ADDRESS_COUNT.pack(len(self.addresses)) + b"".join(items)

    @staticmethod
    def decode(data: bytes) -> AddressesRecord:
        """Read it back. Raises ShortPayloadError when it is cut."""
        (count,) = _unpack(_ADDRESS_COUNT, data, 0)
        found = []
        for index in range(count):
            at = _ADDRESS_COUNT.size + index * _ADDRESS.size
            length, storage = _unpack(_ADDRESS, data, at)
            found.append(storage[: max(length, 0)])
        return AddressesRecord(addresses=tuple(found))


def sockaddr(address: str) -> bytes:
    """Return cman's sockaddr of a numeric address: 16 bytes IPv4, 28 bytes IPv6, port always 0.

    Raises:
        ValueError: it is no numeric address.
    """
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        return _IPV4.pack(socket.AF_INET) + bytes(2) + parsed.packed + bytes(8)
    return _IPV4.pack(socket.AF_INET6) + bytes(6) + parsed.packed + _IPV6_TAIL.pack(SCOPE_ID)


def sockaddr_text(data: bytes) -> str:
    """Return the numeric address of a sockaddr, empty for an empty one.

    Raises:
        ValueError: it is neither IPv4 nor IPv6.
    """
    if not data:
        return ""
    (family,) = _IPV4.unpack_from(data)
    if family == socket.AF_INET:
        return str(ipaddress.IPv4Address(data[4:8]))
    if family == socket.AF_INET6:
        return str(ipaddress.IPv6Address(data[8:24]))
    raise ValueError(f"address family {family}")


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
