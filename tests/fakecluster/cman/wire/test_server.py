"""The wire server in one thread and virtual time: every command through a raw client."""

import dataclasses
import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fakecluster.cman.client_end import SocketKind
from fakecluster.cman.engine import Sockets
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.cman.wire.codec import (
    ADMIN_BIT,
    EventMessage,
    ExtraInfoStruct,
    Message,
    MessageReader,
    NodeExtraStruct,
    NodeStruct,
    Opcode,
    Reply,
    Request,
    encode_ints,
)
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.cman.wire.server import SOCKET_NAMES, WireServer
from fakecluster.testing.cman_server import ServerHarness
from fakecluster.transport.listener import PathTooLongError
from fakecluster.transport.poller import Poller
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


def test_join_count_counts_both_sockets(served: ServerHarness) -> None:
    """Open connections of clients and admins."""
    client, admin = served.client(), served.admin()
    assert client.ask(Opcode.GET_JOINCOUNT).status == 2
    admin.close()
    served.turn()
    assert client.ask(Opcode.GET_JOINCOUNT).status == 1


# -- who may ask what


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


# -- notices


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
