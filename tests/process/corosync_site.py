"""Hosts on one corosync.conf, each with a fake configfs and a daemon of its own."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.corosync.lab import PATIENCE_S, CorosyncLab
from o2cbd.membership.libcorosync_table import CorosyncTable
from tests.process.daemon_host import ROOT, DaemonHost

DATA = Path(__file__).parent / "data" / "corosync"
MEMBERSHIP = '[membership]\nsource = "corosync"\n'
LOOK_S = 0.1
"""A status that no line of the log goes with is looked for so often."""

PROPOSAL = re.compile(r"write \[(?P<section>[^\]]+)\] (?P<line>\w+ = (?:\"[^\"]*\"|-?[0-9]+)) in ")


class Host(DaemonHost):
    """One of the hosts: its files, and its daemon when there is one."""

    def __init__(self, lab: CorosyncLab, node_id: int, directory: Path) -> None:
        super().__init__(directory / "o2cbd.toml")
        self._lab = lab
        self.node_id = node_id
        self.directory = directory
        self.configfs = directory / "configfs"
        self.mounts = directory / "mounts"
        self.mounts.write_text("")
        self.set(MEMBERSHIP)

    def set(self, text: str) -> None:
        """Write the settings file; the places of this host come behind the text."""
        more = (
            f'[paths]\nconfigfs = "{self.configfs}"\nmounts = "{self.mounts}"\n'
            f'debugfs = "{self.directory}/none"\nruntime_dir = "{self.directory}/run"\n'
            '[log]\nformat = "json"\n'
        )
        self.settings.write_text(text + more)

    def command(self, *words: str) -> list[str]:
        """In the host's namespaces."""
        o2cbd = ("env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "o2cbd", *words)
        return self._lab.host(self.node_id).command(*o2cbd)

    def plan(self) -> dict[str, Any]:
        plan: dict[str, Any] = json.loads(self.ask("plan", "--json").stdout)
        return plan

    def table(self) -> dict[str, str]:
        return {
            each["name"]: f"{each['address']}:{each['port']}" for each in self.status()["nodes"]
        }

    def inodes(self, *names: str, cluster: str) -> str:
        """Of nodes' entries; asked in another process, since this one serves them."""
        entries = [f"{self.configfs}/cluster/{cluster}/node/{name}" for name in names]
        return self._lab.host(self.node_id).run("stat", "--format", "%n %i", *entries)

    def until(self, reached: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait for a status, and return it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            done = self.ask("status", "--json")
            status = json.loads(done.stdout) if done.returncode == 0 else {}
            if status and reached(status):
                return dict(status)
            assert time.monotonic() < deadline, done
            self.listen(LOOK_S)


class Site:
    """All hosts, by the node ids with which corosync runs there; nothing runs at first."""

    def __init__(self, lab: CorosyncLab, hosts: Mapping[int, Host]) -> None:
        self.lab = lab
        self.hosts = hosts

    def start(self, *node_ids: int) -> None:
        """Start corosyncs, and wait until those that hear each other are one ring."""
        for node_id in node_ids:
            self.lab.start(node_id)
        self.lab.settle()

    def reload(self, file: str) -> None:
        """Have all corosyncs read another file of the tests' data."""
        self.reload_text(written(file))

    def reload_text(self, text: str) -> None:
        """Have all corosyncs read another text.

        Raises:
            subprocess.CalledProcessError: they refuse it.
        """
        self.lab.configuration.written = text
        self.lab.reload()


def written(file: str) -> str:
    """Return a corosync.conf of the tests' data."""
    return (DATA / file).read_text(encoding="utf-8")


@contextmanager
def site(
    table: CorosyncTable,
    addresses: Mapping[int, Sequence[str]],
    *,
    file: str = "",
    text: str = "",
    names: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """Make hosts, and leave nothing behind.

    Args:
        table: corosync's libraries.
        addresses: of each host, by its node id.
        file: the corosync.conf, of the tests' data.
        text: its text, in place of a file's; without either a plain one is made.
        names: what is in `/etc/hosts` there.
    """
    nodes = tuple(
        NodeConfig(id=node_id, name=f"node{node_id}", addresses=tuple(each))
        for node_id, each in addresses.items()
    )
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="cs-", dir="/tmp"))
        directory = Path(name)
        places = {node_id: directory / str(node_id) for node_id in addresses}
        # Mounted before the hosts are made: they have copies of our mounts.
        for node_id, place in places.items():
            (place / "configfs").mkdir(parents=True)
            local = [each for each in addresses[node_id] if ":" not in each]
            model = ConfigfsModel(addresses=("127.0.0.1", *local))
            mount = FuseMount(model, place / "configfs")
            mount.start()
            stack.callback(mount.stop)
        lab = CorosyncLab(
            table,
            Topology(cluster="o2", nodes=nodes),
            directory,
            written=text or (written(file) if file else ""),
        )
        stack.callback(lab.close)
        if names is not None:
            known = directory / "hosts"
            known.write_text("".join(f"{address} {each}\n" for each, address in names.items()))
            for node_id in addresses:
                lab.host(node_id).run("mount", "--bind", os.fspath(known), "/etc/hosts")
        hosts = {node_id: Host(lab, node_id, place) for node_id, place in places.items()}
        for host in hosts.values():
            stack.callback(host.close)
        yield Site(lab, hosts)


def proposed(status: Mapping[str, Any]) -> dict[tuple[str, str], None]:
    """Return the settings lines that a status proposes, each with its section, in order."""
    reasons = [status["reason"], *(each["reason"] for each in status["left_out"])]
    return dict.fromkeys(
        (match["section"], match["line"])
        for reason in reasons
        for match in PROPOSAL.finditer(reason)
    )


def settings_with(lines: Mapping[tuple[str, str], None]) -> str:
    """Return a settings file with these lines."""
    return MEMBERSHIP + "".join(f"[{section}]\n{line}\n" for section, line in lines)
