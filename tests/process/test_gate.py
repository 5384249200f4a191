"""The gate as a process, over real corosyncs: its sockets, its own life, and what admins change."""

from __future__ import annotations

import errno
import os
import select
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from fakecluster.cman.client_end import SocketKind
from fakecluster.cman.constants import Reason
from fakecluster.cman.topology import Topology
from fakecluster.cman.wire.codec import (
    ConfchgMessage,
    DataMessage,
    EventMessage,
    ExtraInfoStruct,
    FenceStruct,
    Message,
    NodeStruct,
    Opcode,
    Reply,
    VersionStruct,
    encode_ints,
    encode_listening,
)
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.corosync.gates import SOCKET_DIR, GateProcess
from fakecluster.corosync.lab import PATIENCE_S, CorosyncLab
from fakecluster.testing.wire_fuzz import attacks
from o2cbd.membership.libcorosync_table import DISPATCH_ALL, CorosyncTable

pytestmark = pytest.mark.process

EX_CANTCREAT = 73
MEMBER, DEAD = 2, 3
QUORATE = EventMessage(reason=Reason.STATE_CHANGE, arg=1)
INQUORATE = EventMessage(reason=Reason.STATE_CHANGE, arg=0)
ASKED = EventMessage(reason=Reason.TRY_SHUTDOWN, arg=0)
YES, NO = encode_ints(1), encode_ints(0)


class Cluster:
    """Corosyncs, and gates on some of their hosts."""

    def __init__(self, lab: CorosyncLab, directory: Path, stack: ExitStack) -> None:
        self.lab = lab
        self.directory = directory
        self._stack = stack
        self.gates: dict[int, GateProcess] = {}
        self._clients: list[RawClient] = []

    def up(self, *node_ids: int) -> None:
        """Start corosyncs, and let the gates that there are serve."""
        for node_id in node_ids:
            self.lab.start(node_id)
        self.settle()

    def gate(self, node_id: int, *options: str) -> GateProcess:
        """Start a gate."""
        place = self.directory / f"gate{node_id}"
        place.mkdir()
        gate = self.gates[node_id] = GateProcess(self.lab.host(node_id), place, options=options)
        self._stack.callback(gate.close)
        return gate

    def settle(self) -> None:
        """Wait for the rings, and for all gates to have told of them."""
        self.lab.settle()
        for node_id, gate in self.gates.items():
            if self.lab.runs(node_id):
                gate.catch_up()
            else:
                gate.away()

    def client(self, node_id: int = 1, kind: SocketKind = SocketKind.CLIENT) -> RawClient:
        client = self.gates[node_id].connect(kind)
        self._stack.callback(client.close)
        return client

    def subscriber(self, node_id: int = 1) -> RawClient:
        client = self.client(node_id)
        client.ask(Opcode.NOTIFY)
        return client

    def admin(self, node_id: int = 1) -> RawClient:
        return self.client(node_id, SocketKind.ADMIN)


class Objector:
    """One who tracks corosync's shutdowns, and is no client of the gate."""

    def __init__(self, table: CorosyncTable) -> None:
        self._asked: list[int] = []
        self._cfg = table.cfg_initialize(self._asked.append)
        self._cfg.trackstart()

    def answer(self, *, yes: bool) -> None:
        """Wait for a question, and answer it."""
        poller = select.poll()
        poller.register(self._cfg.fd_get(), select.POLLIN)
        while not self._asked:
            assert poller.poll(PATIENCE_S * 1000)
            self._cfg.dispatch(DISPATCH_ALL)
        self._asked.clear()
        self._cfg.replyto_shutdown(int(yes))


Make = Callable[..., Cluster]


