"""The simulator's membership source passes the checks of every membership source."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership import CHECKS, Make
from fakecluster.conformance.membership_drivers import InProcessDriver


@pytest.fixture
def make() -> Iterator[Make]:
    drivers: list[InProcessDriver] = []

    def making(topology: Topology) -> InProcessDriver:
        drivers.append(InProcessDriver(topology))
        return drivers[-1]

    yield making
    for driver in drivers:
        driver.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_engine_source(check: Callable[[Make], None], make: Make) -> None:
    check(make)
