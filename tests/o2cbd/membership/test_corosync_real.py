"""CorosyncSource over real corosyncs: what is corosync's own, beyond the common rows."""

from __future__ import annotations

import errno
import os
import re
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.corosync.configuration import Block
from fakecluster.corosync.lab import PATIENCE_S, CorosyncLab
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock, pause
from o2cbd.core.events import ConfigChange, ManagerLost, Notice, StateChange
from o2cbd.core.model import Absentee, Advice, Member, Membership, Quorum
from o2cbd.membership.corosync import connect_corosync, open_corosync
from o2cbd.membership.interface import MembershipSource
from o2cbd.membership.libcorosync_table import CorosyncTable

pytestmark = pytest.mark.process


def nodes(membership: Membership) -> tuple[Member | Absentee, ...]:
    """All that is listed."""
    return (*membership.members, *membership.absentees)


class Cluster:
    """A lab, and sources on its first node."""

    def __init__(self, table: CorosyncTable, lab: CorosyncLab) -> None:
        self.table = table
        self.lab = lab
        self.calls = CallBoard(MonotonicClock())
        self.sources: list[MembershipSource] = []

    def up(self, *node_ids: int) -> None:
        self.lab.write()
        for node_id in node_ids:
            self.lab.start(node_id)
        self.lab.settle()

    def connect(self, node_id: int = 1) -> MembershipSource:
        return self._opened(node_id, connect_corosync)

    def open(self, node_id: int = 1) -> MembershipSource:
        return self._opened(node_id, open_corosync)

    def _opened(self, node_id: int, how: Callable[..., MembershipSource]) -> MembershipSource:
        host = self.lab.host(node_id)
        source = host.call(lambda: how(self.table, self.calls, pause))
        self.sources.append(source)
        return source


Make = Callable[..., Cluster]


@pytest.fixture
def make(libcorosync: CorosyncTable, tmp_path: Path) -> Iterator[Make]:
    made: list[Cluster] = []

    def making(count: int, *, rings: int = 1, more: int = 0) -> Cluster:
        nodes = tuple(
            NodeConfig(
                id=number,
                name=f"node{number}",
                addresses=tuple(f"10.{ring}.0.{number}" for ring in range(rings)),
            )
            for number in range(1, count + 1)
        )
        lab = CorosyncLab(libcorosync, Topology(cluster="o2", nodes=nodes).checked(), tmp_path)
        lab.configuration.blocks += [
            Block(id=number, name=f"node{number}", rings=(f"10.0.0.{number}",))
            for number in range(count + 1, count + more + 1)
        ]
        made.append(Cluster(libcorosync, lab))
        return made[-1]

    yield making
    for cluster in made:
        for source in cluster.sources:
            source.close()
        cluster.lab.close()


def heard(source: MembershipSource, *, last: type[Notice]) -> list[Notice]:
    """What whoever waits is told, up to a notice of that kind."""
    poller = select.poll()
    poller.register(source.fileno(), select.POLLIN)
    notices: list[Notice] = []
    while not any(isinstance(notice, last) for notice in notices):
        assert poller.poll(PATIENCE_S * 1000)
        notices += source.dispatch()
    return notices


# -- the node list


def test_a_reload_that_puts_a_node_before_the_others_shifts_no_name(make: Make) -> None:
    """Positions shift and nearly every key changes; ids, names and addresses stay together."""
    cluster = make(3)
    cluster.up(1, 2)
    source = cluster.connect()
    before = source.snapshot()
    added = Block(
        id=9,
        name="node9",
        rings=("10.0.0.9",),
        more={
            "o2cb_port": "7790",
            "o2cb_address": "10.9.0.9",
            "o2cb_num": "0",
            "quorum_votes": "3",
        },
    )
    cluster.lab.configuration.blocks.insert(0, added)
    cluster.lab.configuration.version = 2

    cluster.lab.reload()

    notices = heard(source, last=ConfigChange)
    assert [each for each in notices if isinstance(each, ConfigChange)] == [ConfigChange(version=2)]
    after = source.snapshot()
    assert after.members == before.members
    assert after.absentees == (
        *before.absentees,
        Absentee(
            id=9,
            name="node9",
            addresses=("10.0.0.9",),
            advice=Advice(address="10.9.0.9", port="7790", num="0"),
            votes=3,
        ),
    )


