"""What a guest is given of a historic cman starts there: programs that play one, on a host.

The host is a set of namespaces that sees in a guest's places what the guest's part has put there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.cman.wire.raw_client import RawClient
from fakecluster.corosync.namespaces import Hosts, Namespace
from fakecluster.historic.files import PrivateFiles
from fakecluster.historic.root import CmanRoot
from integration.arm.historic import (
    DIRECTORY,
    NAME_FILE,
    historic_manager,
    packed_files,
    placement,
    spare_files,
    spare_members,
)
from integration.inside.historic import provision
from integration.payload import pack

pytestmark = pytest.mark.process

THREE = Topology.of(3)
ROOT = Path(__file__).parents[2]
PROBE = """
import json, sys
from integration.inside.cman import historic_cman_view, set_version
set_version(1)  # which it has
print(json.dumps(historic_cman_view(int(sys.argv[1]))))
"""


class PlayedGuest:
    """Node 1 as a guest has it, and cluster.conf for it."""

    def __init__(self, root: CmanRoot, directory: Path, host: Namespace) -> None:
        self.host = host
        self._directory = directory
        spare = spare_files(root)
        archive = directory / "archive.tar"
        with os.fdopen(pack([*packed_files(root), *spare_members(spare)]), "rb") as packed:
            packed.seek(0)
            archive.write_bytes(packed.read())
        told = {**placement(root, spare), "archive": str(archive)}
        disk = directory / "disk"
        provision(**told, root=str(disk))
        for path, text in historic_manager(root).files(1, THREE, 1).items():
            place = disk / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        seen = {path: disk / path.lstrip("/") for path in (DIRECTORY, "/etc/cluster", "/etc/hosts")}
        seen |= {path: disk / path.lstrip("/") for path in told["programs"] if "sbin" in path}
        seen |= {path: disk / target.lstrip("/") for path, target in told["links"].items()}
        host.call(lambda: PrivateFiles().show(seen, ("/var/log/cluster", "/var/lib/cluster")))
        host.run("hostname", "node1")
        self.name = (disk / NAME_FILE.lstrip("/")).read_text().strip()

    def start(self) -> subprocess.CompletedProcess[str]:
        """Run what the unit runs, with its environment and no more."""
        words = ["env", "-i", self.name, "LC_ALL=C.UTF-8", f"{DIRECTORY}/join"]
        said = self._directory / "join.log"
        with said.open("wb") as log:  # what is started keeps it open
            done = subprocess.run(self.host.command(*words), stdout=log, stderr=log, check=False)
        return subprocess.CompletedProcess(words, done.returncode, said.read_text())

    def probe(self) -> Any:
        """Ask what a guest is asked; the library is the one that was put there."""
        command = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-c", PROBE, str(self.host.pid)]
        return json.loads(self.host.run(*command))


@pytest.fixture
def guest(standin_cman: CmanRoot, place: Path) -> Iterator[PlayedGuest]:
    nodes = [NodeConfig(id=1, name="node1", addresses=("10.0.0.1",))]
    with closing(Hosts(nodes, directories=("/run",), own_pids=True)) as hosts:
        yield PlayedGuest(standin_cman, place, hosts.host(1))


def test_the_units_program_starts_a_cman_that_the_probe_sees(guest: PlayedGuest) -> None:
    done = guest.start()
    assert done.returncode == 0, done.stdout
    client = Path(f"/proc/{guest.host.pid}/root/run/cman_client")
    with RawClient(client) as connected:
        assert [each for each, node in connected.members().items() if node.us] == [1]
    seen = guest.probe()
    assert (seen["running"], seen["stopped"], seen["beneath"]) == (True, False, None)
    view = seen["view"]
    assert (view["cluster"], view["local_id"]) == ("o2", 1)
    assert {each["id"] for each in view["listed"] if each["member"]} == {1}


def test_a_join_that_fails_says_why(guest: PlayedGuest) -> None:
    guest.name = "NODENAME=nobody"
    done = guest.start()
    assert (done.returncode, "corosync: no node nobody" in done.stdout) == (1, True)
