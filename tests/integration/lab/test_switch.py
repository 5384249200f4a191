"""The switch between guests, and who does not hear whom."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from integration.lab.switch import LabNetwork, Switch

BROADCAST = b"\xff" * 6


def mac(host: int) -> bytes:
    return bytes((0x52, 0x54, 0, 0x77, 0, host))


def frame(source: int, target: bytes, text: bytes = b"hello") -> bytes:
    return target + mac(source) + b"\x08\x00" + text


def test_whose_place_is_not_known_is_looked_for_everywhere() -> None:
    network = LabNetwork()
    assert network.listeners(1, frame(1, mac(2)), [1, 2, 3]) == [2, 3]


def test_who_has_spoken_is_found() -> None:
    network = LabNetwork()
    assert network.listeners(2, frame(2, BROADCAST), [1, 2, 3]) == [1, 3]
    assert network.listeners(1, frame(1, mac(2)), [1, 2, 3]) == [2]


def test_groups_are_never_learnt() -> None:
    network = LabNetwork()
    multicast = b"\x01\x00\x5e\x00\x00\x01"
    assert network.listeners(1, frame(1, multicast), [1, 2, 3]) == [2, 3]
    assert network.listeners(2, frame(2, multicast), [1, 2, 3]) == [1, 3]


def test_who_moves_is_found_again() -> None:
    network = LabNetwork()
    network.listeners(2, frame(9, BROADCAST), [1, 2, 3])
    network.listeners(3, frame(9, BROADCAST), [1, 2, 3])
    assert network.listeners(1, frame(1, mac(9)), [1, 2, 3]) == [3]


def test_no_host_hears_itself() -> None:
    network = LabNetwork()
    network.listeners(1, frame(1, BROADCAST), [1, 2])
    assert network.listeners(1, frame(1, mac(1)), [1, 2]) == []


def test_less_than_a_frame_goes_nowhere() -> None:
    assert LabNetwork().listeners(1, BROADCAST, [1, 2]) == []


def hearing(network: LabNetwork, hosts: int = 3) -> set[tuple[int, int]]:
    """Every (speaker, listener) that works."""
    numbers = range(1, hosts + 1)
    return {(a, b) for a in numbers for b in numbers if a != b and network.hears(b, a)}


def test_a_cut_goes_one_way() -> None:
    network = LabNetwork()
    network.cut(1, 2)
    assert hearing(network) == {(1, 3), (2, 1), (2, 3), (3, 1), (3, 2)}


def test_a_partition_goes_both_ways_and_spares_the_groups() -> None:
    network = LabNetwork()
    network.partition((1, 2), (3,))
    assert hearing(network) == {(1, 2), (2, 1)}


def test_a_partition_has_any_number_of_groups() -> None:
    network = LabNetwork()
    network.partition((1, 2), (3,), (4,))
    assert hearing(network, 4) == {(1, 2), (2, 1)}


def test_partitions_add_up_until_they_are_healed() -> None:
    network = LabNetwork()
    network.partition((1,), (2, 3, 4))
    network.partition((1, 2, 3), (4,))
    assert hearing(network, 4) == {(2, 3), (3, 2)}
    network.heal()
    assert len(hearing(network)) == 6


@pytest.fixture
def switch() -> Iterator[Switch]:
    with Switch.running() as one:
        yield one


@pytest.fixture
def cables(switch: Switch) -> Iterator[dict[int, socket.socket]]:
    plugged = {host: switch.plug(host) for host in (1, 2, 3)}
    for cable in plugged.values():
        cable.settimeout(60)
    yield plugged
    for cable in plugged.values():
        cable.close()


def test_the_switch_carries_frames(switch: Switch, cables: dict[int, socket.socket]) -> None:
    sent = frame(1, BROADCAST)
    cables[1].send(sent)
    assert (cables[2].recv(9000), cables[3].recv(9000)) == (sent, sent)


def test_what_is_cut_is_not_carried(switch: Switch, cables: dict[int, socket.socket]) -> None:
    switch.network.cut(1, 2)
    cables[1].send(frame(1, BROADCAST, b"lost"))
    assert cables[3].recv(9000) == frame(1, BROADCAST, b"lost")
    switch.network.heal()
    cables[1].send(frame(1, BROADCAST, b"heard"))
    assert cables[2].recv(9000) == frame(1, BROADCAST, b"heard")


def test_a_host_whose_qemu_is_gone_troubles_nobody(
    switch: Switch, cables: dict[int, socket.socket]
) -> None:
    cables[2].close()
    cables[1].send(frame(1, BROADCAST))
    assert cables[3].recv(9000) == frame(1, BROADCAST)


def test_a_host_is_plugged_in_anew(switch: Switch, cables: dict[int, socket.socket]) -> None:
    with switch.plug(2) as again:
        again.settimeout(60)
        cables[1].send(frame(1, BROADCAST, b"to the new one"))
        assert again.recv(9000) == frame(1, BROADCAST, b"to the new one")
        again.send(frame(2, BROADCAST, b"from it"))
        assert cables[1].recv(9000) == frame(2, BROADCAST, b"from it")
    cables[2].settimeout(0)
    with pytest.raises(OSError, match=r"unavailable|reset"):
        cables[2].recv(9000)


def test_a_host_that_does_not_read_does_not_stop_the_others(
    switch: Switch, cables: dict[int, socket.socket]
) -> None:
    big = frame(1, BROADCAST, b"x" * 60_000)
    for _ in range(400):
        cables[1].send(big)
        assert cables[3].recv(100_000) == big


def test_those_in_no_group_are_one() -> None:
    network = LabNetwork()
    network.partition((2,))
    assert hearing(network) == {(1, 3), (3, 1)}
    network.cut(1, 3)
    assert hearing(network) == {(3, 1)}
    network.heal()
    assert len(hearing(network)) == 6
