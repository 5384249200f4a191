"""The oracle that needs nothing but eyes."""

from __future__ import annotations

import pytest

from fakecluster.arms.sim import SimCluster
from fakecluster.arms.suite import spec_of


@pytest.fixture
def cluster() -> SimCluster:
    made = SimCluster(spec_of(2))
    made.up()
    return made


def remake(cluster: SimCluster, host: int, name: str) -> None:
    """What a daemon that touches right entries would do."""
    row = cluster.table(host)[name]
    model = cluster.world.host(host).model
    model.rmdir(f"/cluster/o2/node/{name}")
    cluster.world.place_node(host, name, num=row.num, address=row.address, port=row.port)


def test_an_entry_that_stays_is_no_finding(cluster: SimCluster) -> None:
    cluster.in_sync(1, 2, nodes=(1, 2))
    assert cluster.untouched_oracle.findings == []


def test_a_right_entry_that_was_made_anew_is_one(cluster: SimCluster) -> None:
    remake(cluster, 1, "node2")
    cluster.in_sync(1, nodes=(1, 2))
    expected = ["host 1: the right entry node2 was made anew"]
    assert cluster.untouched_oracle.findings == expected
    # Told once; the new one is what counts from now on.
    cluster.in_sync(1, nodes=(1, 2))
    assert cluster.untouched_oracle.findings == expected


def test_an_entry_of_a_node_that_was_away_is_none(cluster: SimCluster) -> None:
    cluster.kill(2)
    cluster.start(2)
    cluster.in_sync(1, 2, nodes=(1, 2))
    remake(cluster, 1, "node2")
    cluster.kill(2)
    cluster.start(2)
    cluster.in_sync(1, 2, nodes=(1, 2))
    assert cluster.untouched_oracle.findings == []


def test_what_is_changed_by_hand_is_none(cluster: SimCluster) -> None:
    cluster.drop_node(1, "node2")
    cluster.in_sync(1, nodes=(1, 2))
    assert cluster.untouched_oracle.findings == []


def test_a_host_that_boots_has_new_entries_of_right(cluster: SimCluster) -> None:
    cluster.kill(1)
    cluster.start(1)
    cluster.in_sync(1, nodes=(1, 2))
    assert cluster.untouched_oracle.findings == []


def test_a_manager_that_counts_anew_says_nothing_of_what_was_before(cluster: SimCluster) -> None:
    remake(cluster, 1, "node2")
    cluster.untouched_oracle.counts_anew(1)
    cluster.in_sync(1, nodes=(1, 2))
    assert cluster.untouched_oracle.findings == []
    remake(cluster, 1, "node2")
    cluster.in_sync(1, nodes=(1, 2))
    assert cluster.untouched_oracle.findings != []
