"""The wire server in one thread and virtual time: every command through a raw client."""

import dataclasses
import errno
import os
import select
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakecluster.cman.client_end import SocketKind
from fakecluster.cman.engine import Sockets
from fakecluster.cman.topology import NodeConfig, QuorumDisk, Topology
from fakecluster.cman.wire.codec import (
    ADMIN_BIT,
    MAGIC,
    VERSION,
    AddressesStruct,
    ClusterStruct,
    ConfchgMessage,
    DataMessage,
    EventMessage,
    ExtraInfoStruct,
    FenceStruct,
    FrameHeader,
    Message,
    MessageReader,
    NodeExtraStruct,
    NodeStruct,
    Opcode,
    Reply,
    Request,
    VersionStruct,
    encode_ints,
    encode_listening,
)
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.cman.wire.server import SOCKET_NAMES, WireServer
from fakecluster.testing.cman_server import ServerHarness
from fakecluster.transport.listener import PathTooLongError
from fakecluster.transport.poller import Poller
from fakecluster.transport.sockaddrs import sockaddr, sockaddr_text
from o2cbd.core.rules import SECOND_US

EPOCH_S = 1_700_000_000
ANSWER_BYTES = 24
"""Of an answer without a payload."""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[Topology], ServerHarness]]:
    """Make served clusters that are closed afterwards."""
    made: list[ServerHarness] = []

    def of(topology: Topology) -> ServerHarness:
        served = ServerHarness(tmp_path, topology)
        made.append(served)
        return served

    yield of
    for each in made:
        each.close()


@pytest.fixture
def served(make: Callable[[Topology], ServerHarness]) -> ServerHarness:
    """Three nodes that are up and see each other."""
    cluster = make(Topology.of(3, cluster="web"))
    cluster.start()
    return cluster


def good(command: int, payload: bytes = b"", status: int = 0) -> Reply:
    return Reply(command=command, status=status, payload=payload)


def refused(command: int, code: int) -> Reply:
    return Reply(command=command, status=-code)


# -- reading


def test_the_member_list_is_440_bytes_a_node(served: ServerHarness) -> None:
    """All nodes by id, each as the table says; the status is their number."""
    reply = served.client().ask(Opcode.GETALLMEMBERS)
    records = [NodeStruct.decode(reply.payload, 440 * i) for i in range(3)]
    assert (reply.status, len(reply.payload)) == (3, 1320)
    assert [(each.size, each.node_id, each.name, each.us, each.state) for each in records] == [
        (440, 1, b"node1", True, 2),
        (440, 2, b"node2", False, 2),
        (440, 3, b"node3", False, 2),
    ]
    assert [sockaddr_text(each.address) for each in records] == [
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
    ]
    assert all(each.incarnation > 0 and each.join_seconds >= EPOCH_S for each in records)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (NodeStruct(node_id=0), b"node1"),
        (NodeStruct(node_id=3), b"node3"),
        (NodeStruct(node_id=1, name=b"node2"), b"node2"),
    ],
)
def test_one_node_by_id_or_name(
    served: ServerHarness, question: NodeStruct, expected: bytes
) -> None:
    """0 is us; a name is looked up before an id."""
    reply = served.client().ask(Opcode.GETNODE, question.encode())
    assert (reply.status, NodeStruct.decode(reply.payload).name) == (0, expected)


@pytest.mark.parametrize(
    "question",
    [
        NodeStruct(node_id=9),
        NodeStruct(node_id=1, name=b"nobody"),
        NodeStruct(node_id=-1),
        NodeStruct(node_id=1, name=b"\xff\xfe"),
    ],
)
def test_an_unknown_node_is_enoent(served: ServerHarness, question: NodeStruct) -> None:
    """By id, by name, and the quorum disk where there is none."""
    reply = served.client().ask(Opcode.GETNODE, question.encode())
    assert reply == refused(Opcode.GETNODE, errno.ENOENT)


def test_a_quorum_disk_is_listed_with_id_0_and_asked_for_with_minus_1(
    make: Callable[[Topology], ServerHarness],
) -> None:
    """Last in the list."""
    served = make(Topology.of(2, qdisk=QuorumDisk(name="/dev/qdisk0")))
    served.start()
    client = served.client()
    reply = client.ask(Opcode.GETALLMEMBERS)
    last = NodeStruct.decode(reply.payload, 440 * (reply.status - 1))
    assert (reply.status, last.node_id, last.name) == (3, 0, b"/dev/qdisk0")
    asked = client.ask(Opcode.GETNODE, NodeStruct(node_id=-1).encode())
    assert NodeStruct.decode(asked.payload).name == b"/dev/qdisk0"