def test_a_second_reload_is_told_too(make: Make) -> None:
    """The flag's key is new at the first one, and changes at the second."""
    cluster = make(1)
    cluster.up(1)
    source = cluster.connect()
    for _ in range(2):
        cluster.lab.reload()
        assert heard(source, last=ConfigChange) == [ConfigChange(version=1)]


def test_an_address_that_changes_by_reload_is_read(make: Make) -> None:
    """Corosync takes it in two reloads: the node goes, and comes again."""
    cluster = make(1, more=1)
    cluster.up(1)
    source = cluster.connect()
    blocks = cluster.lab.configuration.blocks
    node2 = blocks.pop()
    cluster.lab.reload()
    heard(source, last=ConfigChange)
    assert source.snapshot().absentees == ()
    blocks.append(Block(id=2, name=node2.name, rings=("10.0.0.77",)))
    cluster.lab.reload()
    heard(source, last=ConfigChange)
    assert source.snapshot().absentees == (
        Absentee(id=2, name="node2", addresses=("10.0.0.77",), votes=1),
    )


def test_a_member_that_is_taken_out_of_the_list_loses_its_name_until_it_is_gone(make: Make) -> None:
    """It is a member for a while yet: without a name it is left out of the table, as if it left."""
    cluster = make(3)
    cluster.up(1, 2, 3)
    source = cluster.connect()
    del cluster.lab.configuration.blocks[2]
    cluster.lab.reload()
    heard(source, last=ConfigChange)
    names = {member.id: member.name for member in source.snapshot().members}
    assert (names[1], names[2], names.get(3, "")) == ("node1", "node2", "")
    while any(member.id == 3 for member in source.snapshot().members):
        heard(source, last=StateChange)


def test_two_hundred_and_fifty_five_configured_nodes_are_read(make: Make) -> None:
    cluster = make(1, more=254)
    cluster.up(1)
    membership = cluster.connect().snapshot()
    assert [each.id for each in membership.absentees] == list(range(2, 256))
    assert membership.absentees[-1].addresses == ("10.0.0.255",)


def test_names_that_are_missing(make: Make) -> None:
    """A single ring needs no name in corosync; numeric text is none."""
    cluster = make(1, more=1)
    cluster.lab.configuration.blocks = [
        Block(id=block.id, name="", rings=block.rings) for block in cluster.lab.configuration.blocks
    ]
    cluster.up(1)
    membership = cluster.connect().snapshot()
    assert [each.name for each in nodes(membership)] == ["", ""]


# -- rings


def test_each_ring_has_its_address(make: Make) -> None:
    cluster = make(2, rings=2)
    cluster.up(1, 2)
    members = cluster.connect().snapshot().members
    assert [member.addresses for member in members] == [
        ("10.0.0.1", "10.1.0.1"),
        ("10.0.0.2", "10.1.0.2"),
    ]


@pytest.mark.row("address-by-subnet-or-ring")
def test_a_ring_that_is_left_out_leaves_its_place_empty(make: Make) -> None:
    """Corosync gives the links without their numbers."""
    cluster = make(2, rings=2)
    for block in list(cluster.lab.configuration.blocks):
        first, second = block.rings
        cluster.lab.configuration.blocks[block.id - 1] = Block(
            id=block.id, name=block.name, rings=(first, "", "", second)
        )
    cluster.up(1)
    membership = cluster.connect().snapshot()
    assert [each.addresses for each in nodes(membership)] == [
        ("10.0.0.1", "", "", "10.1.0.1"),
        ("10.0.0.2", "", "", "10.1.0.2"),
    ]


# -- quorum


def test_the_ring_in_the_callbacks_is_corosyncs(make: Make) -> None:
    """It comes by value, in a struct of 16 bytes: our own incarnation is its number."""
    cluster = make(2)
    cluster.up(1, 2)
    own = cluster.connect().snapshot().members[0]
    # The tool's exit code says whether the cluster is quorate, as it is.
    shown = cluster.lab.host(1).run("corosync-quorumtool", "-s")
    ring = re.search(r"^Ring ID: +(?P<node>[0-9a-f]+)\.(?P<seq>[0-9a-f]+)$", shown, re.MULTILINE)
    assert ring is not None
    assert own.incarnation == int(ring["seq"], 16)


