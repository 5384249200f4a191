"""Regions, pins, the live map, peers, power, presence; and what can crash a real kernel."""

from __future__ import annotations

import errno
from functools import partial

import pytest

from fakecluster.configfs.directories import Presence
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.conformance.refusal import refusal

C = "/cluster/c"


def put(model: ConfigfsModel, node: str, **values: object) -> None:
    for attribute, value in values.items():
        model.write_value(f"{C}/node/{node}/{attribute}", str(value).encode())


def get(model: ConfigfsModel, path: str) -> str:
    return model.read_value(f"{C}/{path}").decode()


def add(model: ConfigfsModel, node: str, num: int, address: str = "") -> None:
    model.mkdir(f"{C}/node/{node}")
    put(model, node, ipv4_port=7777, ipv4_address=address or f"10.77.1.{num}", num=num)


@pytest.fixture
def pair(model: ConfigfsModel) -> ConfigfsModel:
    """A cluster of the local node a (1) and the remote node b (2)."""
    model.mkdir(C)
    add(model, "a", 1, "10.77.0.1")
    put(model, "a", local=1)
    add(model, "b", 2)
    return model


def test_a_mount_makes_a_region(pair: ConfigfsModel) -> None:
    """As mount.ocfs2 leaves it: values set, a pid, the own num alive."""
    pair.heartbeat.start("R", pid=4711, dev="vdc")
    shown = {name: get(pair, f"heartbeat/R/{name}") for name in ("pid", "dev", "blocks")}
    assert shown == {"pid": "4711\n", "dev": "vdc\n", "blocks": "255\n"}
    assert (pair.heartbeat.runs, pair.heartbeat.live_nums) == (True, frozenset({1}))
    assert refusal(lambda: pair.write_value(f"{C}/heartbeat/R/blocks", b"7")) == "EINVAL"


def test_an_unmount_takes_it_away(pair: ConfigfsModel) -> None:
    pair.heartbeat.start("R", pid=4711)
    pair.heartbeat.see({1, 2})
    pair.heartbeat.stop("R")
    assert pair.find(f"{C}/heartbeat/R") is None
    assert (pair.heartbeat.runs, pair.heartbeat.live_nums) == (False, frozenset())
    pair.heartbeat.stop("R")
    pair.rmdir(f"{C}/node/b")
    pair.rmdir(f"{C}/node/a")


def test_the_last_of_two_regions_counts(pair: ConfigfsModel) -> None:
    pair.heartbeat.start("R", pid=1)
    pair.heartbeat.start("S", pid=2)
    pair.heartbeat.stop("R")
    assert refusal(lambda: pair.rmdir(f"{C}/node/a")) == "EBUSY"
    assert pair.heartbeat.live_nums == {1}


def test_no_mount_without_cluster_or_local_node(model: ConfigfsModel) -> None:
    assert refusal(lambda: model.heartbeat.start("R", pid=1)) == "EINVAL"
    model.mkdir(C)
    assert refusal(lambda: model.heartbeat.start("R", pid=1)) == "EINVAL"
    add(model, "a", 1)
    assert refusal(lambda: model.heartbeat.start("R", pid=1)) == "EINVAL"
    assert model.find(f"{C}/heartbeat/R") is None


def test_a_mount_is_no_call_of_the_daemon(pair: ConfigfsModel) -> None:
    pair.journal.clear()
    pair.fault("mkdir", errno.EIO)
    pair.heartbeat.start("R", pid=1)
    assert list(pair.journal) == []


def test_the_live_map_pins_until_the_node_is_dead(pair: ConfigfsModel) -> None:
    pair.heartbeat.start("R", pid=1)
    pair.heartbeat.see({1, 2})
    assert refusal(lambda: pair.rmdir(f"{C}/node/b")) == "EBUSY"
    pair.heartbeat.see({1})
    assert refusal(lambda: pair.rmdir(f"{C}/node/b")) == "ok"


def test_a_pin_by_name(pair: ConfigfsModel) -> None:
    pair.heartbeat.pin("b")
    assert refusal(lambda: pair.rmdir(f"{C}/node/b")) == "EBUSY"
    pair.heartbeat.unpin("b")
    pair.heartbeat.unpin("b")
    assert refusal(lambda: pair.rmdir(f"{C}/node/b")) == "ok"


def test_the_node_map_is_every_registered_node(pair: ConfigfsModel) -> None:
    """Half-made nodes are not in it: no other kernel hears of them."""
    pair.mkdir(f"{C}/node/half")
    put(pair, "half", ipv4_port=1)
    assert pair.heartbeat.node_map == {(1, "10.77.0.1", 7777), (2, "10.77.1.2", 7777)}


def test_peers_forbid_a_change_and_not_the_same_value(pair: ConfigfsModel) -> None:
    pair.heartbeat.connect({2})
    for name, same, other in (
        ("idle_timeout_ms", b"30000", b"40000"),
        ("keepalive_delay_ms", b"2000", b"3000"),
    ):
        path = f"{C}/{name}"
        assert refusal(partial(pair.write_value, path, same)) == "ok"
        assert refusal(partial(pair.write_value, path, other)) == "EINVAL"


