"""CmanSource over the stand-in library and the wire server passes every membership check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership import CHECKS, Make
from fakecluster.conformance.membership_drivers import WireDriver
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.interface import MembershipSource
from o2cbd.membership.libcman_table import LibcmanTable


@pytest.fixture
def make(table: LibcmanTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setenv("CMAN_SOCKET_DIR", str(tmp_path))
    drivers: list[WireDriver] = []

    def connect() -> MembershipSource:
        return connect_cman(table, CallBoard(MonotonicClock()))

    def making(topology: Topology) -> WireDriver:
        drivers.append(WireDriver(topology, tmp_path, connect))
        return drivers[-1]

    yield making
    for driver in drivers:
        driver.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_cman_source(check: Callable[[Make], None], make: Make) -> None:
    check(make)