def test_without_a_provider_quorum_is_unknown_and_changes_are_told(make: Make) -> None:
    cluster = make(2)
    cluster.lab.configuration.provider = False
    cluster.up(1)
    source = cluster.connect()
    assert source.snapshot().quorum is Quorum.UNKNOWN
    cluster.up(2)
    assert heard(source, last=StateChange) == [StateChange(quorate=True)]
    membership = source.snapshot()
    assert membership.quorum is Quorum.UNKNOWN
    assert [member.id for member in membership.members] == [1, 2]
    cluster.lab.kill(2)
    cluster.lab.settle()
    heard(source, last=StateChange)
    assert [member.id for member in source.snapshot().members] == [1]


def test_a_cluster_without_a_name_has_an_empty_one(make: Make) -> None:
    cluster = make(1)
    cluster.lab.configuration.cluster = ""
    cluster.up(1)
    assert cluster.connect().snapshot().cluster == ""


# -- connecting


def test_another_name_comes_with_another_corosync(make: Make) -> None:
    cluster = make(1)
    cluster.up(1)
    source = cluster.connect()
    before = source.snapshot()
    cluster.lab.leave(1)
    assert heard(source, last=ManagerLost)[-1] == ManagerLost(errno=errno.EHOSTDOWN)
    cluster.lab.configuration.cluster = "other"
    cluster.up(1)
    after = cluster.connect().snapshot()
    assert (before.cluster, after.cluster) == ("o2", "other")
    assert before.members[0].incarnation != after.members[0].incarnation


def test_whoever_only_reads_is_not_asked(make: Make) -> None:
    """A voter who never answers would keep corosync up."""
    cluster = make(1)
    cluster.up(1)
    source = cluster.open()
    assert [member.id for member in source.snapshot().members] == [1]
    cluster.lab.host(1).run("corosync-cfgtool", "-H")
    cluster.lab.ended(1)
    assert source.dispatch() == (ManagerLost(errno=errno.EHOSTDOWN),)


def test_a_stuck_corosync_is_a_declared_call_that_goes_on(make: Make) -> None:
    """No time-out, and no wrong answer: who watches sees where it stands."""
    cluster = make(1)
    cluster.up(1)
    source = cluster.connect()
    cluster.lab.stop(1)
    read: list[int] = []
    thread = threading.Thread(target=lambda: read.append(len(source.snapshot().members)))
    thread.start()
    try:
        until_declared(cluster.calls)
        assert read == []
    finally:
        cluster.lab.go_on(1)
        thread.join(PATIENCE_S)
    assert read == [1]
    assert cluster.calls.current is None


def until_declared(calls: CallBoard) -> None:
    """Wait for a request to be under way; it stays, since nobody answers it."""
    clock = MonotonicClock()
    deadline_us = clock.now_us() + PATIENCE_S * 1_000_000
    while calls.current is None or not calls.current.name.startswith(("cmap_", "corosync_cfg_")):
        assert clock.now_us() < deadline_us, "nothing is asked of corosync"


def test_who_is_not_root_is_refused_with_what_to_do(make: Make) -> None:
    """EACCES, as with cman."""
    cluster = make(1)
    cluster.up(1)
    script = (
        "import os, sys\n"
        "from o2cbd.calls import CallBoard\n"
        "from o2cbd.clock import MonotonicClock, pause\n"
        "from o2cbd.membership.corosync import connect_corosync\n"
        "from o2cbd.membership.libcorosync import load\n"
        "table = load()\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        "    connect_corosync(table, CallBoard(MonotonicClock()), pause)\n"
        "except OSError as error:\n"
        "    print(error.errno, error.strerror)\n"
    )
    done = subprocess.run(
        cluster.lab.host(1).command(sys.executable, "-c", script),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (
        f"{errno.EACCES} corosync admits only root and users in a uidgid {{}} block of its"
        " configuration\n"
    )