def test_the_plain_questions(served: ServerHarness) -> None:
    """Each status and payload."""
    client = served.client()
    assert client.ask(Opcode.ISQUORATE) == good(Opcode.ISQUORATE, status=1)
    assert client.ask(Opcode.ISACTIVE) == good(Opcode.ISACTIVE, status=1)
    assert client.ask(Opcode.GETNODECOUNT) == good(Opcode.GETNODECOUNT, status=3)
    version = client.ask(Opcode.GET_VERSION)
    assert VersionStruct.decode(version.payload) == VersionStruct(config=1)
    cluster = ClusterStruct.decode(client.ask(Opcode.GETCLUSTER).payload)
    assert (cluster.name, cluster.number) == (b"web", 6865)
    assert cluster.generation == served.engine.state(1).generation


def test_join_count_counts_both_sockets(served: ServerHarness) -> None:
    """Open connections of clients and admins."""
    client, admin = served.client(), served.admin()
    assert client.ask(Opcode.GET_JOINCOUNT).status == 2
    admin.close()
    served.turn()
    assert client.ask(Opcode.GET_JOINCOUNT).status == 1


def test_extra_info(served: ServerHarness) -> None:
    """Votes, quorum, and as many multicast as interface addresses."""
    info = ExtraInfoStruct.decode(served.client().ask(Opcode.GETEXTRAINFO).payload)
    assert (info.node_state, info.node_votes, info.total_votes, info.expected_votes) == (2, 1, 3, 3)
    assert (info.quorum, info.members, info.flags) == (2, 3, 0)
    assert len(info.multicasts) == len(info.interfaces) == 1
    assert sockaddr_text(info.interfaces[0]) == "10.0.0.1"


def test_node_extra(served: ServerHarness) -> None:
    """0 is us and is echoed as 0; EINVAL for who is unknown."""
    client = served.client()
    reply = client.ask(Opcode.GETNODE_EXTRA, encode_ints(0))
    assert NodeExtraStruct.decode(reply.payload) == NodeExtraStruct(
        node_id=0, state=2, votes=1, expected_votes=3, leave_reason=0
    )
    unknown = client.ask(Opcode.GETNODE_EXTRA, encode_ints(77))
    assert unknown == refused(Opcode.GETNODE_EXTRA, errno.EINVAL)


def test_node_addresses(served: ServerHarness) -> None:
    """All of a member, none of a dead one, EINVAL of an unknown one."""
    client = served.client()
    reply = client.ask(Opcode.GET_NODEADDRS, encode_ints(2))
    assert AddressesStruct.decode(reply.payload).addresses == (sockaddr("10.0.0.2"),)
    served.engine.leave(2)
    served.run(SECOND_US)
    gone = client.ask(Opcode.GET_NODEADDRS, encode_ints(2))
    assert AddressesStruct.decode(gone.payload).addresses == ()
    unknown = client.ask(Opcode.GET_NODEADDRS, encode_ints(-5))
    assert unknown == refused(Opcode.GET_NODEADDRS, errno.EINVAL)


def test_listening_bind_and_data(served: ServerHarness) -> None:
    """A port that is bound is listened on; a message to it arrives as DATA."""
    client, other = served.client(), served.client()
    assert client.ask(Opcode.BIND, encode_ints(192)) == good(Opcode.BIND)
    assert other.ask(Opcode.BIND, encode_ints(192)) == refused(Opcode.BIND, errno.EADDRINUSE)
    listening = client.ask(Opcode.ISLISTENING, encode_listening(192, 1))
    assert listening == good(Opcode.ISLISTENING, status=1)
    unknown = client.ask(Opcode.ISLISTENING, encode_listening(192, 9))
    assert unknown == refused(Opcode.ISLISTENING, errno.ENOENT)
    busy = client.ask(Opcode.ISLISTENING, encode_listening(192, 2))
    assert busy == refused(Opcode.ISLISTENING, errno.EBUSY)
    served.client(2).send(Opcode.DATA, struct.pack("=iI", 1, 192) + b"hello")
    served.run(SECOND_US)
    not_yet = client.ask(Opcode.ISLISTENING, encode_listening(192, 2))
    assert not_yet == good(Opcode.ISLISTENING)
    arrived = [each for each in client.take_notices() if isinstance(each, DataMessage)]
    assert arrived == [DataMessage(node_id=2, port=192, payload=b"hello")]


