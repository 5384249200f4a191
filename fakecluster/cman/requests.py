"""What each request of libcman's protocol asks of the fake cman: one table, command by command."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from fakecluster.cman import encode, records
from fakecluster.cman.answers import Version
from fakecluster.cman.client import Client
from fakecluster.cman.constants import QDISK_QUERY_ID
from fakecluster.cman.errors import CmanError
from fakecluster.cman.records import NodeRecord, ShortPayloadError, VersionRecord
from fakecluster.cman.shutdown import OnStatus
from fakecluster.cman.wire import ADMIN_BIT, Command, Reply, Request

Answer = tuple[int, bytes]
"""A status and a payload."""
_GOOD: Answer = (0, b"")


def answer(
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
        return None if command == Command.SHUTDOWN_REPLY else _refusal(command, errno.EINVAL)
    except CmanError as refused:
        return _refusal(command, refused.code)


def _ask(request: Request, client: Client, later: Callable[[Reply], None]) -> Reply | None:
    command, body = request.command, request.body
    if command == Command.TRY_SHUTDOWN:
        client.try_shutdown(records.decode_int(body), _late(command, later))
        return None
    if command == Command.SHUTDOWN_REPLY:
        client.reply_shutdown(records.decode_int(body) != 0)
        return None
    if command == Command.DATA:
        node_id, port = records.decode_two_ints(body)
        client.send_data(encode.unsigned(node_id), port, body[8:])
        return None
    handler = _HANDLERS.get(command)
    if handler is None:
        return _refusal(command, errno.EINVAL)
    status, payload = handler(client, body)
    return Reply(command=command, status=status, payload=payload)


def _refusal(command: int, code: int) -> Reply:
    return Reply(command=command, status=-code)


def _late(command: int, later: Callable[[Reply], None]) -> OnStatus:
    return lambda status: later(Reply(command=command, status=status))


def _all_members(client: Client, _body: bytes) -> Answer:
    entries = client.get_all_members()
    return len(entries), b"".join(encode.node(entry) for entry in entries)


def _get_node(client: Client, body: bytes) -> Answer:
    asked = NodeRecord.decode(body)
    node_id = asked.node_id
    if node_id != QDISK_QUERY_ID:
        node_id = encode.unsigned(node_id)
    return 0, encode.node(client.get_node(node_id, os.fsdecode(asked.name)))


def _is_listening(client: Client, body: bytes) -> Answer:
    port, node_id = records.decode_listening(body)
    return int(client.is_listening(port, encode.unsigned(node_id))), b""


def _set_version(client: Client, body: bytes) -> Answer:
    asked = VersionRecord.decode(body)
    client.set_version(
        Version(major=asked.major, minor=asked.minor, patch=asked.patch, config=asked.config)
    )
    return _GOOD


def _set_votes(client: Client, body: bytes) -> Answer:
    node_id, votes = records.decode_two_ints(body)
    client.set_votes(encode.unsigned(node_id), votes)
    return _GOOD


def _fence(client: Client, body: bytes) -> Answer:
    client.update_fence_info(encode.fence_info(body))
    return _GOOD


def _register_device(client: Client, body: bytes) -> Answer:
    votes, name = encode.named_votes(body)
    client.register_quorum_device(name, votes)
    return _GOOD


def _update_device(client: Client, body: bytes) -> Answer:
    votes, name = encode.named_votes(body)
    client.update_quorum_device(name, votes)
    return _GOOD


def _done(method: Callable[[Client], None]) -> Callable[[Client, bytes], Answer]:
    def handler(client: Client, _body: bytes) -> Answer:
        method(client)
        return _GOOD

    return handler


def _done_with(method: Callable[[Client, int], None]) -> Callable[[Client, bytes], Answer]:
    def handler(client: Client, body: bytes) -> Answer:
        method(client, records.decode_int(body))
        return _GOOD

    return handler


def _number(method: Callable[[Client], int]) -> Callable[[Client, bytes], Answer]:
    return lambda client, _body: (int(method(client)), b"")


_HANDLERS: dict[int, Callable[[Client, bytes], Answer]] = {
    Command.NOTIFY: _done(lambda client: client.start_notification()),
    Command.REMOVENOTIFY: _done(lambda client: client.stop_notification()),
    Command.START_CONFCHG: _done(lambda client: client.start_confchg()),
    Command.STOP_CONFCHG: _done(lambda client: client.stop_confchg()),
    Command.ISQUORATE: _number(lambda client: client.is_quorate()),
    Command.ISACTIVE: _number(lambda client: client.is_active()),
    Command.GET_JOINCOUNT: _number(lambda client: client.get_join_count()),
    Command.GETNODECOUNT: _number(lambda client: client.get_node_count()),
    Command.ISLISTENING: _is_listening,
    Command.GETALLMEMBERS: _all_members,
    Command.GETNODE: _get_node,
    Command.GET_VERSION: lambda client, _: (0, encode.version(client.get_version())),
    Command.GETCLUSTER: lambda client, _: (0, encode.cluster(client.get_cluster())),
    Command.GETEXTRAINFO: lambda client, _: (0, encode.extra_info(client.get_extra_info())),
    Command.GETNODE_EXTRA: lambda client, body: (
        0,
        encode.node_extra(client.get_node_extra(encode.unsigned(records.decode_int(body)))),
    ),
    Command.GET_NODEADDRS: lambda client, body: (
        0,
        encode.addresses(client.get_node_addrs(encode.unsigned(records.decode_int(body)))),
    ),
    Command.GET_FENCE_INFO: lambda client, body: (
        0,
        encode.fence(client.get_fence_info(encode.unsigned(records.decode_int(body)))),
    ),
    Command.BIND: _done_with(lambda client, port: client.bind(port)),
    Command.SET_VERSION: _set_version,
    Command.SET_VOTES: _set_votes,
    Command.SETEXPECTED_VOTES: _done_with(lambda client, votes: client.set_expected_votes(votes)),
    Command.KILLNODE: _done_with(
        lambda client, node_id: client.kill_node(encode.unsigned(node_id))
    ),
    Command.LEAVE_CLUSTER: _done_with(lambda client, flags: client.leave_cluster(flags)),
    Command.REG_QUORUMDEV: _register_device,
    Command.UNREG_QUORUMDEV: _done(lambda client: client.unregister_quorum_device()),
    Command.POLL_QUORUMDEV: _done_with(
        lambda client, available: client.poll_quorum_device(available != 0)
    ),
    Command.UPDATE_QUORUMDEV: _update_device,
    Command.UPDATE_FENCE_INFO: _fence,
    Command.SET_DIRTY: _done(lambda client: client.set_dirty()),
    Command.SET_DEBUGLOG: _done_with(lambda client, level: client.set_debuglog(level)),
}
"""What is not here (BARRIER, DUMP_OBJDB, numbers nobody knows) is refused with EINVAL."""
