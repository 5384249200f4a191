"""The guest's side of the arm on real kernels, on files of this machine."""

from __future__ import annotations

import errno
import os
import select
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from fakecluster.arms.sections import with_sections
from fakecluster.corosync.view import parsed
from integration.arm import suite
from integration.arm.vm import DROP_IN, unit_files
from integration.guest_modules import inside
from integration.inside import load
from integration.inside.changes import TableWatch
from integration.inside.daemon import patient
from integration.inside.provision import provision
from integration.inside.tables import (
    CLUSTER_ATTRIBUTES,
    drop_cluster,
    drop_node,
    place_cluster,
    place_node,
    tables,
)
from integration.inside.units import unit_pids, want_a_processor

ROOT = Path(__file__).parents[3]
LOOKS = 2000


def until(condition: Callable[[], bool]) -> None:
    for _ in range(LOOKS):
        if condition():
            return
        select.select([], [], [], 0.01)
    raise AssertionError("it never came to be")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A directory like the kernel's, with one cluster that has everything."""
    cluster = tmp_path / "cluster" / "o2"
    for directory in ("node", "heartbeat/REGION"):
        (cluster / directory).mkdir(parents=True)
    for name in CLUSTER_ATTRIBUTES:
        (cluster / name).write_text(f"{name}\n")
    return tmp_path / "cluster"


def test_tables_have_clusters_attributes_regions_and_entries(base: Path) -> None:
    place_node(
        "o2", "n1", {"num": 1, "local": 1, "ipv4_port": 7777, "ipv4_address": "10.0.0.1"}, base
    )
    seen = tables(base)["o2"]
    assert seen["attributes"]["heartbeat/dead_threshold"] == "heartbeat/dead_threshold"
    assert seen["regions"] == ["REGION"]
    assert seen["entries"] == [
        {
            "name": "n1",
            "inode": (base / "o2" / "node" / "n1").stat().st_ino,
            "num": 1,
            "address": "10.0.0.1",
            "port": 7777,
            "local": True,
        }
    ]


def test_an_entry_that_goes_while_it_is_read_is_no_entry(base: Path) -> None:
    (base / "o2" / "node" / "going").mkdir()
    assert tables(base)["o2"]["entries"] == []


def test_without_a_configfs_there_are_no_tables(tmp_path: Path) -> None:
    assert tables(tmp_path / "cluster") == {}


def test_only_given_values_are_written_and_what_was_made_can_be_dropped(base: Path) -> None:
    place_cluster("o2", 5, base)  # it is there, so that nothing is written
    assert tables(base)["o2"]["attributes"]["heartbeat/dead_threshold"] != "5"
    place_node("o2", "half", {"ipv4_port": 7777}, base)
    assert [path.name for path in (base / "o2" / "node" / "half").iterdir()] == ["ipv4_port"]
    (base / "o2" / "node" / "half" / "ipv4_port").unlink()
    drop_node("o2", "half", base)
    (base / "other").mkdir()
    drop_cluster("other", base)
    assert sorted(path.name for path in base.iterdir()) == ["o2"]


def test_every_change_below_is_noted_in_its_order(base: Path) -> None:
    watch = TableWatch(base.parent)
    node = base / "o2" / "node" / "n1"
    node.mkdir()
    until(lambda: len(watch.changes()) == 1)
    (node / "num").write_text("1")
    (node / "num").unlink()
    node.rmdir()
    until(lambda: len(watch.changes()) == 3)
    assert watch.changes() == [
        {"name": "mkdir", "path": "/cluster/o2/node/n1"},
        {"name": "write:num", "path": "/cluster/o2/node/n1/num"},
        {"name": "rmdir", "path": "/cluster/o2/node/n1"},
    ]


def test_a_directory_that_is_there_before_is_watched_too(base: Path) -> None:
    (base / "o2" / "node" / "n1").mkdir()
    watch = TableWatch(base.parent)
    (base / "o2" / "node" / "n1" / "local").write_text("1")
    until(lambda: bool(watch.changes()))
    assert watch.changes() == [{"name": "write:local", "path": "/cluster/o2/node/n1/local"}]


CMAP = {
    "nodelist.local_node_pos": "0",
    "nodelist.node.0.name": "late",
    "nodelist.node.0.nodeid": "4",
    "nodelist.node.0.o2cb_address": "10.0.0.4",
    "nodelist.node.0.ring0_addr": "10.77.0.4",
    "nodelist.node.1.name": "node1",
    "nodelist.node.1.nodeid": "1",
    "nodelist.node.1.ring0_addr": "10.77.0.1",
    "runtime.members.1.status": "joined",
    "runtime.members.4.status": "left",
    "runtime.votequorum.this_node_id": "1",
    "runtime.votequorum.two_node": "1",
    "totem.cluster_name": "o2",
}


def test_corosyncs_map_gives_nodes_by_id_and_the_address_that_o2cb_has() -> None:
    assert parsed(CMAP) == {
        "cluster": "o2",
        "local_id": 1,
        "two_node": True,
        "listed": [
            {"id": 1, "name": "node1", "member": True, "addresses": ["10.77.0.1"]},
            {"id": 4, "name": "late", "member": False, "addresses": ["10.0.0.4"]},
        ],
    }


def test_a_load_can_be_checked_block_by_block(tmp_path: Path) -> None:
    file = tmp_path / "load"
    command = [sys.executable, "-m", "integration.inside.load", "write", str(file), "seed"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(3)] == [b"1\n", b"2\n", b"3\n"]
        process.send_signal(signal.SIGTERM)
        written = 3 + len(process.stdout.read().splitlines())
    assert process.returncode == 0
    assert load.verify(file, "seed") == written
    assert load.verify(file, "another") == 0
    data = bytearray(file.read_bytes())
    data[load.BLOCK_BYTES + 5] ^= 1
    file.write_bytes(data)
    assert load.verify(file, "seed") == 1