def test_links_end_with_their_node(pair: ConfigfsModel) -> None:
    add(pair, "c", 3)
    pair.heartbeat.connect({2, 3})
    pair.rmdir(f"{C}/node/b")
    assert pair.heartbeat.connected_nums == {3}
    pair.rmdir(f"{C}/node/a")
    assert (pair.heartbeat.connected_nums, pair.host.listener) == (frozenset(), None)


def test_the_listener_is_the_local_nodes(pair: ConfigfsModel) -> None:
    assert pair.host.listener == ("10.77.0.1", 7777)


def test_a_failed_bind_is_logged(model: ConfigfsModel) -> None:
    model.mkdir(C)
    add(model, "a", 1, "192.0.2.1")
    assert refusal(lambda: put(model, "a", local=1)) == "EADDRNOTAVAIL"
    model.host.add_address("192.0.2.1")
    model.host.take_port(7777, "192.0.2.1")
    assert refusal(lambda: put(model, "a", local=1)) == "EADDRINUSE"
    assert model.kernel.log == [
        "o2net: Error -99 while binding socket",
        "o2net: Error -98 while binding socket",
    ]


def test_a_port_taken_on_another_address_does_not_matter(model: ConfigfsModel) -> None:
    model.host.take_port(7777, "10.77.0.9")
    model.mkdir(C)
    add(model, "a", 1, "10.77.0.1")
    assert refusal(lambda: put(model, "a", local=1)) == "ok"


def test_the_zero_address_is_taken_and_poisons(model: ConfigfsModel) -> None:
    """As the kernel does; an oracle sees it."""
    model.mkdir(C)
    model.mkdir(f"{C}/node/a")
    before = model.poisoned
    put(model, "a", ipv4_address="0.0.0.0")
    found = [(each.path, each.what) for each in model.poisoned]
    assert (before, found) == ((), [("a", "0.0.0.0 written to ipv4_address")])
    model.rmdir(f"{C}/node/a")
    assert len(model.poisoned) == 1


def test_local_zero_under_a_region_poisons(pair: ConfigfsModel) -> None:
    put(pair, "a", local=0)
    put(pair, "a", local=1)
    seen = [pair.poisoned]
    pair.heartbeat.start("R", pid=1)
    put(pair, "b", local=0)
    seen.append(pair.poisoned)
    put(pair, "a", local=0)
    found = [(each.path, each.what) for each in pair.poisoned]
    assert (seen, found) == ([(), ()], [("a", "local=0 under a heartbeat region")])


def test_power_off_empties_the_tables(pair: ConfigfsModel) -> None:
    """And the module's values, the pins, the listener; an open handle is dead; poison stays."""
    pair.write_value(f"{C}/heartbeat/dead_threshold", b"5")
    pair.mkdir(f"{C}/node/x")
    put(pair, "x", ipv4_address="0.0.0.0")
    pair.heartbeat.pin("b")
    pair.heartbeat.start("R", pid=1)
    handle = pair.open(f"{C}/node/a/num")
    pair.power_cycle()
    assert [entry.name for entry in pair.scandir("/cluster")] == []
    assert refusal(lambda: pair.read(handle, 9)) == "ENOENT"
    assert (pair.host.listener, pair.heartbeat.runs) == (None, False)
    assert len(pair.poisoned) == 1
    pair.mkdir(C)
    assert get(pair, "heartbeat/dead_threshold") == "31\n"
    add(pair, "b", 2)
    pair.rmdir(f"{C}/node/b")


def test_not_mounted(pair: ConfigfsModel) -> None:
    """An empty directory that takes nothing; the kernel's tables come back with the mount."""
    pair.presence = Presence.EMPTY
    assert pair.scandir("/") == ()
    assert refusal(lambda: pair.scandir("/cluster")) == "ENOENT"
    assert refusal(lambda: pair.mkdir("/cluster")) == "EPERM"
    pair.heartbeat.start("R", pid=1)
    assert pair.presence is Presence.EMPTY
    pair.presence = Presence.O2CB
    assert get(pair, "node/b/num") == "2\n"
    assert get(pair, "heartbeat/R/pid") == "1\n"


def test_a_plain_directory_that_looks_like_it(model: ConfigfsModel) -> None:
    """mkdir works there and brings nothing along."""
    model.presence = Presence.PLAIN
    model.mkdir(C)
    model.mkdir("/cluster/d")
    model.mkdir(f"{C}/node")
    assert [entry.name for entry in model.scandir(C)] == ["node"]
    assert refusal(lambda: model.rmdir(C)) == "ENOTEMPTY"
    model.rmdir(f"{C}/node")
    model.rmdir(C)
    assert model.kernel.cluster is None
