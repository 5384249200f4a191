"""CmanSource over the stand-in library, the gate and real corosyncs passes every check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership import CHECKS, Make
from fakecluster.conformance.membership_gate import NOT_ON_GATE, ON_GATE, GateDriver
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.interface import MembershipSource
from o2cbd.membership.libcman_table import LibcmanTable
from o2cbd.membership.libcorosync_table import CorosyncTable

pytestmark = pytest.mark.process


@pytest.fixture
def make(
    libcorosync: CorosyncTable,
    table: LibcmanTable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Make]:
    monkeypatch.setenv("CMAN_SOCKET_DIR", "/run")
    drivers: list[GateDriver] = []

    def connect() -> MembershipSource:
        return connect_cman(table, CallBoard(MonotonicClock()))

    def making(topology: Topology) -> GateDriver:
        drivers.append(GateDriver(libcorosync, topology, tmp_path, connect))
        return drivers[-1]

    yield making
    for driver in drivers:
        driver.close()


@pytest.mark.parametrize("check", ON_GATE, ids=lambda check: check.__name__)
def test_cman_source_over_the_gate(check: Callable[[Make], None], make: Make) -> None:
    check(make)


def test_only_rows_that_are_there_are_left_out_and_each_with_a_reason() -> None:
    assert set(NOT_ON_GATE) <= {check.__name__ for check in CHECKS}
    assert all(NOT_ON_GATE.values())