def test_fence_info_is_told_and_asked(served: ServerHarness) -> None:
    """The admin's update is everybody's answer."""
    client, admin = served.client(2), served.admin()
    update = FenceStruct(node_id=3, flags=2, fence_seconds=EPOCH_S, agent=b"apc")
    assert admin.ask(Opcode.UPDATE_FENCE_INFO, update.encode()).status == 0
    served.run(SECOND_US)
    reply = client.ask(Opcode.GET_FENCE_INFO, encode_ints(3))
    assert len(reply.payload) == 272
    assert FenceStruct.decode(reply.payload).node_id == 3


# -- who may ask what


@pytest.mark.parametrize("command", [Opcode.NOTIFY, Opcode.BIND])
def test_a_client_command_on_the_admin_socket_is_einval(
    served: ServerHarness, command: Opcode
) -> None:
    """start_notification on an admin handle."""
    body = encode_ints(3) if command == Opcode.BIND else b""
    assert served.admin().ask(command, body) == refused(command, errno.EINVAL)


@pytest.mark.parametrize("command", [0, 3, 0x102, 0x103, 0x7777, 0x3FFFFFFF, Opcode.BARRIER])
def test_an_unknown_command_is_einval(served: ServerHarness, command: int) -> None:
    """And the stream goes on."""
    client = served.client()
    assert client.ask(command, bytes(48)) == refused(command, errno.EINVAL)
    assert client.ask(Opcode.ISACTIVE).status == 1


@pytest.mark.parametrize(
    "command", [Opcode.DUMP_OBJDB, ADMIN_BIT | 0x77, Opcode.POLL_QUORUMDEV, Opcode.SET_VOTES]
)
def test_an_admin_command_that_cannot_be_is_einval(served: ServerHarness, command: int) -> None:
    """Unknown, or without its body."""
    assert served.admin().ask(command) == refused(command, errno.EINVAL)


@pytest.mark.parametrize(
    "command",
    [
        Opcode.GETNODE,
        Opcode.ISLISTENING,
        Opcode.GET_NODEADDRS,
        Opcode.GETNODE_EXTRA,
        Opcode.GET_FENCE_INFO,
        Opcode.BIND,
        Opcode.DATA,
    ],
)
def test_a_body_that_is_cut_is_einval(served: ServerHarness, command: Opcode) -> None:
    """Never what the last request left behind."""
    client = served.client()
    assert client.ask(command, b"\x01") == refused(command, errno.EINVAL)
    assert client.ask(Opcode.ISACTIVE).status == 1


def test_a_shutdown_reply_has_no_reply_even_when_cut(served: ServerHarness) -> None:
    """The next reply is the next question's."""
    client = served.client()
    client.send(Opcode.SHUTDOWN_REPLY, encode_ints(1))
    client.send(Opcode.SHUTDOWN_REPLY)
    assert client.ask(Opcode.ISACTIVE) == good(Opcode.ISACTIVE, status=1)


# -- bytes that are wrong


def test_wrong_magic_or_version_without_a_body_costs_nothing(served: ServerHarness) -> None:
    """-EINVAL with the command echoed, and the stream goes on."""
    client = served.client()
    for header in (
        FrameHeader(magic=MAGIC ^ 1, length=20, command=0x91),
        FrameHeader(version=VERSION + 1, length=20, command=0x91),
    ):
        client.sock.sendall(header.encode())
        assert client.reply() == refused(0x91, errno.EINVAL)
    assert client.ask(Opcode.ISACTIVE).status == 1


@pytest.mark.parametrize(
    "header",
    [
        FrameHeader(magic=0, length=24, command=0x91),
        FrameHeader(length=1521, command=0x91),
        FrameHeader(length=3, command=0x91),
    ],
)
def test_a_wrong_header_with_a_body_keeps_the_connection(
    served: ServerHarness, header: FrameHeader
) -> None:
    """The body is read as a header and refused, too; what is written later is answered."""
    client, other = served.client(), served.client()
    client.sock.sendall(header.encode() + b"body")
    assert client.reply() == refused(0x91, errno.EINVAL)
    assert client.reply() == refused(0, errno.EINVAL)
    assert client.ask(Opcode.ISACTIVE).status == 1
    assert other.ask(Opcode.ISACTIVE).status == 1


