"""A whole o2cbd that follows real corosyncs, over a fake configfs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fakecluster.corosync.configuration import Block
from o2cbd.membership.libcorosync_table import CorosyncTable
from tests.process.corosync_site import Host, Site, site
from tests.process.daemon_host import ROOT

pytestmark = pytest.mark.process

SAMPLE = ROOT / "packaging" / "o2cbd.toml"
HERE = 2


@pytest.fixture
def cluster(libcorosync: CorosyncTable, fuse: None) -> Iterator[Site]:
    """Three hosts; node 2's has the package's sample settings."""
    addresses = {number: [f"10.0.0.{number}"] for number in (1, HERE, 3)}
    with site(libcorosync, addresses) as made:
        made.hosts[HERE].set(SAMPLE.read_text(encoding="utf-8"))
        yield made


@pytest.fixture
def here(cluster: Site) -> Host:
    """Node 2's host."""
    return cluster.hosts[HERE]


ALL = {"node1": "10.0.0.1:7777", "node2": "10.0.0.2:7777", "node3": "10.0.0.3:7777"}


@pytest.mark.row("scope-configured")
def test_the_sample_settings_fill_the_table_before_anybody_else_is_up(
    cluster: Site, here: Host
) -> None:
    cluster.lab.start(HERE)
    planned = [step["text"] for step in here.plan()["steps"]]
    assert "add node node3 (3, 10.0.0.3:7777)" in planned
    here.run()
    here.told("synced")
    assert here.table() == ALL
    assert here.status()["quorate"] is False


def test_a_reload_with_a_node_before_the_others_adds_it_alone(cluster: Site, here: Host) -> None:
    for node_id in (1, HERE, 3):
        cluster.lab.start(node_id)
    cluster.lab.settle()
    here.run()
    here.told("synced")
    before = here.inodes(*ALL, cluster="o2")
    added = Block(id=9, name="node9", rings=("10.0.0.9",), more={"o2cb_port": "7790"})
    cluster.lab.configuration.blocks.insert(0, added)
    cluster.lab.reload()
    here.told("step", "node9")
    here.told("synced")
    assert here.table() == {**ALL, "node9": "10.0.0.9:7790"}
    assert here.inodes(*ALL, cluster="o2") == before
