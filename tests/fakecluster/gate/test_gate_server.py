"""The gate's sockets: one wire server for both engines, tried with the same grammar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fakecluster.cman.client import SocketKind
from fakecluster.cman.outside import Sockets
from fakecluster.cman.wire.codec import (
    EventMessage,
    MessageReader,
    NodeStruct,
    Opcode,
    Reply,
)
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.cman.wire.server import MAX_QUEUED, SOCKET_NAMES, WireServer
from fakecluster.gate.context import HERE
from fakecluster.testing.scripted_corosync import ScriptedCorosync, block
from fakecluster.testing.wire_fuzz import Attack, attacks, refused_readings
from fakecluster.transport.poller import Poller
from o2cbd.core.rules import SECOND_US
from o2cbd.membership.libcorosync_table import CS_ERR_TRY_AGAIN
from tests.fakecluster.gate.scripted_gate import ScriptedGate

SEEDS = range(3)
ATTACKS_A_SEED = 60


class ServedGate(ScriptedGate):
    """A scripted gate behind its sockets."""

    def __init__(self, directory: Path, corosync: ScriptedCorosync | None = None) -> None:
        super().__init__(corosync)
        self.directory = directory
        self.poller = Poller()
        self.server = WireServer(self.poller, {HERE: directory})
        self.server.attach(self.world)

    def sockets(self, node_id: int, sockets: Sockets) -> None:
        super().sockets(node_id, sockets)
        self.server.sockets(node_id, sockets)

    def stopped(self, node_id: int, *, stopped: bool) -> None:
        super().stopped(node_id, stopped=stopped)
        self.server.stopped(node_id, stopped=stopped)

    def serve(self) -> None:
        """Serve until nothing is left to do now; corosync is looked at before each round."""
        self.turn()
        while self.poller.wait(0):
            self.turn()
        while self.jobs_wait:
            self.answered()

    def connect(self, kind: SocketKind = SocketKind.CLIENT) -> RawClient:
        """Connect."""
        client = RawClient(self.directory / SOCKET_NAMES[kind], timeout_s=5, serve=self.serve)
        self.serve()
        return client

    def attack(self, attack: Attack, kind: SocketKind) -> bytes:
        """Send it piece by piece; return everything that was answered."""
        answered = b""
        with self.connect(kind) as hostile, suppress(BrokenPipeError, ConnectionResetError):
            hostile.sock.settimeout(0)
            for piece in attack.pieces:
                hostile.sock.sendall(piece)
                self.serve()
                with suppress(BlockingIOError):
                    answered += hostile.sock.recv(1 << 20)
        self.serve()
        return answered

    def close(self) -> None:
        """Close all."""
        self.world.close()
        self.server.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[ServedGate]:
    made = ServedGate(tmp_path)
    made.up()
    yield made
    made.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_well_behaved_client_sees_every_ring(gate: ServedGate, seed: int) -> None:
    """Each attack gets one reply a request, in order, and nothing that is no message."""
    with gate.connect() as watcher:
        watcher.ask(Opcode.NOTIFY)
        heard = 0
        for number, attack in enumerate(attacks(seed, ATTACKS_A_SEED)):
            if number % 5 == 0:
                gate.corosync.form([1, 2])
            if number % 5 == 2:
                gate.corosync.form([1, 2, 3])
            answers = list(MessageReader().feed(gate.attack(attack, SocketKind.CLIENT)))
            replied = [each.command for each in answers if isinstance(each, Reply)]
            assert [each for each in replied if each != Opcode.DATA] == attack.replies_due
            heard += len(watcher.take_notices())
            assert refused_readings(watcher) == []
        # A leave is one notice, a join two.
        assert heard == 3 * ATTACKS_A_SEED // 5
        assert sorted(watcher.members()) == [1, 2, 3]
        assert watcher.ask(Opcode.GET_JOINCOUNT).status == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_hostile_admins_may_do_what_admins_may_and_the_gate_lives(
    gate: ServedGate, seed: int
) -> None:
    """They end this node's corosync, or have others killed; the next one is served."""
    ended = 0
    for attack in attacks(seed, ATTACKS_A_SEED):
        gate.attack(attack, SocketKind.ADMIN)
        gate.run(20 * SECOND_US)
        gate.serve()
        if not gate.serving:
            ended += 1
            gate.corosync.die()
            gate.turn()
            gate.corosync.come_back()
            gate.run(2 * SECOND_US)
        gate.corosync.form([1, 2, 3])
        with gate.connect() as client:
            assert client.ask(Opcode.ISACTIVE).status == 1
            assert refused_readings(client) == []
    assert ended > 0
    assert ("try_shutdown", 2) in gate.table.ordered


def test_who_leaves_notices_unread_is_thrown_out_and_nobody_else(gate: ServedGate) -> None:
    """With what the kernel takes, and 128 more, unread."""
    with gate.connect() as deaf, gate.connect() as watcher:
        deaf.ask(Opcode.NOTIFY)
        watcher.ask(Opcode.NOTIFY)
        notices = 0
        while watcher.ask(Opcode.GET_JOINCOUNT).status == 2:
            gate.corosync.quorate = not gate.corosync.quorate
            gate.corosync.tell_again()
            gate.serve()
            notices += 1
            assert len(watcher.take_notices()) == 1
        unread: list[object] = []
        with pytest.raises(HungUpError):
            read_all(deaf, unread)
        # What had not gone out whole when it was thrown out is lost.
        assert notices == len(unread) + MAX_QUEUED + 1
        assert all(isinstance(each, EventMessage) for each in unread)
        assert notices > 278


def read_all(client: RawClient, heard: list[object]) -> None:
    """Read to the end. HungUpError: that is it."""
    while True:
        heard.append(client.next_message())


def test_a_name_of_any_length_ends_with_a_nul(tmp_path: Path) -> None:
    """Clients read it as a C string; corosync.conf takes longer ones."""
    gate = ServedGate(tmp_path, ScriptedCorosync([block(1, name="x" * 300), block(2)]))
    gate.up()
    with gate.connect() as client:
        reply = client.ask(Opcode.GETNODE, NodeStruct(node_id=1).encode())
        assert NodeStruct.decode(reply.payload).name == b"x" * 254
    gate.close()


def test_while_corosync_is_busy_a_request_waits_and_newcomers_too(gate: ServedGate) -> None:
    with gate.connect() as client:
        gate.corosync.fail("votequorum_getinfo", CS_ERR_TRY_AGAIN, 25)
        client.send(Opcode.ISQUORATE)
        gate.turn()
        newcomer = RawClient(gate.directory / SOCKET_NAMES[SocketKind.CLIENT], serve=gate.serve)
        gate.poller.wait(0)
        client.sock.settimeout(0)
        with pytest.raises(BlockingIOError):
            client.sock.recv(1)
        client.sock.settimeout(5)
        gate.run()
        assert client.reply().status == 1
        with newcomer:
            assert newcomer.ask(Opcode.ISACTIVE).status == 1
