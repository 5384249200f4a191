"""What each request of libcman's protocol asks of the fake cman: one table, command by command."""

from __future__ import annotations

import errno
import functools
import os
import struct
from collections.abc import Callable
from typing import TypeVar

from fakecluster.cman.answers import (
    ClusterInfo,
    Confchg,
    Delivery,
    ExtraInfo,
    FenceInfo,
    NodeEntry,
    NodeExtra,
    Notice,
    OnStatus,
    PortData,
    Version,
)
from fakecluster.cman.client import Client
from fakecluster.cman.constants import FENCED, QDISK_QUERY_ID
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.cman.wire.codec import (
    ADMIN_BIT,
    AddressesStruct,
    ClusterStruct,
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
    Request,
    ShortPayloadError,
    VersionStruct,
    decode_int,
    decode_listening,
    decode_two_ints,
    text,
)
from fakecluster.transport.sockaddrs import sockaddr

_U32 = 0xFFFFFFFF
_T = TypeVar("_T")
_INT_MAX = 0x7FFFFFFF
_NAME_BYTES = 254
"""Of a node's name, so that its field ends with a NUL: clients read it as a C string."""
Answer = tuple[int, bytes]
"""A status and a payload."""
_GOOD: Answer = (0, b"")


def answer_request(
    request: Request, client: Client, *, admin: bool, later: Callable[[Reply], None]
) -> Reply | None:
    """Ask the daemon; return the reply, or None where cman sends none now.

    Args:
        request: well framed; its body is not trusted.
        client: who asks.
        admin: it came through the admin socket.
        later: takes a reply that comes when it comes.
    """
    command = request.command
    if command & ADMIN_BIT and not admin:
        return Reply(command=command, status=-errno.EPERM)
    try:
        return _ask(request, client, later)
    except ShortPayloadError:
        # Real cman reads what the last request left in its buffer; an error is the kinder answer.
        return None if command == Opcode.SHUTDOWN_REPLY else _refusal(command, errno.EINVAL)
    except RequestRefusedError as refused:
        return _refusal(command, refused.code)


def _ask(request: Request, client: Client, later: Callable[[Reply], None]) -> Reply | None:
    command, body = request.command, request.body
    answered_later = _ANSWERED_LATER.get(command)
    if answered_later is not None:
        answered_later(client, body, lambda status: later(Reply(command=command, status=status)))
        return None
    if command == Opcode.SHUTDOWN_REPLY:
        client.reply_shutdown(decode_int(body) != 0)
        return None
    if command == Opcode.DATA:
        node_id, port = decode_two_ints(body)
        client.send_data(_unsigned(node_id), port, body[8:])
        return None
    handler = _HANDLERS.get(command)
    if handler is None:
        return _refusal(command, errno.EINVAL)
    status, payload = handler(client, body)
    return Reply(command=command, status=status, payload=payload)


def _refusal(command: int, code: int) -> Reply:
    return Reply(command=command, status=-code)


Handler = Callable[[Client, bytes], Answer]


def _all_members(client: Client, _body: bytes) -> Answer:
    entries = client.get_all_members()
    return len(entries), b"".join(_node(entry) for entry in entries)


def _get_node(client: Client, body: bytes) -> Answer:
    asked = NodeStruct.decode(body)
    node_id = asked.node_id
    if node_id != QDISK_QUERY_ID:
        node_id = _unsigned(node_id)
    return 0, _node(client.get_node(node_id, os.fsdecode(asked.name)))


def _is_listening(client: Client, body: bytes) -> Answer:
    port, node_id = decode_listening(body)
    return int(client.is_listening(port, _unsigned(node_id))), b""


def _set_version(client: Client, body: bytes, reply: OnStatus) -> None:
    asked = VersionStruct.decode(body)
    version = Version(major=asked.major, minor=asked.minor, patch=asked.patch, config=asked.config)
    client.set_version(version, reply)


def _set_votes(client: Client, body: bytes) -> Answer:
    node_id, votes = decode_two_ints(body)
    client.set_votes(_unsigned(node_id), votes)
    return _GOOD


