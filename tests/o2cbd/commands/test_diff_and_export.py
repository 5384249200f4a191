"""`o2cbd diff` and `o2cbd export`; a file of the same kind is the manager here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from fakecluster.configfs.direct import DirectTree
from fakecluster.configfs.model import ConfigfsModel
from o2cbd import clusterconf
from o2cbd.cli import cli
from o2cbd.clusterconf import FileCluster, FileNode
from o2cbd.commands import offline
from o2cbd.core.model import AddNode, CreateCluster, Node
from tests.streams import separate_runner

HOST = os.uname().nodename
OURS = FileNode(name=HOST, num=1, address="10.0.0.1", port=7777)
PEER = FileNode(name="peer.example", num=2, address="10.0.0.2", port=7777)
TABLE = FileCluster(name="o2", nodes=(OURS, PEER))


class Host:
    """A kernel, a manager that wants `TABLE`, and ocfs2-tools' file."""

    def __init__(self, directory: Path) -> None:
        self.model = ConfigfsModel(addresses=["10.0.0.1"])
        self.wanted = directory / "wanted.conf"
        self.file = directory / "cluster.conf"
        self.settings = directory / "o2cbd.toml"
        self.settings.write_text(
            f'[membership]\nsource = "static"\ncluster_conf = "{self.wanted}"\n'
        )
        self.wants(TABLE)
        self.has_file(TABLE)

    def wants(self, cluster: FileCluster) -> None:
        self.wanted.write_text(clusterconf.render(cluster))

    def has_file(self, cluster: FileCluster) -> None:
        self.file.write_text(clusterconf.render(cluster))

    def has_entries(self, cluster: FileCluster) -> None:
        tree = DirectTree(self.model)
        tree.do(CreateCluster(cluster=cluster.name))
        for one in cluster.nodes:
            node = Node(name=one.name, num=one.num, address=one.address, port=one.port)
            tree.do(AddNode(cluster=cluster.name, node=node))
        tree.close()

    def run(self, command: str, *words: str) -> Result:
        return separate_runner().invoke(cli, [command, "--config", str(self.settings), *words])

    def diff(self) -> dict[str, Any]:
        result = self.run("diff", str(self.file), "--json")
        found: dict[str, Any] = json.loads(result.stdout)
        assert result.exit_code == (0 if found["equal"] else 1)
        return found


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(offline, "OsNodeTree", lambda *_paths: DirectTree(made.model))
    return made


def changed(cluster: FileCluster, **values: Any) -> FileCluster:
    """The peer otherwise."""
    given = {"name": PEER.name, "num": PEER.num, "address": PEER.address, "port": PEER.port}
    peer = FileNode(**{**given, **values})
    return FileCluster(name=cluster.name, nodes=(OURS, peer))


@pytest.mark.row("diff")
def test_equal_tables_are_0(host: Host) -> None:
    host.has_entries(TABLE)
    result = host.run("diff", str(host.file))
    assert (
        result.stdout
        == f"Equal: cluster o2, 2 nodes, in {host.file}, as wanted and in the kernel.\n"
    )
    assert result.exit_code == 0
    assert host.diff()["differences"] == []


@pytest.mark.row("diff")
def test_every_value_that_differs_is_in_the_table(host: Host) -> None:
    host.has_file(changed(TABLE, num=0, port=17777))
    host.has_entries(changed(TABLE, num=0, name="peer"))
    result = host.run("diff", str(host.file))
    assert result.stdout.splitlines() == [
        "NODE          VALUE  FILE          WANTED        KERNEL",
        "peer.example  name   peer.example  peer.example  peer",
        "peer.example  num    0             2             0",
        "peer.example  port   17777         7777          7777",
        f"3 differences between {host.file}, the wanted table and the kernel's.",
    ]
    assert result.exit_code == 1
    assert host.diff()["differences"][1] == {
        "node": "peer.example",
        "value": "num",
        "file": 0,
        "wanted": 2,
        "kernel": 0,
    }


def test_nodes_that_are_not_everywhere(host: Host) -> None:
    """In one of the three, or in two."""
    more = FileNode(name="more", num=3, address="10.0.0.3", port=7777)
    host.has_file(FileCluster(name="o2", nodes=(OURS, more)))
    host.has_entries(FileCluster(name="o2", nodes=(more,)))
    shown = {
        one["node"]: (one["file"], one["wanted"], one["kernel"])
        for one in host.diff()["differences"]
    }
    there = {
        node.name: {"name": node.name, "num": node.num, "address": node.address, "port": 7777}
        for node in (OURS, PEER, more)
    }
    assert shown == {
        HOST: (there[HOST], there[HOST], None),
        PEER.name: (None, there[PEER.name], None),
        "more": (there["more"], None, there["more"]),
    }
    assert "2, 10.0.0.2:7777" in host.run("diff", str(host.file)).stdout


def test_an_empty_kernel_differs(host: Host) -> None:
    assert host.diff()["clusters"] == {"file": "o2", "wanted": "o2", "kernel": None}
    assert len(host.diff()["differences"]) == 3