def test_a_flood_costs_others_one_request_a_turn(served: ServerHarness) -> None:
    """Whoever writes ahead is answered once; the next turn comes when all others had theirs."""
    flood, other = served.client(), served.client()
    request = Request(command=Opcode.GETNODE, body=NodeStruct(node_id=2).encode())
    flood.sock.sendall(request.encode() * 100)
    for _ in range(3):
        other.send(Opcode.ISACTIVE)
        served.poller.wait(0)
        assert len(other.sock.recv(1 << 16, socket.MSG_DONTWAIT)) == ANSWER_BYTES
        assert len(flood.sock.recv(1 << 16, socket.MSG_DONTWAIT)) == ANSWER_BYTES + 440
    assert {flood.reply().status for _ in range(97)} == {0}


def test_a_crowd_of_newcomers_costs_others_one_a_turn(served: ServerHarness) -> None:
    """They are accepted one by one."""
    other = served.client()
    path = served.directory(1) / SOCKET_NAMES[SocketKind.CLIENT]
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(RawClient(path))
        for joined in range(3):
            other.send(Opcode.GET_JOINCOUNT)
            served.poller.wait(0)
            answer = other.sock.recv(1 << 16, socket.MSG_DONTWAIT)
            (reply,) = MessageReader().feed(answer)
            assert isinstance(reply, Reply)
            assert reply.status in {1 + joined, 2 + joined}


def test_many_requests_in_one_write_are_answered_in_order(served: ServerHarness) -> None:
    """A client may write ahead."""
    client = served.client()
    client.sock.sendall(
        b"".join(
            Request(command=each).encode()
            for each in (Opcode.ISACTIVE, Opcode.GETNODECOUNT, Opcode.ISQUORATE)
        )
    )
    assert [client.reply().command for _ in range(3)] == [
        Opcode.ISACTIVE,
        Opcode.GETNODECOUNT,
        Opcode.ISQUORATE,
    ]


def test_who_never_reads_is_disconnected_and_the_node_forgets_him(served: ServerHarness) -> None:
    """Over 128 queued messages: he alone is thrown out."""
    deaf, watcher = served.client(), served.client()
    served.turn()
    watcher.ask(Opcode.NOTIFY)
    deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    request = Request(command=Opcode.GETALLMEMBERS).encode()
    deaf.sock.settimeout(5)
    for _ in range(500):
        try:
            deaf.sock.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            break
        served.turn()
    assert watcher.ask(Opcode.GET_JOINCOUNT).status == 1
    served.engine.leave(3)
    served.run(SECOND_US)
    assert EventMessage(reason=1, arg=1) in watcher.take_notices()


# -- notices


def test_a_leave_is_one_notice_to_who_asked(served: ServerHarness) -> None:
    """STATECHANGE names nobody; without NOTIFY there is none."""
    watcher, deaf = served.client(), served.client()
    assert watcher.ask(Opcode.NOTIFY) == good(Opcode.NOTIFY)
    served.engine.leave(3)
    served.run(SECOND_US)
    assert watcher.take_notices() == [EventMessage(reason=1, arg=1)]
    assert deaf.take_notices() == []
    assert sorted(watcher.members()) == [1, 2]


def test_removenotify_ends_the_notices(served: ServerHarness) -> None:
    """From its reply on."""
    watcher = served.client()
    watcher.ask(Opcode.NOTIFY)
    assert watcher.ask(Opcode.REMOVENOTIFY) == good(Opcode.REMOVENOTIFY)
    served.engine.leave(3)
    served.run(SECOND_US)
    assert watcher.take_notices() == []


def test_confchg_lists_members_and_who_left(served: ServerHarness) -> None:
    """Ids in the order members, left, joined."""
    watcher = served.client()
    assert watcher.ask(Opcode.START_CONFCHG) == good(Opcode.START_CONFCHG)
    served.engine.leave(3)
    served.run(SECOND_US)
    changes = [each for each in watcher.take_notices() if isinstance(each, ConfchgMessage)]
    assert changes == [ConfchgMessage(members=(1, 2), left=(3,), joined=())]
    assert watcher.ask(Opcode.STOP_CONFCHG) == good(Opcode.STOP_CONFCHG)
    served.engine.start(3)
    served.run(2 * SECOND_US)
    assert watcher.take_notices() == []