def _fence(client: Client, body: bytes) -> Answer:
    client.update_fence_info(_fence_info(body))
    return _GOOD


def _with_device(method: Callable[[Client, str, int], None]) -> Handler:
    def handler(client: Client, body: bytes) -> Answer:
        method(client, os.fsdecode(text(body[4:])), decode_int(body))
        return _GOOD

    return handler


def _done(method: Callable[[Client], None]) -> Handler:
    def handler(client: Client, _body: bytes) -> Answer:
        method(client)
        return _GOOD

    return handler


def _with_int(method: Callable[[Client, int], None]) -> Handler:
    def handler(client: Client, body: bytes) -> Answer:
        method(client, decode_int(body))
        return _GOOD

    return handler


def _number(method: Callable[[Client], int]) -> Handler:
    return lambda client, _body: (int(method(client)), b"")


def _value(method: Callable[[Client], _T], encode: Callable[[_T], bytes]) -> Handler:
    return lambda client, _body: (0, encode(method(client)))


def _of_node(method: Callable[[Client, int], _T], encode: Callable[[_T], bytes]) -> Handler:
    return lambda client, body: (0, encode(method(client, _unsigned(decode_int(body)))))


# -- values of the daemon and their bytes


# A list is asked for again and again, and most of it is as it was.
@functools.lru_cache(maxsize=4096)
def _node(entry: NodeEntry) -> bytes:
    """Return GETNODE's answer; a list is these, one behind the other."""
    seconds, microseconds = divmod(entry.jointime_us, 1_000_000)
    return NodeStruct(
        node_id=_signed(entry.node_id),
        us=entry.us,
        leave_reason=entry.leave_reason,
        incarnation=entry.incarnation & _U32,
        state=entry.state,
        name=os.fsencode(entry.name)[:_NAME_BYTES],
        address=sockaddr(entry.address) if entry.address else b"",
        join_seconds=seconds,
        join_microseconds=microseconds,
        votes=entry.votes & 0xFF,
    ).encode()


def _node_extra(extra: NodeExtra) -> bytes:
    """Return GETNODE_EXTRA's answer."""
    return NodeExtraStruct(
        node_id=_signed(extra.node_id),
        state=extra.state,
        votes=_clamped(extra.votes),
        expected_votes=_clamped(extra.expected_votes),
        leave_reason=extra.leave_reason,
    ).encode()


def _cluster(info: ClusterInfo) -> bytes:
    """Return GETCLUSTER's answer."""
    return ClusterStruct(
        name=os.fsencode(info.name), number=info.number, generation=info.generation & _U32
    ).encode()


def _version(answer: Version) -> bytes:
    """Return GET_VERSION's answer."""
    return VersionStruct(
        major=answer.major, minor=answer.minor, patch=answer.patch, config=answer.config & _U32
    ).encode()


def _extra_info(info: ExtraInfo) -> bytes:
    """Return GETEXTRAINFO's answer."""
    ports = sum(1 << port for port in info.ports if 0 <= port < 256)
    return ExtraInfoStruct(
        node_state=info.node_state,
        flags=info.flags,
        node_votes=_clamped(info.node_votes),
        total_votes=_clamped(info.total_votes),
        expected_votes=_clamped(info.expected_votes),
        quorum=_clamped(info.quorum),
        members=info.members,
        ports=ports.to_bytes(32, "little"),
        multicasts=tuple(sockaddr(each) for each in info.multicasts),
        interfaces=tuple(sockaddr(each) for each in info.interfaces),
    ).encode()


def _fence_record(info: FenceInfo) -> bytes:
    """Return GET_FENCE_INFO's answer."""
    return FenceStruct(
        node_id=_signed(info.node_id),
        flags=FENCED if info.fenced else 0,
        fence_seconds=info.time_s,
        agent=os.fsencode(info.agent),
    ).encode()


def _fence_info(data: bytes) -> FenceInfo:
    """Read UPDATE_FENCE_INFO's question. Raises ShortPayloadError when it is cut."""
    record = FenceStruct.decode(data)
    return FenceInfo(
        node_id=_unsigned(record.node_id),
        fenced=bool(record.flags & FENCED),
        time_s=record.fence_seconds,
        agent=os.fsdecode(record.agent),
    )


