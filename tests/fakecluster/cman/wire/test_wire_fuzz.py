"""Hostile bytes cost that client its connection and nothing else."""

import errno
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fakecluster.cman.answers import Delivery
from fakecluster.cman.client import SocketKind
from fakecluster.cman.topology import Topology
from fakecluster.cman.wire.codec import (
    BODY_MAX_BYTES,
    HEADER_BYTES,
    MAGIC,
    VERSION,
    FrameHeader,
    Message,
    MessageReader,
    Opcode,
    Reply,
    Request,
)
from fakecluster.cman.wire.raw_client import HungUpError, RawClient
from fakecluster.cman.wire.requests import delivery_message
from fakecluster.testing.cman_server import ServerHarness
from fakecluster.testing.wire_fuzz import Attack, attacks, refused_readings, requests_in
from o2cbd.core.rules import SECOND_US

SEEDS = range(6)
ATTACKS_A_SEED = 60


class Besieged(ServerHarness):
    """Three nodes; node 1 is attacked while node 3 comes and goes."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, Topology.of(3))
        self.start()

    def attack(self, attack: Attack, kind: SocketKind) -> bytes:
        """Send it piece by piece; return everything that was answered."""
        answered = b""
        with self.client(kind=kind) as hostile:
            hostile.sock.settimeout(0)
            for piece in attack.pieces:
                try:
                    hostile.sock.sendall(piece)
                    self.turn()
                    answered += hostile.sock.recv(1 << 20)
                except BlockingIOError:
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    break
        return answered


@pytest.fixture
def besieged(tmp_path: Path) -> Iterator[Besieged]:
    """A cluster that is up."""
    made = Besieged(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_at_least_half_of_the_attacks_are_framed(seed: int) -> None:
    """Else the fuzzer would only ever knock at the header's door."""
    made = list(attacks(seed, ATTACKS_A_SEED))
    assert len(made) == ATTACKS_A_SEED
    assert sum(each.framed for each in made) * 2 >= len(made)


def wrong_fields(header: FrameHeader) -> set[str]:
    """Which fields of a header no cman would take, or no client sends."""
    length_max = HEADER_BYTES + BODY_MAX_BYTES
    wrong = {
        "magic": header.magic != MAGIC,
        "version": header.version != VERSION,
        "length": not HEADER_BYTES <= header.length <= length_max,
        "command": header.command not in set(Opcode),
        "flags": header.flags != 0,
    }
    return {field for field, is_wrong in wrong.items() if is_wrong}


def test_attacks_reach_every_command_and_every_field() -> None:
    """Every command is sent well framed, every field of a header is wrong while the others are not.

    And whole streams are cut at every byte.
    """
    made = [each for seed in SEEDS for each in attacks(seed, ATTACKS_A_SEED)]
    streams = [b"".join(each.pieces) for each in made]
    framed = {
        message.command
        for each in streams
        for message in requests_in(each)
        if isinstance(message, Request)
    }
    assert set(Opcode) - framed == set()
    wrong = [
        wrong_fields(FrameHeader.decode(each)) for each in streams if len(each) >= HEADER_BYTES
    ]
    assert {next(iter(each)) for each in wrong if len(each) == 1} == {
        "magic", "version", "length", "command", "flags",
    }  # fmt: skip
    assert any(len(each.pieces) > 20 and max(map(len, each.pieces)) == 1 for each in made)


def test_the_same_seed_gives_the_same_attacks() -> None:
    """A failure can be replayed."""
    assert list(attacks(7, 20)) == list(attacks(7, 20))
    assert list(attacks(7, 20)) != list(attacks(8, 20))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_well_behaved_client_sees_every_event(besieged: Besieged, seed: int) -> None:
    """Clients attack node 1; its subscriber hears what one without a socket hears, and no less.

    Each attack gets exactly one reply a request, in order, and nothing that is no message.
    """
    witness: list[Delivery] = []
    besieged.engine.connect(1, deliver=witness.append).start_notification()
    heard: list[Message] = []
    with besieged.client() as watcher:
        watcher.ask(Opcode.NOTIFY)
        for number, attack in enumerate(attacks(seed, ATTACKS_A_SEED)):
            if number % 5 == 0:
                besieged.engine.leave(3)
            if number % 5 == 2:
                besieged.engine.start(3)
            answers = list(MessageReader().feed(besieged.attack(attack, SocketKind.CLIENT)))
            replied = [each.command for each in answers if isinstance(each, Reply)]
            assert [each for each in replied if each != Opcode.DATA] == attack.replies_due
            besieged.run(SECOND_US)
            heard += watcher.take_notices()
            assert refused_readings(watcher) == []
        assert sorted(watcher.members()) == [1, 2, 3]
        assert watcher.ask(Opcode.GET_JOINCOUNT).status == 2
    assert heard == [delivery_message(each) for each in witness]
    # A leave is one notice, a join two at least.
    assert len(heard) >= 3 * ATTACKS_A_SEED // 5


@pytest.mark.parametrize("seed", SEEDS)
def test_hostile_admins_may_do_what_admins_may_and_nothing_more(
    besieged: Besieged, seed: int
) -> None:
    """They can end this node's cman or kill others; the server and its sockets live on.

    A subscriber of another node hears what one without a socket hears, until its cman ends.
    """
    heard_in_all = 0
    for attack in attacks(seed, ATTACKS_A_SEED):
        witness: list[Delivery] = []
        besieged.engine.connect(2, deliver=witness.append).start_notification()
        with besieged.client(2) as watcher:
            watcher.ask(Opcode.NOTIFY)
            besieged.attack(attack, SocketKind.ADMIN)
            besieged.run(20 * SECOND_US)
            for node_id in (1, 2, 3):
                if not besieged.engine.state(node_id).running:
                    besieged.engine.start(node_id)
            besieged.run(20 * SECOND_US)
            heard = notices_to_the_end(watcher)
        assert heard == [delivery_message(each) for each in witness]
        heard_in_all += len(heard)
        with besieged.client(2) as client:
            assert client.ask(Opcode.ISACTIVE).status == 1
        for node_id in (1, 2, 3):
            with besieged.client(node_id) as client:
                assert refused_readings(client) == []
    assert heard_in_all >= ATTACKS_A_SEED // 20  # else there was nothing to miss


def notices_to_the_end(watcher: RawClient) -> list[Message]:
    """All that came until now, or until its cman ended."""
    with suppress(HungUpError):
        watcher.ask(Opcode.ISACTIVE)
    return watcher.notices


def test_a_flood_of_connections_ends_with_their_ends(besieged: Besieged) -> None:
    """A hundred clients that say half a header and go."""
    for _ in range(100):
        with besieged.client() as hostile:
            hostile.sock.sendall(b"NAMC\x03\x00")
    besieged.turn()
    with besieged.client() as client:
        assert client.ask(Opcode.GET_JOINCOUNT).status == 1
        assert client.ask(0x5555).status == -errno.EINVAL
