"""A whole o2cbd that follows real corosyncs, over a fake configfs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from fakecluster.corosync.configuration import Block
from o2cbd.membership.libcorosync_table import CorosyncTable
from tests.process.corosync_site import Host, Site, site
from tests.process.daemon_host import ROOT

pytestmark = pytest.mark.process

SAMPLE = ROOT / "packaging" / "o2cbd.toml"
HERE = 2
MOUNTED = "36 35 8:1 / /srv/shared rw - ocfs2 /dev/sda1 rw,heartbeat=local,cluster_stack=o2cb\n"


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


def ask_shutdown(cluster: Site) -> str:
    tool = cluster.lab.host(HERE).command("corosync-cfgtool", "-H")
    return subprocess.run(tool, stderr=subprocess.PIPE, text=True, check=True).stderr


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


def test_the_shutdown_question_is_answered_from_facts(cluster: Site, here: Host) -> None:
    """No, while a volume is mounted; then yes, and corosync goes and comes again."""
    cluster.lab.start(HERE)
    here.run()
    here.told("synced")
    here.mounts.write_text(MOUNTED)
    assert "error = 10" in ask_shutdown(cluster)
    assert "/srv/shared" in here.told("vote")["text"]
    here.mounts.write_text("")
    assert ask_shutdown(cluster) == ""
    cluster.lab.ended(HERE)
    here.told("manager-gone")
    assert here.status()["state"] == "lost"
    cluster.lab.start(HERE)
    here.told("synced")
    assert here.table() == ALL
    assert here.end() == 0