# -- shutdown


def ask_shutdown(served: ServerHarness, flags: int = 0) -> RawClient:
    admin = served.admin()
    admin.send(Opcode.TRY_SHUTDOWN, encode_ints(flags))
    served.turn()
    return admin


def test_a_voter_of_the_last_moment_is_asked_before_its_notify_is_answered(
    served: ServerHarness,
) -> None:
    """The question comes first."""
    served.client().ask(Opcode.NOTIFY)
    ask_shutdown(served)
    late = served.client()
    late.send(Opcode.NOTIFY)
    messages: list[Message] = [late.next_message(), late.next_message()]
    assert messages == [EventMessage(reason=3, arg=0), good(Opcode.NOTIFY)]


# -- admin commands


def test_leave_kill_and_version(served: ServerHarness) -> None:
    """Each is done, and what cannot be is refused."""
    admin, watcher = served.admin(), served.client(2)
    watcher.ask(Opcode.NOTIFY)
    assert admin.ask(Opcode.KILLNODE, encode_ints(9)) == refused(Opcode.KILLNODE, errno.EINVAL)
    wrong = VersionStruct(major=5, config=2).encode()
    assert admin.ask(Opcode.SET_VERSION, wrong) == refused(Opcode.SET_VERSION, errno.EINVAL)
    right = VersionStruct(config=2).encode()
    assert admin.ask(Opcode.SET_VERSION, right) == refused(Opcode.SET_VERSION, errno.ENOENT)
    served.engine.reconfigure()
    served.run(SECOND_US)
    assert admin.ask(Opcode.SET_VERSION, right) == good(Opcode.SET_VERSION)
    served.run(10 * SECOND_US)
    watcher.take_notices()
    assert admin.ask(Opcode.KILLNODE, encode_ints(3)) == good(Opcode.KILLNODE)
    served.run(SECOND_US)
    assert served.connect_error(3) == errno.ENOENT
    assert admin.ask(Opcode.LEAVE_CLUSTER, encode_ints(0)) == good(Opcode.LEAVE_CLUSTER)
    served.run(20 * SECOND_US)
    assert sorted(watcher.members()) == [2]


def test_votes_and_quorum_devices(served: ServerHarness) -> None:
    """Set, registered, polled, taken away."""
    admin, client = served.admin(), served.client()
    assert admin.ask(Opcode.SET_VOTES, encode_ints(0, 4)) == good(Opcode.SET_VOTES)
    assert admin.ask(Opcode.SETEXPECTED_VOTES, encode_ints(5)) == good(Opcode.SETEXPECTED_VOTES)
    device, other = encode_ints(2) + b"/dev/q\0", encode_ints(2) + b"/dev/other\0"
    assert admin.ask(Opcode.REG_QUORUMDEV, device) == good(Opcode.REG_QUORUMDEV)
    assert admin.ask(Opcode.REG_QUORUMDEV, other) == refused(Opcode.REG_QUORUMDEV, errno.EBUSY)
    assert admin.ask(Opcode.POLL_QUORUMDEV, encode_ints(1)) == good(Opcode.POLL_QUORUMDEV)
    served.run(SECOND_US)
    junk = NodeStruct(node_id=-1, name=b"\xff\x01junk").encode()
    disk = NodeStruct.decode(client.ask(Opcode.GETNODE, junk).payload)
    assert (disk.name, disk.votes, disk.join_seconds >= EPOCH_S) == (b"/dev/q", 2, True)
    assert admin.ask(Opcode.UPDATE_QUORUMDEV, device) == good(Opcode.UPDATE_QUORUMDEV)
    assert admin.ask(Opcode.UNREG_QUORUMDEV) == refused(Opcode.UNREG_QUORUMDEV, errno.EBUSY)
    assert admin.ask(Opcode.POLL_QUORUMDEV, encode_ints(0)) == good(Opcode.POLL_QUORUMDEV)
    assert admin.ask(Opcode.UNREG_QUORUMDEV) == good(Opcode.UNREG_QUORUMDEV)
    info = ExtraInfoStruct.decode(client.ask(Opcode.GETEXTRAINFO).payload)
    assert info.node_votes == 4


