"""The original's own clients give on our servers what they give on a cman of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from fakecluster.arms.process import QUICK, look_for
from fakecluster.cman.topology import Topology
from fakecluster.cman.wire.raw_client import RawClient
from fakecluster.conformance.membership import CHECKS, Make
from fakecluster.conformance.membership_drivers import WireDriver
from fakecluster.corosync.gates import GateProcess
from fakecluster.corosync.lab import CorosyncLab
from fakecluster.corosync.namespaces import Namespace
from fakecluster.historic.clients import (
    ROWS,
    Said,
    host_with_sockets,
    member_count,
    run_client,
    transcript,
    transcript_differences,
)
from fakecluster.historic.lab import CmanLab
from fakecluster.historic.root import CmanRoot
from fakecluster.server.child import ServedChild
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.interface import MembershipSource
from o2cbd.membership.libcman import load
from o2cbd.membership.libcman_table import LibcmanTable
from o2cbd.membership.libcorosync_table import CorosyncTable

pytestmark = pytest.mark.process

THREE = Topology.of(3)


@pytest.fixture(params=["programs that play one", "historic"])
def root(request: pytest.FixtureRequest) -> CmanRoot:
    """The original's programs where somebody has them, and always ours in their place."""
    name = "cman_root" if request.param == "historic" else "standin_cman"
    found: CmanRoot = request.getfixturevalue(name)
    return found


class OnServed:
    """Node 1 of a served cluster."""

    def __init__(self, root: CmanRoot, served: ServedChild, host: Namespace) -> None:
        self._root = root
        self._served = served
        self._host = host

    def tool(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run_client(self._root, self._host, *words)

    def members(self) -> int:
        return member_count(
            lambda: RawClient(Path(self._served.node(1)["socket_dir"], "cman_client"))
        )


class OnCman:
    """Node 1 of a cluster of cmans."""

    def __init__(self, lab: CmanLab) -> None:
        self._lab = lab

    def tool(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._lab.tool(1, *words)

    def members(self) -> int:
        return member_count(lambda: self._lab.client(1)) if self._lab.runs(1) else 0


class OnGate:
    """Node 1 of a cluster of corosyncs, each with cman's gate before it."""

    def __init__(self, root: CmanRoot, lab: CorosyncLab, gate: GateProcess) -> None:
        self._root = root
        self._lab = lab
        self._gate = gate

    def tool(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run_client(self._root, self._lab.host(1), *words)

    def members(self) -> int:
        return member_count(self._gate.connect)


def wait(what: str, reached: Callable[[], bool]) -> None:
    look_for(what, reached)


@pytest.fixture
def on_simulator(root: CmanRoot, place: Path, compiler: None, namespaces: None) -> tuple[Said, ...]:
    """What cman_tool says to the simulator's server."""
    with (
        ServedChild(place / "simulator", "--nodes", "3", "--no-configfs", *QUICK) as served,
        host_with_sockets(Path(served.node(1)["socket_dir"])) as host,
    ):
        return transcript(OnServed(root, served, host), wait)


@pytest.fixture
def on_cman(root: CmanRoot, place: Path, namespaces: None) -> tuple[Said, ...]:
    """What it says to the cman that it belongs to."""
    with closing(CmanLab(root, THREE, place / "lab")) as lab:
        for node_id in THREE.ids:
            lab.start(node_id)
        lab.settle()
        return transcript(OnCman(lab), lab.until)


def test_cman_tool_says_the_same_to_the_simulator(
    on_simulator: tuple[Said, ...], on_cman: tuple[Said, ...]
) -> None:
    assert [said.words for said in on_cman] == [row.words for row in ROWS]
    assert on_cman[0].code == 0, on_cman[0].lines
    assert on_cman[-1].code != 0, on_cman[-1].lines
    assert transcript_differences(on_simulator, on_cman) == []


@pytest.fixture
def on_gate(root: CmanRoot, place: Path, libcorosync: CorosyncTable) -> Iterator[tuple[Said, ...]]:
    """What it says to the gate before a corosync of today."""
    with ExitStack() as stack:
        lab = CorosyncLab(libcorosync, THREE, place)
        stack.callback(lab.close)
        gates = {}
        for node_id in THREE.ids:
            (place / str(node_id)).mkdir()
            gates[node_id] = GateProcess(lab.host(node_id), place / str(node_id))
            stack.callback(gates[node_id].close)
            lab.start(node_id)
        lab.settle()
        for gate in gates.values():
            gate.catch_up()
        yield transcript(OnGate(root, lab, gates[1]), wait)


def test_cman_tool_says_the_same_to_the_gate(
    on_gate: tuple[Said, ...], on_cman: tuple[Said, ...]
) -> None:
    assert transcript_differences(on_gate, on_cman) == []


@pytest.fixture
def table(cman_root: CmanRoot) -> LibcmanTable:
    """The original's library; ours passes the same checks in tests/o2cbd/membership."""
    return load(str(cman_root.libcman))


@pytest.fixture
def make(table: LibcmanTable, place: Path, namespaces: None) -> Iterator[Make]:
    """Clusters whose local node's sockets are where the library looks for them."""
    drivers: list[WireDriver] = []
    sockets = place / "w"
    sockets.mkdir()
    with host_with_sockets(sockets) as host:

        def connect() -> MembershipSource:
            return host.call(lambda: connect_cman(table, CallBoard(MonotonicClock())))

        def making(topology: Topology) -> WireDriver:
            drivers.append(WireDriver(topology, sockets, connect))
            return drivers[-1]

        yield making
        for driver in drivers:
            driver.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_library_passes_the_checks_of_a_source(
    check: Callable[[Make], None], make: Make
) -> None:
    check(make)