def test_whatever_a_guest_is_given_decides_about_its_saved_state() -> None:
    assert {path for _, path in suite.GUEST_MODULES} <= set(suite.MADE_IN)


def test_the_scenario_says_when_a_daemon_starts_and_with_which_words() -> None:
    usual = unit_files((), ())[DROP_IN]
    assert "Restart=no\n" in usual
    assert "ExecStart" not in usual
    assert unit_files(("--port", "7800"), ())[DROP_IN].endswith(
        "ExecStart=\nExecStart=/usr/bin/o2cbd run --port 7800\n"
    )


def test_a_unit_that_ends_while_it_is_looked_at_has_no_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path / "u.service"
    group.mkdir()
    (group / "cgroup.procs").write_text("12\n7\n")
    assert unit_pids("u.service", tmp_path) == [12, 7]
    assert unit_pids("other.service", tmp_path) == []

    def went(_path: Path) -> str:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(Path, "read_text", went)
    assert unit_pids("u.service", tmp_path) == []


def test_a_section_that_a_scenario_has_gets_the_arms_values_as_well() -> None:
    text = with_sections(
        '[cluster]\nidle_timeout_ms = 10000\n[table]\nscope = "members"',
        {"membership": {"source": "corosync"}, "cluster": {"dead_threshold": 5}},
    )
    assert tomllib.loads(text) == {
        "cluster": {"idle_timeout_ms": 10000, "dead_threshold": 5},
        "table": {"scope": "members"},
        "membership": {"source": "corosync"},
    }


def test_a_module_is_given_with_all_that_it_imports() -> None:
    names = {name for name, _ in inside("cman_question")}
    assert {"integration/inside/cman.py", "fakecluster/corosync/cmap.py"} < names
    assert "integration/inside/__init__.py" in names
    assert not [name for name in names if name.startswith("o2cbd")]


@pytest.mark.parametrize(
    "given", [suite.GUEST_MODULES, inside("ring", "sources"), inside("historic"), inside("agent")]
)
def test_a_guest_imports_all_that_it_is_given(
    given: list[tuple[str, Path]], tmp_path: Path
) -> None:
    """Nothing but the daemon's package is beside it."""
    for name, path in given:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(path.read_bytes())
    (tmp_path / "o2cbd").symlink_to(ROOT / "o2cbd")
    modules = [name.removesuffix(".py").replace("/", ".") for name, _ in given]
    script = f"import importlib, sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    script += f"for name in {modules!r}: print(importlib.import_module(name).__file__)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], check=True, capture_output=True, text=True
    )
    assert all(Path(line).is_relative_to(tmp_path) for line in done.stdout.splitlines())


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that has what systemctl, modprobe and ip were told, which do nothing else."""
    said, directory = tmp_path / "said", tmp_path / "tools"
    directory.mkdir()
    for name in ("systemctl", "modprobe", "ip"):
        program = directory / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >>{said}\ncat >>{said}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return said


def test_a_guest_is_told_only_what_differs(tmp_path: Path, tools: Path) -> None:
    root = tmp_path / "root"
    (root / "proc/sys/net/ipv4/conf/all").mkdir(parents=True)
    unit, other = "/run/systemd/system/u.service.d/scenario.conf", "/etc/corosync/corosync.conf"

    provision({unit: "[Unit]\n", other: "totem {}\n"}, "u.service", ["10.0.0.1"], root)

    assert (root / other.lstrip("/")).read_text() == "totem {}\n"
    assert tools.read_text().splitlines() == [
        "systemctl add-wants --runtime multi-user.target u.service",
        "modprobe ocfs2_stack_o2cb",
        "ip -batch -",
        "address replace 10.0.0.1/24 dev eth0",
    ]

    tools.unlink()
    (root / "sys/module/ocfs2_stack_o2cb").mkdir(parents=True)
    provision({unit: "[Unit]\n", other: "totem { version: 2 }\n"}, "u.service", [], root)

    assert (root / other.lstrip("/")).read_text() == "totem { version: 2 }\n"
    assert not tools.exists()


def test_what_a_tool_says_is_told(tmp_path: Path, tools: Path) -> None:
    (tools.parent / "tools/modprobe").write_text("#!/bin/sh\necho no such module\nexit 3\n")
    with pytest.raises(OSError, match=r"modprobe ocfs2_stack_o2cb: no such module"):
        provision({}, "u.service", [], tmp_path)


def test_a_process_that_waits_wants_no_processor_and_a_busy_one_does() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as waits:
        until(lambda: not want_a_processor([waits.pid]))
        assert want_a_processor([waits.pid, os.getpid()])
    assert not want_a_processor([waits.pid])


class LateDaemon:
    """It answers after so many questions."""

    def __init__(self, silences: int) -> None:
        self.silences = silences
        self.asked = 0

    def ask(self) -> dict[str, str]:
        self.asked += 1
        if self.asked <= self.silences:
            raise TimeoutError("timed out")
        return {"state": "synced"}


def test_a_starved_daemon_is_asked_again_and_a_silent_one_once() -> None:
    late = LateDaemon(3)
    assert patient(late.ask, lambda: True) == {"state": "synced"}
    assert patient(LateDaemon(1).ask, lambda: False) == {"state": "synced"}
    for silences, starved in ((2, False), (6, True)):
        silent = LateDaemon(silences)
        with pytest.raises(TimeoutError):
            patient(silent.ask, lambda starved=starved: starved)  # type: ignore[misc]
        assert silent.asked == silences
