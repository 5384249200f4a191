"""From the fake cman's answers to the wire's records and messages."""

from __future__ import annotations

import functools
import os
import struct

from fakecluster.cman.answers import (
    ClusterInfo,
    Confchg,
    Delivery,
    ExtraInfo,
    FenceInfo,
    NodeEntry,
    NodeExtra,
    Notice,
    PortData,
    Version,
)
from fakecluster.cman.constants import FENCED
from fakecluster.cman.records import (
    AddressesRecord,
    ClusterRecord,
    ExtraInfoRecord,
    FenceRecord,
    NodeExtraRecord,
    NodeRecord,
    VersionRecord,
    decode_int,
    sockaddr,
    text,
)
from fakecluster.cman.wire import ConfChg, Data, Event, Message

_U32 = 0xFFFFFFFF


# A list is asked for again and again, and most of it is as it was.
@functools.lru_cache(maxsize=4096)
def node(entry: NodeEntry) -> bytes:
    """Return GETNODE's answer; a list is these, one behind the other."""
    seconds, microseconds = divmod(entry.jointime_us, 1_000_000)
    return NodeRecord(
        node_id=signed(entry.node_id),
        us=entry.us,
        leave_reason=entry.leave_reason,
        incarnation=entry.incarnation & _U32,
        state=entry.state,
        name=os.fsencode(entry.name),
        address=sockaddr(entry.address) if entry.address else b"",
        join_seconds=seconds,
        join_microseconds=microseconds,
        votes=entry.votes & 0xFF,
    ).encode()


def node_extra(extra: NodeExtra) -> bytes:
    """Return GETNODE_EXTRA's answer."""
    return NodeExtraRecord(
        node_id=signed(extra.node_id),
        state=extra.state,
        votes=extra.votes,
        expected_votes=extra.expected_votes,
        leave_reason=extra.leave_reason,
    ).encode()


def cluster(info: ClusterInfo) -> bytes:
    """Return GETCLUSTER's answer."""
    return ClusterRecord(
        name=os.fsencode(info.name), number=info.number, generation=info.generation & _U32
    ).encode()


def version(answer: Version) -> bytes:
    """Return GET_VERSION's answer."""
    return VersionRecord(
        major=answer.major, minor=answer.minor, patch=answer.patch, config=answer.config & _U32
    ).encode()


def extra_info(info: ExtraInfo) -> bytes:
    """Return GETEXTRAINFO's answer."""
    ports = sum(1 << port for port in info.ports if 0 <= port < 256)
    return ExtraInfoRecord(
        node_state=info.node_state,
        flags=info.flags,
        node_votes=info.node_votes,
        total_votes=info.total_votes,
        expected_votes=info.expected_votes,
        quorum=info.quorum,
        members=info.members,
        ports=ports.to_bytes(32, "little"),
        multicasts=tuple(sockaddr(each) for each in info.multicasts),
        interfaces=tuple(sockaddr(each) for each in info.interfaces),
    ).encode()


def fence(info: FenceInfo) -> bytes:
    """Return GET_FENCE_INFO's answer."""
    return FenceRecord(
        node_id=signed(info.node_id),
        flags=FENCED if info.fenced else 0,
        fence_seconds=info.time_s,
        agent=os.fsencode(info.agent),
    ).encode()


def fence_info(data: bytes) -> FenceInfo:
    """Read UPDATE_FENCE_INFO's question. Raises ShortPayloadError when it is cut."""
    record = FenceRecord.decode(data)
    return FenceInfo(
        node_id=unsigned(record.node_id),
        fenced=bool(record.flags & FENCED),
        time_s=record.fence_seconds,
        agent=os.fsdecode(record.agent),
    )


def addresses(found: tuple[str, ...]) -> bytes:
    """Return GET_NODEADDRS' answer."""
    return AddressesRecord(addresses=tuple(sockaddr(each) for each in found)).encode()


def delivery(unasked: Delivery) -> Message:
    """Return the message of what the daemon sends without being asked."""
    match unasked:
        case Notice(reason=reason, arg=arg):
            return Event(reason=reason, arg=signed(arg))
        case Confchg(members=members, left=left, joined=joined):
            return ConfChg(members=members, left=left, joined=joined)
        case PortData(from_node_id=sender, port=port, payload=payload):
            return Data(node_id=signed(sender), port=port, payload=payload)


def named_votes(data: bytes) -> tuple[int, str]:
    """Read REG_QUORUMDEV's votes and name. Raises ShortPayloadError when it is cut."""
    return decode_int(data), os.fsdecode(text(data[4:]))


def signed(number: int) -> int:
    """Return the C int with the same 32 bits."""
    return struct.unpack("=i", struct.pack("=I", number & _U32))[0]  # type: ignore[no-any-return]


def unsigned(number: int) -> int:
    """Return the node id that a C int on the wire means: 1 to 2³²-1."""
    return number & _U32
