"""A whole o2cbd whose membership is cluster.conf, over a fake configfs; and flush beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.configfs import mounts
from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel
from o2cbd import clusterconf
from o2cbd.clusterconf import FileCluster, FileNode
from tests.process.daemon_host import DaemonHost

pytestmark = pytest.mark.process

OURS = FileNode(name=os.uname().nodename, num=0, address="10.0.0.1", port=17777)
B = FileNode(name="b", num=1, address="10.0.0.2", port=17777)
C = FileNode(name="c", num=2, address="10.0.0.3", port=17777)


class Host(DaemonHost):
    """A fake kernel, the operator's file, and a daemon that follows it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "o2cbd.toml")
        self.directory = directory
        self.file = directory / "ocfs2" / "cluster.conf"
        self.file.parent.mkdir()
        self.configfs = directory / "config"
        self.configfs.mkdir()
        self.model = ConfigfsModel(owner_uid=os.getuid(), addresses=[OURS.address])
        self.mount = FuseMount(self.model, self.configfs)
        self.mount.start()
        self.settings.write_text(
            f'[membership]\nsource = "static"\ncluster_conf = "{self.file}"\n'
            f'[paths]\nconfigfs = "{self.configfs}"\nmounts = "{directory}/none"\n'
            f'debugfs = "{directory}/none"\nruntime_dir = "{directory}/run"\n'
            f'[hold]\nname = "{directory}"\n[log]\nformat = "json"\n'
        )

    def write(self, *nodes: FileNode, cluster: str = "o2") -> None:
        """Put another file in its place at once."""
        clusterconf.write(str(self.file), self.text(*nodes, cluster=cluster))

    def text(self, *nodes: FileNode, cluster: str = "o2") -> str:
        return clusterconf.render(FileCluster(name=cluster, nodes=nodes))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "o2cbd", *words]

    def table(self) -> dict[str, int]:
        """The kernel's, once it is in sync with the file that the daemon has noticed."""
        self.told("synced")
        return {
            str(item.name): int(self.model.read_value(f"/cluster/o2/node/{item.name}/num"))
            for item in self.model.scandir("/cluster/o2/node")
        }

    def close(self) -> None:
        """End the daemon in good order, and take the mount away."""
        if self.daemon is not None:
            self.end()
        self.mount.stop()
        mounts.detach_stale(self.directory)


@pytest.fixture
def host(tmp_path: Path, fuse: None) -> Iterator[Host]:
    made = Host(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.row("static-members")
def test_the_table_follows_the_file(host: Host) -> None:
    """Whoever is written into it comes, whoever is taken out of it goes; no quorum is asked for."""
    host.write(OURS, B)
    host.run()
    assert host.table() == {OURS.name: 0, "b": 1}
    status = host.status()
    assert (status["state"], status["quorum"], status["local_id"]) == ("synced", "none", 0)
    assert "static membership, no quorum" in host.ask("status").stdout
    assert host.ask("wait", "--in-sync", "--quorate", "--timeout", "10").returncode == 0
    before = host.model.stat("/cluster/o2/node/b").inode
    host.write(OURS, B, C)
    assert host.table() == {OURS.name: 0, "b": 1, "c": 2}
    host.file.write_text(host.text(OURS, C))
    assert host.table() == {OURS.name: 0, "c": 2}
    host.write(C, OURS, B)
    assert host.table() == {OURS.name: 0, "b": 1, "c": 2}
    assert host.model.stat("/cluster/o2/node/b").inode != before
    assert host.ask("diff").returncode == 0


@pytest.mark.row("static-bad-file")
def test_a_file_that_is_no_good_changes_nothing_and_says_which_line(host: Host) -> None:
    host.write(OURS, B)
    host.run()
    assert host.table() == {OURS.name: 0, "b": 1}
    for text, said in (
        ("zork\n", "line 1: neither a stanza"),
        ("", "no cluster: stanza: the file is empty or half-written"),
        (host.text(OURS, B, C).replace("17777", "x", 1), "line 6: ip_port 'x' is not a number"),
        (host.text(B, C), f"no node of cluster o2 is this host, {OURS.name}"),
    ):
        host.file.write_text(text)
        told = host.told("membership-unreadable")["text"]
        assert f"{host.file}: {said}" in told
        assert "keeping the last view" in told
        status = host.status()
        assert status["state"] == "waiting"
        assert said in status["reason"]
        assert [node["name"] for node in status["nodes"]] == [OURS.name, "b"]
    host.file.unlink()
    assert "No such file or directory (ENOENT)" in host.told("membership-unreadable")["text"]
    host.write(OURS, B, C)
    assert host.table() == {OURS.name: 0, "b": 1, "c": 2}


def make(host: Host, cluster: str, *nodes: FileNode) -> None:
    """As another program that writes the tables."""
    host.model.mkdir(f"/cluster/{cluster}")
    for node in nodes:
        where = f"/cluster/{cluster}/node/{node.name}"
        host.model.mkdir(where)
        host.model.write_value(f"{where}/ipv4_port", str(node.port).encode())
        host.model.write_value(f"{where}/ipv4_address", node.address.encode())
        host.model.write_value(f"{where}/num", str(node.num).encode())


@pytest.mark.row("takeover")
def test_what_is_taken_over_is_warned_of(host: Host) -> None:
    """The numbers of the kernel's entries are not those of the file."""
    make(host, "o2", FileNode(name="b", num=7, address=B.address, port=7777))
    host.write(OURS, B)
    host.run()
    told = host.told("takeover")["text"]
    assert told.startswith(
        "node b is in the kernel and will be replaced: num 7 becomes 1, port 7777 becomes 17777;"
        " unmount OCFS2 on all nodes first"
    )
    assert host.table() == {OURS.name: 0, "b": 1}


@pytest.mark.row("flush")
def test_a_flushed_cluster_makes_room_for_the_daemons(host: Host) -> None:
    """After a rename: the daemon waits, and its reason names the command."""
    make(host, "stock", OURS, B)
    host.settings.write_text(f"{host.settings.read_text()}[timing]\nresync_s = 0.2\n")
    host.write(OURS, C)
    host.run()
    told = host.told("pending")["text"]
    assert "o2cbd flush --cluster stock" in told
    flushed = host.ask("flush", "--cluster", "stock")
    assert (flushed.returncode, flushed.stdout) == (
        0,
        "removed cluster stock with 2 nodes\n",
    )
    assert host.table() == {OURS.name: 0, "c": 2}
    refused = host.ask("flush")
    assert host.daemon is not None
    assert (refused.returncode, refused.stderr.splitlines()[1:]) == (
        75,
        [f"o2cbd: o2cbd (process {host.daemon.pid}) keeps it: systemctl stop o2cbd"],
    )
