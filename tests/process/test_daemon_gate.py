"""A whole o2cbd a host that follows cman, which is the gate over real corosyncs."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fakecluster.cman.client_end import SocketKind
from fakecluster.cman.standin import standin_library
from fakecluster.cman.wire.codec import Opcode, encode_ints
from fakecluster.corosync.configuration import Block
from fakecluster.corosync.gates import GateProcess
from o2cbd.membership.libcorosync_table import CorosyncTable
from tests.process.corosync_site import Site, site

pytestmark = pytest.mark.process

MOUNTED = "36 35 8:1 / /srv/shared rw - ocfs2 /dev/sda1 rw,heartbeat=local,cluster_stack=o2cb\n"
ADDRESSES = {number: [f"10.0.0.{number}"] for number in (1, 2, 3)}
AT_ONCE = "[removals]\nsettle_s = 0\n"
ALL = {f"node{number}": f"10.0.0.{number}:7777" for number in (1, 2, 3)}


class Gated:
    """A site with a gate and a daemon a host."""

    def __init__(self, made: Site, settings: str, stack: ExitStack) -> None:
        self.site = made
        self.lab = made.lab
        self.hosts = made.hosts
        self.gates: dict[int, GateProcess] = {}
        self._stack = stack
        for node_id, host in made.hosts.items():
            self.gate(node_id, "gate")
            host.set(settings)

    def gate(self, node_id: int, place: str) -> None:
        """Start a gate; `place`: another name for each one of a host."""
        directory = self.hosts[node_id].directory / place
        directory.mkdir()
        gate = self.gates[node_id] = GateProcess(self.lab.host(node_id), directory)
        self._stack.callback(gate.close)

    def up(self, *node_ids: int) -> None:
        """Start corosyncs, then daemons, and wait until these are in sync."""
        self.site.start(*node_ids)
        for node_id in node_ids:
            self.gates[node_id].serving()
            self.hosts[node_id].run()
        for node_id in node_ids:
            self.hosts[node_id].told("synced")

    def tables(self, wanted: Mapping[int, Sequence[int]]) -> None:
        """Wait until hosts have the entries of these nodes, and no others."""
        for node_id, numbers in wanted.items():
            names = [f"node{number}" for number in numbers]
            self.hosts[node_id].until(partial(_has, names))


def _has(names: list[str], status: Mapping[str, Any]) -> bool:
    return in_sync(status) == names


def in_sync(status: Mapping[str, Any]) -> list[str] | None:
    """Return the names in a table that is as it should be."""
    if status["state"] != "synced" or status["pending"]:
        return None
    return sorted(node["name"] for node in status["nodes"])


Make = Callable[..., Gated]


@pytest.fixture
def make(
    libcorosync: CorosyncTable,
    fuse: None,
    compiler: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Make]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = f'[membership]\nsource = "cman"\nlibcman = "{standin_library()}"\n{AT_ONCE}'
    with ExitStack() as stack:

        def making(addresses: Mapping[int, Sequence[str]] = ADDRESSES, **more: Any) -> Gated:
            made = stack.enter_context(site(libcorosync, addresses, **more))
            return Gated(made, settings, stack)

        yield making


def test_join_leave_death_and_return_reach_the_tables(make: Make) -> None:
    made = make()
    made.up(1, 2)
    made.tables({1: [1, 2], 2: [1, 2]})
    made.up(3)
    made.tables(dict.fromkeys((1, 2, 3), (1, 2, 3)))
    assert made.hosts[1].table() == ALL
    made.lab.leave(3)
    made.tables({1: [1, 2], 2: [1, 2]})
    made.hosts[3].told("manager-gone")
    assert made.hosts[3].table() == ALL
    made.site.start(3)
    made.tables(dict.fromkeys((1, 2, 3), (1, 2, 3)))
    made.lab.kill(2)
    made.tables({1: [1, 3], 3: [1, 3]})


def test_a_partition_takes_the_minority_out_and_its_end_brings_it_back(make: Make) -> None:
    made = make()
    made.up(1, 2, 3)
    made.lab.connect([[1], [2, 3]])
    made.tables({2: [2, 3], 3: [2, 3]})
    status = made.hosts[1].until(lambda now: now["quorate"] is False)
    assert made.hosts[1].table() == ALL
    assert {each["why"] for each in status["pending"]} <= {"inquorate"}
    made.lab.heal()
    made.tables(dict.fromkeys((1, 2, 3), (1, 2, 3)))


def test_a_gate_that_is_killed_and_starts_again_leaves_the_tables_alone(make: Make) -> None:
    """It has new incarnations of all members then, our own included: nobody has left."""
    made = make()
    made.up(1, 2, 3)
    made.tables(dict.fromkeys((1, 2, 3), (1, 2, 3)))
    here = made.hosts[1]
    before = here.inodes(*ALL, cluster="o2")
    made.gates[1].process.kill()
    here.told("manager-gone")
    made.gate(1, "next")
    here.told("synced")
    made.tables({1: [1, 2, 3]})
    assert here.inodes(*ALL, cluster="o2") == before


def test_shutdown_asked_in_both_directions_is_answered_from_facts(make: Make) -> None:
    made = make({1: ["10.0.0.1"]})
    made.up(1)
    here, gate = made.hosts[1], made.gates[1]
    here.mounts.write_text(MOUNTED)
    tool = made.lab.host(1).command("corosync-cfgtool", "-H")
    asked = subprocess.run(tool, stderr=subprocess.PIPE, text=True, check=True)
    assert "error = 10" in asked.stderr
    assert "/srv/shared" in here.told("vote")["text"]
    with gate.connect(SocketKind.ADMIN) as admin:
        assert admin.ask(Opcode.TRY_SHUTDOWN, encode_ints(0)).status == -errno.EBUSY
        assert "/srv/shared" in here.told("vote")["text"]
        here.mounts.write_text("")
        assert admin.ask(Opcode.TRY_SHUTDOWN, encode_ints(0)).status == 0
    made.lab.ended(1)
    here.told("manager-gone")
    made.site.start(1)
    here.told("synced")
    asked = subprocess.run(tool, stderr=subprocess.PIPE, text=True, check=True)
    assert asked.stderr == ""
    made.lab.ended(1)
    here.told("manager-gone")
    assert here.end() == 0


def test_a_node_that_a_reload_adds_is_in_the_tables_when_it_has_joined(make: Make) -> None:
    made = make()
    added = made.lab.configuration.blocks.pop()
    made.lab.write()
    made.up(1, 2)
    made.tables({1: [1, 2], 2: [1, 2]})
    made.lab.configuration.blocks.insert(0, added)
    made.lab.reload()
    made.up(3)
    made.tables(dict.fromkeys((1, 2, 3), (1, 2, 3)))


def test_addresses_that_are_names_are_those_that_corosync_has(make: Make) -> None:
    names = {"localhost": "127.0.0.1", "one": "10.0.0.1", "two": "10.0.0.2"}
    made = make({1: ["10.0.0.1"], 2: ["10.0.0.2"]}, names=names)
    made.lab.configuration.blocks[:] = [
        Block(id=1, name="", rings=("one",)),
        Block(id=2, name="", rings=("two",)),
    ]
    made.lab.write()
    made.up(1, 2)
    wanted = {"one": "10.0.0.1:7777", "two": "10.0.0.2:7777"}
    for host in made.hosts.values():
        host.until(lambda now: in_sync(now) == sorted(wanted))
        assert host.table() == wanted
