"""A whole o2cbd that follows real corosyncs, over a fake configfs."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.corosync.configuration import Block
from fakecluster.corosync.lab import PATIENCE_S, CorosyncLab
from o2cbd.membership.libcorosync_table import CorosyncTable

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "packaging" / "o2cbd.toml"
HERE = 2
MOUNTED = "36 35 8:1 / /srv/shared rw - ocfs2 /dev/sda1 rw,heartbeat=local,cluster_stack=o2cb\n"


class Node:
    """The host of node 2, its fake configfs, and its daemon with the package's sample settings."""

    def __init__(self, table: CorosyncTable, directory: Path) -> None:
        self.lab = CorosyncLab(table, Topology.of(3), directory)
        self.directory = directory
        self.mounts = directory / "mounts"
        self.mounts.write_text("")
        self.configfs = directory / "configfs"
        more = (
            f'[paths]\nconfigfs = "{self.configfs}"\nmounts = "{self.mounts}"\n'
            f'debugfs = "{directory}/none"\nruntime_dir = "{directory}/run"\n'
            '[log]\nformat = "json"\n'
        )
        self.settings = directory / "o2cbd.toml"
        self.settings.write_text(SAMPLE.read_text(encoding="utf-8") + more)
        self.daemon: subprocess.Popen[bytes] | None = None
        self._heard = b""

    def command(self, *words: str) -> list[str]:
        path = f"PYTHONPATH={ROOT}"
        return self.lab.host(HERE).command("env", path, sys.executable, "-m", "o2cbd", *words)

    def run(self) -> None:
        config = ["--config", os.fspath(self.settings)]
        self.daemon = subprocess.Popen(self.command("run", *config), stderr=subprocess.PIPE)

    def told(self, code: str) -> dict[str, Any]:
        """Wait for a report, and return it; those before it are forgotten."""
        assert self.daemon is not None
        assert self.daemon.stderr is not None
        poller = select.poll()
        poller.register(self.daemon.stderr, select.POLLIN)
        seen: list[str] = []
        while True:
            line, newline, rest = self._heard.partition(b"\n")
            if newline:
                self._heard = rest
                report: dict[str, Any] = json.loads(line)
                if report["code"] == code:
                    return report
                seen.append(report["text"])
                continue
            assert poller.poll(PATIENCE_S * 1000), f"no {code}, but {seen}"
            more = os.read(self.daemon.stderr.fileno(), 65536)
            assert more, f"the daemon ended, no {code}, but {seen}"
            self._heard += more

    def status(self) -> dict[str, Any]:
        shown = subprocess.run(
            self.command("status", "--json", "--runtime-dir", f"{self.directory}/run"),
            stdout=subprocess.PIPE,
            check=True,
        )
        status: dict[str, Any] = json.loads(shown.stdout)
        return status

    def table(self) -> dict[str, str]:
        return {
            each["name"]: f"{each['address']}:{each['port']}" for each in self.status()["nodes"]
        }

    def inodes(self) -> str:
        """Of the three nodes' entries; asked in another process, since this one serves them."""
        entries = [f"{self.configfs}/cluster/o2/node/{name}" for name in ALL]
        return self.lab.host(HERE).run("stat", "--format", "%n %i", *entries)

    def plan(self) -> dict[str, Any]:
        config = ["--config", os.fspath(self.settings)]
        shown = subprocess.run(
            self.command("plan", "--json", *config), stdout=subprocess.PIPE, check=True
        )
        plan: dict[str, Any] = json.loads(shown.stdout)
        return plan

    def ask_shutdown(self) -> str:
        tool = self.lab.host(HERE).command("corosync-cfgtool", "-H")
        return subprocess.run(tool, stderr=subprocess.PIPE, text=True, check=True).stderr

    def end(self) -> int:
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGTERM)
        _out, _err = self.daemon.communicate(timeout=PATIENCE_S)
        return self.daemon.returncode

    def close(self) -> None:
        if self.daemon is not None:
            self.daemon.kill()
            self.daemon.communicate()
        self.lab.close()


@pytest.fixture
def here(libcorosync: CorosyncTable) -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp") as name:
        directory = Path(name)
        (directory / "configfs").mkdir()
        # Mounted before the hosts are made: they have copies of our mounts.
        mount = FuseMount(ConfigfsModel(addresses=("10.0.0.2",)), directory / "configfs")
        mount.start()
        node = Node(libcorosync, directory)
        try:
            yield node
        finally:
            node.close()
            mount.stop()


ALL = {"node1": "10.0.0.1:7777", "node2": "10.0.0.2:7777", "node3": "10.0.0.3:7777"}


def test_the_sample_settings_fill_the_table_before_anybody_else_is_up(here: Node) -> None:
    here.lab.start(HERE)
    planned = [step["text"] for step in here.plan()["steps"]]
    assert "add node node3 (3, 10.0.0.3:7777)" in planned
    here.run()
    here.told("synced")
    assert here.table() == ALL
    assert here.status()["quorate"] is False


def test_a_reload_with_a_node_before_the_others_adds_it_alone(here: Node) -> None:
    for node_id in (1, HERE, 3):
        here.lab.start(node_id)
    here.lab.settle()
    here.run()
    here.told("synced")
    before = here.inodes()
    added = Block(id=9, name="node9", rings=("10.0.0.9",), more={"o2cb_port": "7790"})
    here.lab.configuration.blocks.insert(0, added)
    here.lab.reload()
    here.told("synced")
    assert here.table() == {**ALL, "node9": "10.0.0.9:7790"}
    assert here.inodes() == before


def test_the_shutdown_question_is_answered_from_facts(here: Node) -> None:
    """No, while a volume is mounted; then yes, and corosync goes and comes again."""
    here.lab.start(HERE)
    here.run()
    here.told("synced")
    here.mounts.write_text(MOUNTED)
    assert "error = 10" in here.ask_shutdown()
    assert "/srv/shared" in here.told("vote")["text"]
    here.mounts.write_text("")
    assert here.ask_shutdown() == ""
    here.lab.ended(HERE)
    here.told("manager-gone")
    assert here.status()["state"] == "lost"
    here.lab.start(HERE)
    here.told("synced")
    assert here.table() == ALL
    assert here.end() == 0


def test_a_killed_corosync_leaves_the_table(here: Node) -> None:
    here.lab.start(HERE)
    here.run()
    here.told("synced")
    here.lab.kill(HERE)
    here.told("manager-gone")
    assert here.table() == ALL
    here.lab.start(HERE)
    here.told("synced")
    assert here.end() == 0