@pytest.mark.parametrize("votes", [-(2**31), -1, 256, 2**31 - 1])
def test_votes_of_a_device_that_no_byte_holds_are_einval(served: ServerHarness, votes: int) -> None:
    """Of one that is there already, too; what is known stays as it was."""
    admin = served.admin()
    device = encode_ints(votes) + b"/dev/q\0"
    refusal = refused(Opcode.REG_QUORUMDEV, errno.EINVAL)
    assert admin.ask(Opcode.REG_QUORUMDEV, device) == refusal
    good_one = encode_ints(255) + b"/dev/q\0"
    assert admin.ask(Opcode.REG_QUORUMDEV, good_one) == good(Opcode.REG_QUORUMDEV)
    assert admin.ask(Opcode.REG_QUORUMDEV, device) == refusal
    refusal = refused(Opcode.UPDATE_QUORUMDEV, errno.EINVAL)
    assert admin.ask(Opcode.UPDATE_QUORUMDEV, device) == refusal
    assert admin.ask(Opcode.POLL_QUORUMDEV, encode_ints(1)) == good(Opcode.POLL_QUORUMDEV)
    info = ExtraInfoStruct.decode(served.client().ask(Opcode.GETEXTRAINFO).payload)
    assert info.total_votes == 258


def test_votes_that_no_int_holds_are_shown_as_the_most(
    make: Callable[[Topology], ServerHarness],
) -> None:
    """A configuration may expect more."""
    served = make(dataclasses.replace(Topology.of(2), expected_votes=2**31))
    served.start()
    client = served.client()
    info = ExtraInfoStruct.decode(client.ask(Opcode.GETEXTRAINFO).payload)
    assert info.expected_votes == 2**31 - 1
    extra = NodeExtraStruct.decode(client.ask(Opcode.GETNODE_EXTRA, encode_ints(1)).payload)
    assert extra.expected_votes == 2**31 - 1


@pytest.mark.parametrize("port", [-(2**31), -1, 0, 256, 2**31 - 1])
def test_a_port_beyond_the_mask_of_ports_is_einval(served: ServerHarness, port: int) -> None:
    """Neither bound nor sent to; the other nodes hear nothing of it."""
    client = served.client()
    assert client.ask(Opcode.BIND, encode_ints(port)) == refused(Opcode.BIND, errno.EINVAL)
    data = encode_ints(2, port) + b"x"
    assert client.ask(Opcode.DATA, data) == refused(Opcode.DATA, errno.EINVAL)
    assert client.ask(Opcode.BIND, encode_ints(255)) == good(Opcode.BIND)


def test_dirty_and_debuglog_are_taken(served: ServerHarness) -> None:
    """cman_tool leave and cman_tool debug ask these."""
    admin = served.admin()
    assert admin.ask(Opcode.SET_DIRTY) == good(Opcode.SET_DIRTY)
    assert admin.ask(Opcode.SET_DEBUGLOG, encode_ints(1)) == good(Opcode.SET_DEBUGLOG)


# -- sockets


def test_before_the_start_and_after_a_leave_there_is_nothing(
    make: Callable[[Topology], ServerHarness],
) -> None:
    """ENOENT."""
    served = make(Topology.of(2))
    assert served.connect_error() == errno.ENOENT
    served.start()
    client = served.client()
    served.engine.leave(1)
    served.run(SECOND_US)
    with pytest.raises(HungUpError):
        client.ask(Opcode.ISACTIVE)
    assert served.connect_error() == errno.ENOENT
    assert list(served.directory(1).iterdir()) == []


@pytest.mark.parametrize("how", ["crash", "kill"])
def test_a_crashed_cman_leaves_stale_sockets(served: ServerHarness, how: str) -> None:
    """ECONNREFUSED, and its clients see the end; a new start takes the paths over."""
    client = served.client()
    getattr(served.engine, how)(1)
    with pytest.raises(HungUpError):
        client.next_message()
    assert served.connect_error() == errno.ECONNREFUSED
    served.engine.start(1)
    served.run(20 * SECOND_US)
    assert served.connect_error() is None


def test_a_stopped_cman_takes_newcomers_and_answers_nobody(served: ServerHarness) -> None:
    """What was asked is answered after SIGCONT, to the newcomer too."""
    client = served.client()
    served.engine.stop(1)
    client.send(Opcode.ISACTIVE)
    newcomer = served.client()
    newcomer.send(Opcode.GETNODECOUNT)
    served.run(SECOND_US)
    for each in (client, newcomer):
        each.sock.settimeout(0)
        with pytest.raises(BlockingIOError):
            each.sock.recv(1)
        each.sock.settimeout(5)
    served.engine.cont(1)
    served.turn()
    assert client.reply() == good(Opcode.ISACTIVE, status=1)
    assert newcomer.reply() == good(Opcode.GETNODECOUNT, status=3)