@pytest.fixture
def make(libcorosync: CorosyncTable, tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def making(count: int = 3) -> Cluster:
            lab = CorosyncLab(libcorosync, Topology.of(count), tmp_path)
            stack.callback(lab.close)
            return Cluster(lab, tmp_path, stack)

        yield making


@pytest.fixture
def cluster(make: Make) -> Cluster:
    """Three nodes with a gate on the first two."""
    cluster = make()
    cluster.gate(1)
    cluster.gate(2)
    cluster.up(1, 2, 3)
    return cluster


def states(client: RawClient) -> dict[int, int]:
    reply = client.ask(Opcode.GETALLMEMBERS)
    records = [NodeStruct.decode(reply.payload, 440 * place) for place in range(reply.status)]
    return {record.node_id: record.state for record in records}


def extra(client: RawClient) -> ExtraInfoStruct:
    return ExtraInfoStruct.decode(client.ask(Opcode.GETEXTRAINFO).payload)


def sockets(cluster: Cluster) -> list[str]:
    """What stands where the sockets of the first node are."""
    listed = cluster.lab.host(1).run("ls", os.fspath(SOCKET_DIR)).split()
    return [name for name in listed if name.startswith("cman_")]


def wait_for(client: RawClient, wanted: Message) -> None:
    """Read on until this comes."""
    while client.next_message() != wanted:
        pass


def is_listening(client: RawClient, port: int, node_id: int) -> int:
    """Ask until the other node's answer is there."""
    question = encode_listening(port, node_id)
    while (status := client.ask(Opcode.ISLISTENING, question).status) == -errno.EBUSY:
        pass
    return status


def hung_up(client: RawClient) -> list[Message]:
    """Read to the end, which must come."""
    heard: list[Message] = []
    try:
        while True:
            heard.append(client.next_message())
    except HungUpError:
        return heard


# -- its own life


def test_it_waits_for_corosync_says_when_it_serves_and_ends_at_sigterm(make: Make) -> None:
    cluster = make(1)
    gate = cluster.gate(1)
    gate.away()
    ready = gate.ready
    cluster.up(1)
    assert (ready, gate.ready, gate.status) == (False, True, "serving: members 1, quorate")
    client = cluster.client()
    assert gate.end() == 0
    assert hung_up(client) == []
    assert sockets(cluster) == []


def test_it_outlives_its_corosync_and_serves_the_next(make: Make) -> None:
    cluster = make(1)
    gate = cluster.gate(1)
    cluster.up(1)
    for end in (cluster.lab.kill, cluster.lab.leave):
        client = cluster.subscriber()
        end(1)
        cluster.settle()
        assert hung_up(client) == []
        with pytest.raises(FileNotFoundError):
            cluster.client()
        cluster.up(1)
        assert states(cluster.client()) == {1: MEMBER}
    assert gate.end() == 0


def test_a_second_gate_is_refused_and_stale_sockets_are_replaced(make: Make) -> None:
    cluster = make(1)
    first = cluster.gate(1)
    cluster.up(1)
    second = GateProcess(cluster.lab.host(1), cluster.directory)
    try:
        assert second.process.wait(PATIENCE_S) == EX_CANTCREAT
        assert "a cman or another gate serves here" in second.log
    finally:
        second.close()
    assert states(cluster.client()) == {1: MEMBER}
    first.process.kill()
    first.process.wait(PATIENCE_S)
    del cluster.gates[1]
    (cluster.directory / "gate1").rename(cluster.directory / "before")
    with pytest.raises(ConnectionRefusedError):
        first.connect()
    cluster.gate(1).serving()
    assert states(cluster.client()) == {1: MEMBER}


def test_a_file_in_the_sockets_place_is_left_alone(make: Make) -> None:
    cluster = make(1)
    cluster.lab.host(1).run("touch", f"{SOCKET_DIR}/cman_admin")
    gate = cluster.gate(1)
    cluster.lab.start(1)
    assert gate.process.wait(PATIENCE_S) == EX_CANTCREAT
    assert "/run/cman_admin" in gate.log
    assert sockets(cluster) == ["cman_admin"]


def test_the_sockets_have_cmans_modes(make: Make) -> None:
    cluster = make(1)
    cluster.gate(1)
    cluster.up(1)
    paths = [f"{SOCKET_DIR}/cman_client", f"{SOCKET_DIR}/cman_admin"]
    modes = cluster.lab.host(1).run("stat", "--format", "%a %U %F", *paths)
    assert modes.splitlines() == ["660 root socket", "600 root socket"]


# -- a corosync that is stopped


def test_while_corosync_is_stopped_nobody_is_answered(make: Make) -> None:
    """As with a cman that is stopped; after it all is as it is then."""
    cluster = make(1)
    cluster.gate(1)
    cluster.up(1)
    client = cluster.client()
    cluster.lab.stop(1)
    client.send(Opcode.ISQUORATE)
    newcomer = cluster.client()
    newcomer.send(Opcode.ISACTIVE)
    # Whatever it says has to pass by corosync, which says nothing.
    client.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.reply()
    client.sock.settimeout(PATIENCE_S)
    cluster.lab.go_on(1)
    assert client.reply() == Reply(command=Opcode.ISQUORATE, status=1)
    assert newcomer.reply() == Reply(command=Opcode.ISACTIVE, status=1)


def test_it_ends_at_sigterm_while_corosync_is_stopped(make: Make) -> None:
    cluster = make(1)
    gate = cluster.gate(1)
    cluster.up(1)
    client = cluster.client()
    cluster.lab.stop(1)
    client.send(Opcode.ISQUORATE)
    assert gate.end() == 0
    assert sockets(cluster) == []
    cluster.lab.go_on(1)


def test_a_node_that_was_paused_comes_back_with_a_new_incarnation(cluster: Cluster) -> None:
    client = cluster.subscriber()
    before = client.members()
    cluster.lab.stop(3)
    assert client.next_message() == QUORATE
    assert sorted(client.members()) == [1, 2]
    cluster.lab.go_on(3)
    cluster.settle()
    after = client.members()
    changed = [one for one in after if after[one].incarnation != before[one].incarnation]
    assert (sorted(after), changed) == ([1, 2, 3], [3])


# -- shutdown, asked in both directions


def test_corosyncs_question_is_the_clients_to_answer(cluster: Cluster) -> None:
    client, other = cluster.subscriber(), cluster.subscriber()
    asking = spawn(cluster, "corosync-cfgtool", "-H")
    assert (client.next_message(), other.next_message()) == (ASKED, ASKED)
    client.send(Opcode.SHUTDOWN_REPLY, YES)
    other.send(Opcode.SHUTDOWN_REPLY, NO)
    assert "error = 10" in asking.communicate(timeout=PATIENCE_S)[1]
    assert states(client) == {1: MEMBER, 2: MEMBER, 3: MEMBER}
    asking = spawn(cluster, "corosync-cfgtool", "-H")
    for each in (client, other):
        assert each.next_message() == ASKED
        each.send(Opcode.SHUTDOWN_REPLY, YES)
    cluster.lab.ended(1)
    assert hung_up(client) == hung_up(other) == []
    asking.communicate(timeout=PATIENCE_S)
    cluster.settle()
    assert states(cluster.client(2)) == {1: DEAD, 2: MEMBER, 3: MEMBER}


def test_a_clients_question_is_corosyncs_too(make: Make, libcorosync: CorosyncTable) -> None:
    """A client of the gate agrees, and one who tracks corosync's shutdowns does not."""
    cluster = make(1)
    cluster.gate(1)
    cluster.up(1)
    client, admin = cluster.subscriber(), cluster.admin()
    objector = cluster.lab.host(1).call(lambda: Objector(libcorosync))
    admin.send(Opcode.TRY_SHUTDOWN, encode_ints(0))
    assert client.next_message() == ASKED
    client.send(Opcode.SHUTDOWN_REPLY, YES)
    objector.answer(yes=False)
    assert admin.reply().status == -errno.EBUSY
    assert states(client) == {1: MEMBER}
    admin.send(Opcode.TRY_SHUTDOWN, encode_ints(0))
    assert client.next_message() == ASKED
    client.send(Opcode.SHUTDOWN_REPLY, YES)
    objector.answer(yes=True)
    assert admin.reply().status == 0
    cluster.lab.ended(1)
    assert hung_up(client) == []


def test_silence_costs_its_time_and_nobody_else(make: Make) -> None:
    """Others are answered meanwhile; then the answer is no."""
    cluster = make(1)
    cluster.gate(1)
    cluster.up(1)
    silent, other, admin = cluster.subscriber(), cluster.client(), cluster.admin()
    admin.send(Opcode.TRY_SHUTDOWN, encode_ints(0))
    assert silent.next_message() == ASKED
    assert states(other) == {1: MEMBER}
    assert cluster.admin().ask(Opcode.TRY_SHUTDOWN, encode_ints(0)).status == -errno.EALREADY
    assert admin.reply().status == -errno.EBUSY
    assert silent.ask(Opcode.ISACTIVE).status == 1


def test_leave_asks_nobody(cluster: Cluster) -> None:
    client = cluster.subscriber()
    assert cluster.admin().ask(Opcode.LEAVE_CLUSTER, encode_ints(0)).status == 0
    cluster.lab.ended(1)
    assert hung_up(client) == []
    cluster.settle()
    assert states(cluster.client(2)) == {1: DEAD, 2: MEMBER, 3: MEMBER}


def test_a_kill_ends_the_others_corosync(cluster: Cluster) -> None:
    victim, killer = cluster.subscriber(2), cluster.subscriber(1)
    admin = cluster.admin(1)
    assert admin.ask(Opcode.KILLNODE, encode_ints(9)).status == -errno.EINVAL
    assert admin.ask(Opcode.KILLNODE, encode_ints(2)).status == 0
    assert states(killer)[2] != MEMBER
    cluster.lab.ended(2)
    assert hung_up(victim) == []
    cluster.settle()
    assert states(killer) == {1: MEMBER, 2: DEAD, 3: MEMBER}


# -- votes, versions, reloads


def test_votes_and_expected_votes_are_votequorums(cluster: Cluster) -> None:
    client, other, admin = cluster.subscriber(1), cluster.subscriber(2), cluster.admin()
    assert (extra(client).expected_votes, extra(client).quorum) == (3, 2)
    assert admin.ask(Opcode.SETEXPECTED_VOTES, encode_ints(9)).status == -errno.EINVAL
    assert admin.ask(Opcode.SET_VOTES, encode_ints(2, 3)).status == 0
    assert client.next_message() == QUORATE  # of the change here, which has yet to come round
    for each in (client, other):
        assert each.next_message() == QUORATE
        assert (extra(each).total_votes, extra(each).quorum) == (5, 3)
    assert admin.ask(Opcode.SET_VOTES, encode_ints(2, 1)).status == 0
    assert client.next_message() == QUORATE
    for each in (client, other):
        assert each.next_message() == QUORATE
        assert extra(each).total_votes == 3


def test_lost_quorum_is_corosyncs_word(cluster: Cluster) -> None:
    client = cluster.subscriber()
    client.ask(Opcode.START_CONFCHG)
    cluster.lab.kill(2)
    cluster.settle()
    cluster.lab.kill(3)
    cluster.settle()
    heard = client.take_notices()
    assert [one for one in heard if isinstance(one, EventMessage)] == [QUORATE, INQUORATE]
    rings = [one for one in heard if isinstance(one, ConfchgMessage)]
    assert [(one.members, one.left) for one in rings] == [((1, 3), (2,)), ((1,), (3,))]
    assert client.ask(Opcode.ISQUORATE).status == 0


def test_a_version_that_is_set_is_a_reload_of_every_node(cluster: Cluster) -> None:
    client, other = cluster.subscriber(1), cluster.subscriber(2)
    cluster.lab.configuration.version = 2
    cluster.lab.write()
    record = VersionStruct(config=2)
    assert cluster.admin().ask(Opcode.SET_VERSION, record.encode()).status == 0
    update = EventMessage(reason=Reason.CONFIG_UPDATE, arg=2)
    for each in (client, other):
        wait_for(each, update)
    assert VersionStruct.decode(other.ask(Opcode.GET_VERSION).payload) == record


def test_votes_of_a_node_that_was_never_seen_are_enoent(make: Make) -> None:
    cluster = make(3)
    cluster.gate(1)
    cluster.up(1, 2)
    assert cluster.admin().ask(Opcode.SET_VOTES, encode_ints(3, 1)).status == -errno.ENOENT


# -- between gates


def test_fencing_ports_and_data_pass_between_gates(cluster: Cluster) -> None:
    here, there = cluster.subscriber(1), cluster.subscriber(2)
    record = FenceStruct(node_id=3, flags=2, fence_seconds=7, agent=b"xvm")
    assert cluster.admin(1).ask(Opcode.UPDATE_FENCE_INFO, record.encode()).status == 0
    assert here.ask(Opcode.BIND, encode_ints(11)).status == 0
    assert there.ask(Opcode.BIND, encode_ints(11)).status == 0
    wait_for(here, EventMessage(reason=Reason.PORT_OPENED, arg=2))
    assert here.ask(Opcode.ISLISTENING, encode_listening(11, 2)).status == -errno.EBUSY
    assert is_listening(here, 11, 2) == 1
    here.send(Opcode.DATA, encode_ints(2, 11) + b"hello")
    wait_for(there, DataMessage(node_id=1, port=11, payload=b"hello"))
    assert FenceStruct.decode(there.ask(Opcode.GET_FENCE_INFO, encode_ints(3)).payload) == record
    closed = EventMessage(reason=Reason.PORT_CLOSED, arg=2)
    there.close()
    wait_for(here, closed)
    assert cluster.subscriber(2).ask(Opcode.BIND, encode_ints(11)).status == 0
    wait_for(here, EventMessage(reason=Reason.PORT_OPENED, arg=2))
    assert cluster.gates[2].end() == 0
    wait_for(here, closed)
    assert here.ask(Opcode.ISLISTENING, encode_listening(11, 2)).status == -errno.EBUSY


# -- hostile clients


def test_hostile_clients_cost_nobody_anything(make: Make) -> None:
    """The grammar that the simulator's server is tried with."""
    cluster = make(1)
    gate = cluster.gate(1)
    cluster.up(1)
    watcher = cluster.subscriber()
    for attack in attacks(1, 150):
        with gate.connect() as hostile:
            hostile.sock.settimeout(PATIENCE_S)
            # Thrown out in the middle of it, who sends on has his connection reset.
            with suppress(BrokenPipeError, ConnectionResetError):
                for piece in attack.pieces:
                    hostile.sock.sendall(piece)
                hostile.sock.shutdown(socket.SHUT_WR)
                while hostile.sock.recv(65536):
                    pass
    assert states(watcher) == {1: MEMBER}
    assert watcher.ask(Opcode.GET_JOINCOUNT).status == 1
    assert gate.end() == 0


def spawn(cluster: Cluster, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        cluster.lab.host(1).command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
