"""CorosyncSource over real corosyncs, in namespaces of this host, passes every membership check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership import CHECKS, Make
from fakecluster.conformance.membership_corosync import NOT_ON_COROSYNC, ON_COROSYNC, CorosyncDriver
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock, pause
from o2cbd.membership.corosync import connect_corosync
from o2cbd.membership.interface import MembershipSource
from o2cbd.membership.libcorosync_table import CorosyncTable

pytestmark = pytest.mark.process


@pytest.fixture
def make(libcorosync: CorosyncTable, tmp_path: Path) -> Iterator[Make]:
    drivers: list[CorosyncDriver] = []

    def connect() -> MembershipSource:
        return connect_corosync(libcorosync, CallBoard(MonotonicClock()), pause)

    def making(topology: Topology) -> CorosyncDriver:
        drivers.append(CorosyncDriver(libcorosync, topology, tmp_path, connect))
        return drivers[-1]

    yield making
    for driver in drivers:
        driver.close()


@pytest.mark.parametrize("check", ON_COROSYNC, ids=lambda check: check.__name__)
def test_corosync_source(check: Callable[[Make], None], make: Make) -> None:
    check(make)


def test_only_rows_that_are_there_are_left_out_and_each_with_a_reason() -> None:
    assert set(NOT_ON_COROSYNC) <= {check.__name__ for check in CHECKS}
    assert all(NOT_ON_COROSYNC.values())