def test_another_cluster_in_the_kernel_is_read_all_the_same(host: Host) -> None:
    """After a rename."""
    host.has_entries(FileCluster(name="stock", nodes=TABLE.nodes))
    assert host.diff()["differences"] == [
        {"node": None, "value": "cluster", "file": "o2", "wanted": "o2", "kernel": "stock"}
    ]


def test_a_host_without_configfs_says_so(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    result = host.run("diff", str(host.file), "--configfs", str(tmp_path))
    assert result.stdout.startswith("There is no o2cb configfs: the kernel has no table.\n")
    assert result.exit_code == 1


def test_the_heartbeat_is_noted_and_no_difference(host: Host) -> None:
    host.has_entries(TABLE)
    host.has_file(
        FileCluster(name="o2", nodes=TABLE.nodes, heartbeat_mode="global", regions=("0A", "0B"))
    )
    result = host.run("diff", str(host.file))
    assert result.stdout.splitlines()[1] == (
        "Heartbeat, which o2cbd does not start: global with 2 regions in the file, local with 0"
        " regions in the kernel."
    )
    assert result.exit_code == 0
    assert host.diff()["heartbeat"] == {
        "file": {"mode": "global", "regions": ["0A", "0B"]},
        "kernel": {"mode": "local", "regions": []},
    }


def test_what_cannot_be_compared_has_its_exit_code(host: Host, tmp_path: Path) -> None:
    host.file.write_text("node:\nzork\n\ncluster:\n\tname = o2\n")
    result = host.run("diff", str(host.file))
    assert result.exit_code == 65
    assert result.stderr.splitlines() == [
        (
            f"o2cbd: {host.file}: line 1: node: has no name, no cluster, no number, no ip_address,"
            " no ip_port"
        ),
        (
            f"o2cbd: {host.file}: line 2: neither a stanza like `node:` nor an indented"
            " `key = value`: 'zork'"
        ),
        f"o2cbd: {host.file}: line 4: cluster: of o2 has no node_count",
    ]
    result = host.run("diff", str(tmp_path / "none"))
    assert (result.exit_code, result.stderr) == (
        66,
        f"o2cbd: {tmp_path}/none: No such file or directory (ENOENT)\n",
    )
    host.wants(FileCluster(name="o2", nodes=(PEER,)))
    result = host.run("diff", str(host.file))
    assert result.exit_code == 69
    assert "no node of cluster o2 is this host" in result.stderr


def test_the_settings_file_is_compared_where_none_is_given(host: Host) -> None:
    host.has_entries(TABLE)
    assert host.run("diff").stdout.startswith(f"Equal: cluster o2, 2 nodes, in {host.wanted}, ")


# --- export


def test_the_wanted_table_is_written(host: Host) -> None:
    result = host.run("export")
    assert clusterconf.parse(result.stdout_bytes) == (TABLE,)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.row("export")
def test_a_file_is_replaced_at_once_and_readable_for_all(host: Host, tmp_path: Path) -> None:
    output = tmp_path / "new.conf"
    output.write_text("old")
    result = host.run("export", "--output", str(output))
    assert (result.exit_code, result.stdout) == (0, "")
    assert clusterconf.load(str(output)) == (TABLE,)
    assert output.stat().st_mode & 0o777 == 0o644


def test_a_place_that_cannot_be_written_is_73(host: Host, tmp_path: Path) -> None:
    result = host.run("export", "--output", str(tmp_path / "none" / "f"))
    assert result.exit_code == 73
    assert result.stderr == f"o2cbd: {tmp_path}/none/f: No such file or directory (ENOENT)\n"


@pytest.mark.row("export")
def test_a_global_heartbeat_stays(host: Host) -> None:
    """Of the file that the settings name."""
    whole = FileCluster(name="o2", nodes=TABLE.nodes, heartbeat_mode="global", regions=("0A",))
    host.wants(whole)
    assert clusterconf.parse(host.run("export").stdout_bytes) == (whole,)


def test_an_excluded_node_is_named(host: Host) -> None:
    twice = """[nodes."peer.example"]\naddress = "10.0.0.1"\n"""
    host.settings.write_text(host.settings.read_text() + twice)
    result = host.run("export")
    assert [cluster.nodes for cluster in clusterconf.parse(result.stdout_bytes)] == [(OURS,)]
    assert result.stderr.startswith("o2cbd: node peer.example (id 2) is excluded: address")


def test_a_host_that_ocfs2_tools_would_not_find_is_told(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = offline.WantedTable(
        cluster="o2",
        nodes=(Node(name="alpha", num=1, address="10.0.0.1", port=7777, local=True),),
        left_out=(),
        tables=None,
    )
    monkeypatch.setattr("o2cbd.commands.export.wanted_here", lambda _settings: table)
    assert host.run("export").stderr == (
        f"o2cbd: this host is named {HOST} and its node alpha: ocfs2-tools match the local node"
        " by host name, and would find none\n"
    )