def _addresses(found: tuple[str, ...]) -> bytes:
    """Return GET_NODEADDRS' answer."""
    return AddressesStruct(addresses=tuple(sockaddr(each) for each in found)).encode()


def delivery_message(unasked: Delivery) -> Message:
    """Return the message of what the daemon sends without being asked."""
    match unasked:
        case Notice(reason=reason, arg=arg):
            return EventMessage(reason=reason, arg=_signed(arg))
        case Confchg(members=members, left=left, joined=joined):
            return ConfchgMessage(members=members, left=left, joined=joined)
        case PortData(from_node_id=sender, port=port, payload=payload):
            return DataMessage(node_id=_signed(sender), port=port, payload=payload)


def _clamped(votes: int) -> int:
    """Return a count of votes as a C int; a configuration may give more than one can hold."""
    return min(votes, _INT_MAX)


def _signed(number: int) -> int:
    """Return the C int with the same 32 bits."""
    return struct.unpack("=i", struct.pack("=I", number & _U32))[0]  # type: ignore[no-any-return]


def _unsigned(number: int) -> int:
    """Return the node id that a C int on the wire means: 1 to 2³²-1."""
    return number & _U32


_HANDLERS: dict[int, Handler] = {
    Opcode.NOTIFY: _done(Client.start_notification),
    Opcode.REMOVENOTIFY: _done(Client.stop_notification),
    Opcode.START_CONFCHG: _done(Client.start_confchg),
    Opcode.STOP_CONFCHG: _done(Client.stop_confchg),
    Opcode.ISQUORATE: _number(Client.is_quorate),
    Opcode.ISACTIVE: _number(Client.is_active),
    Opcode.GET_JOINCOUNT: _number(Client.get_join_count),
    Opcode.GETNODECOUNT: _number(Client.get_node_count),
    Opcode.ISLISTENING: _is_listening,
    Opcode.GETALLMEMBERS: _all_members,
    Opcode.GETNODE: _get_node,
    Opcode.GET_VERSION: _value(Client.get_version, _version),
    Opcode.GETCLUSTER: _value(Client.get_cluster, _cluster),
    Opcode.GETEXTRAINFO: _value(Client.get_extra_info, _extra_info),
    Opcode.GETNODE_EXTRA: _of_node(Client.get_node_extra, _node_extra),
    Opcode.GET_NODEADDRS: _of_node(Client.get_node_addrs, _addresses),
    Opcode.GET_FENCE_INFO: _of_node(Client.get_fence_info, _fence_record),
    Opcode.BIND: _with_int(Client.bind),
    Opcode.SET_VOTES: _set_votes,
    Opcode.SETEXPECTED_VOTES: _with_int(Client.set_expected_votes),
    Opcode.KILLNODE: _with_int(lambda client, node_id: client.kill_node(_unsigned(node_id))),
    Opcode.REG_QUORUMDEV: _with_device(Client.register_quorum_device),
    Opcode.UNREG_QUORUMDEV: _done(Client.unregister_quorum_device),
    Opcode.POLL_QUORUMDEV: _with_int(
        lambda client, available: client.poll_quorum_device(available != 0)
    ),
    Opcode.UPDATE_QUORUMDEV: _with_device(Client.update_quorum_device),
    Opcode.UPDATE_FENCE_INFO: _fence,
    Opcode.SET_DIRTY: _done(Client.set_dirty),
    Opcode.SET_DEBUGLOG: _with_int(Client.set_debuglog),
}
"""What is not here nor below (BARRIER, DUMP_OBJDB, numbers nobody knows) is refused with EINVAL."""

_ANSWERED_LATER: dict[int, Callable[[Client, bytes, OnStatus], None]] = {
    Opcode.TRY_SHUTDOWN: lambda client, body, reply: client.try_shutdown(decode_int(body), reply),
    Opcode.LEAVE_CLUSTER: lambda client, body, reply: client.leave_cluster(decode_int(body), reply),
    Opcode.SET_VERSION: _set_version,
}
"""What is answered when it comes to something; the client's other requests are not kept waiting."""