@pytest.mark.parametrize("how", ["leave", "crash", "kill"])
def test_a_dying_cman_wakes_whoever_polls(served: ServerHarness, how: str) -> None:
    """Golden: POLLIN, with or without POLLHUP; not before."""
    client = served.client()
    poller = select.poll()
    poller.register(client.sock, select.POLLIN)
    served.run(SECOND_US)
    assert poller.poll(0) == []
    getattr(served.engine, how)(1)
    served.run(SECOND_US)
    [(fd, events)] = poller.poll(0)
    assert (fd, events & ~select.POLLHUP) == (client.sock.fileno(), select.POLLIN)


def test_a_client_that_dies_while_asked_counts_as_yes(served: ServerHarness) -> None:
    """The server tells the engine of the disconnect."""
    voter = served.client()
    voter.ask(Opcode.NOTIFY)
    admin = ask_shutdown(served)
    voter.close()
    served.run(SECOND_US)
    assert admin.reply() == good(Opcode.TRY_SHUTDOWN)


def test_known_pids_of_clients(served: ServerHarness) -> None:
    """By node, kept after the client has gone."""
    with served.client(2):
        served.turn()
    served.turn()
    assert served.wire.client_pids(2) == frozenset({os.getpid()})
    assert served.wire.client_pids(1) == frozenset()
    assert served.wire.client_pids(99) == frozenset()


def test_a_node_that_was_added_later_is_served(served: ServerHarness) -> None:
    """`add` gives it its directory."""
    served.directory(7).mkdir()
    served.wire.add(7, served.directory(7))
    served.engine.add_node(NodeConfig(id=7, name="seven", addresses=("10.0.0.7",)))
    served.engine.start(7)
    served.run(10 * SECOND_US)
    assert sorted(served.client(7).members()) == [1, 2, 3, 7]


def test_a_path_that_is_too_long_is_refused_before_anything_is_bound(tmp_path: Path) -> None:
    """At the construction, and when a node is added."""
    long = tmp_path / ("d" * 108)
    with pytest.raises(PathTooLongError):
        WireServer(Poller(), {1: long})
    with pytest.raises(PathTooLongError):
        WireServer(Poller(), {}).add(1, long)


def test_without_an_engine_nothing_can_be_asked() -> None:
    """A mistake of the caller's, told as one."""
    with pytest.raises(RuntimeError, match="no engine"):
        _ = WireServer(Poller(), {}).engine


def test_sockets_of_a_node_without_a_directory_are_nobodys_business(tmp_path: Path) -> None:
    """A node of the engine that is not served."""
    wire = WireServer(Poller(), {})
    wire.sockets(1, Sockets.LISTENING)
    wire.stopped(1, stopped=True)
    assert list(tmp_path.iterdir()) == []


def test_a_daemon_that_refuses_hangs_up(served: ServerHarness) -> None:
    """Who is connected by the time the daemon says no sees an end; others are served on."""
    client = served.client()
    served.engine.refuse(1, errno.EACCES)
    refused_one = served.client()
    with pytest.raises(HungUpError):
        refused_one.ask(Opcode.ISACTIVE)
    served.engine.refuse(1, None)
    assert client.ask(Opcode.GET_JOINCOUNT).status == 1
    assert served.connect_error() is None


def test_a_stopped_cman_that_is_killed_leaves_its_sockets_usable_for_the_next(
    served: ServerHarness,
) -> None:
    """The new daemon is not stopped."""
    served.engine.stop(1)
    served.engine.kill(1)
    served.engine.start(1)
    served.run(20 * SECOND_US)
    assert served.client().ask(Opcode.ISACTIVE).status == 1


def test_a_reply_that_came_with_another_one_is_news(served: ServerHarness) -> None:
    with served.client(1) as client:
        assert not client.has_news()
        client.send(Opcode.ISACTIVE)
        client.send(Opcode.ISQUORATE)
        served.turn()
        client.next_message()
        assert client.has_news()
        client.next_message()
        assert not client.has_news()
