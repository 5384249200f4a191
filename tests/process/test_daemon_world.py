"""A real o2cbd process and the world around it: systemd, the journal, signals, its threads."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakecluster.arms.process import DEADLINE_S

pytestmark = pytest.mark.process

FULL = 254
"""As many nodes as a table can have."""
ATTEMPTS = 8


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(DEADLINE_S)
        yield receiver


def told_until(systemd: socket.socket, last: str) -> list[str]:
    messages: list[str] = []
    while not messages or messages[-1] != last:
        messages.append(systemd.recv(4096).decode())
    return messages


def test_ready_comes_with_the_first_complete_table(
    make_cluster: Any, systemd: socket.socket
) -> None:
    """Who is ordered after us finds every node there; the stop is announced, too."""
    cluster = make_cluster()
    daemon = cluster.run(1, environment={"NOTIFY_SOCKET": systemd.getsockname()})

    messages = told_until(systemd, "READY=1")

    assert sorted(cluster.table(1)) == ["node1", "node2", "node3"]
    assert messages[-2] == "STATUS=synced, cluster o2, 3 nodes in the table, quorate"
    assert daemon.stop() == 0
    assert told_until(systemd, "STOPPING=1")


def test_not_ready_while_the_manager_is_awaited(make_cluster: Any, systemd: socket.socket) -> None:
    """start-wait: it says what it waits for, and READY follows once cman is there."""
    cluster = make_cluster()
    cluster.ctl("cman-crash", node=1)
    cluster.run(1, environment={"NOTIFY_SOCKET": systemd.getsockname()})
    cluster.wait_log(1, "waiting for the cluster manager")
    cluster.ctl("cman-start", node=1)

    messages = told_until(systemd, "READY=1")

    assert messages[0].startswith("STATUS=waiting, ")
    assert messages.count("READY=1") == 1
    cluster.wait_nodes(1, [1, 2, 3])


def test_watchdog_is_fed_while_a_call_is_stuck(make_cluster: Any, systemd: socket.socket) -> None:
    """manager-stuck: nobody is killed for a call that does not return."""
    cluster = make_cluster()
    cluster.settings(1, "[timing]\nresync_s = 0.2\nstuck_after_s = 0.2")
    environment = {"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "200000"}
    cluster.run(1, environment=environment)
    told_until(systemd, "READY=1")
    cluster.ctl("cman-stop", node=1)
    cluster.wait_state(1, "stuck")

    while not systemd.recv(4096).decode().startswith("STATUS=stuck, in cman_"):
        pass
    assert [told_until(systemd, "WATCHDOG=1")[-1] for _ in range(3)] == ["WATCHDOG=1"] * 3


def test_log_under_systemd_has_priorities(make_cluster: Any) -> None:
    """With JOURNAL_STREAM set each line begins with its priority."""
    cluster = make_cluster()
    daemon = cluster.run(1, environment={"JOURNAL_STREAM": "8:1"})
    cluster.wait_nodes(1, [1, 2, 3])
    daemon.stop()

    lines = daemon.log.splitlines()
    assert [line for line in lines if line[:3] not in {"<5>", "<6>"}] == []
    assert "<5>done: add node node2 (2, 10.0.0.2:7777)" in lines


def test_log_as_json_is_one_object_a_line(make_cluster: Any) -> None:
    """Machines read the report's fields."""
    cluster = make_cluster()
    cluster.settings(1, '[log]\nformat = "json"')
    daemon = cluster.run(1)
    cluster.wait_nodes(1, [1, 2, 3])
    daemon.stop()

    entries = [json.loads(line) for line in daemon.log.splitlines()]
    steps = [entry["data"]["step"] for entry in entries if entry["code"] == "step"]
    assert [step["kind"] for step in steps] == [
        "CreateCluster", "AddNode", "SetAttribute", "AddNode", "AddNode",
    ]  # fmt: skip


def test_only_the_main_thread_takes_signals(make_cluster: Any) -> None:
    """The kernel's own account: two threads, all signals blocked in the agent's."""
    cluster = make_cluster()
    daemon = cluster.run(1)
    cluster.wait_nodes(1, [1, 2, 3])
    pid = daemon.process.pid
    masks = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        blocked = next(line.split()[1] for line in lines if line.startswith("SigBlk"))
        masks[int(task.name)] = int(blocked, 16)

    main = masks.pop(pid)
    (agent,) = masks.values()
    wanted = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGALRM]
    assert [main >> (number - 1) & 1 for number in wanted] == [0] * 5
    assert [agent >> (number - 1) & 1 for number in wanted] == [1] * 5


def test_sighup_ends_nobody(make_cluster: Any) -> None:
    """A reload that is not there yet is told of, and the tables stay true."""
    cluster = make_cluster()
    daemon = cluster.run(1)
    cluster.wait_nodes(1, [1, 2, 3])
    daemon.process.send_signal(signal.SIGHUP)
    cluster.wait_log(1, "SIGHUP: settings cannot be reloaded")

    cluster.ctl("leave", node=3)

    cluster.wait_nodes(1, [1, 2])


def test_library_that_is_missing_is_named(make_cluster: Any) -> None:
    """start-wait: without libcman the daemon lives, says what it looked for, and ends well."""
    cluster = make_cluster()
    daemon = cluster.run(1, "--libcman", "/nonexistent/libcman.so.3")
    log = cluster.wait_log(1, "waiting for the cluster manager")
    status = cluster.wait_state(1, "waiting")

    assert "/nonexistent/libcman.so.3" in log
    assert "/nonexistent/libcman.so.3" in status["reason"]
    assert daemon.stop(timeout_s=5) == 0


def test_directory_that_is_no_configfs_is_named(make_cluster: Any) -> None:
    """not-configfs: nothing is left behind, and the operator is told what to do."""
    cluster = make_cluster()
    plain = cluster.directory / "plain"
    (plain / "cluster").mkdir(parents=True)
    cluster.run(1, "--configfs", str(plain))
    cluster.wait_log(1, "modprobe ocfs2_nodemanager")

    assert list((plain / "cluster").iterdir()) == []


def test_early_sigterm_ends_with_0_and_touches_nothing(make_cluster: Any) -> None:
    """sigterm: one that comes while the daemon still loads its parts waits until it can end."""
    cluster = make_cluster()
    cluster.ctl("cman-stop", node=1)
    daemon = cluster.run(1, "--libcman", "/nonexistent/libcman.so.3")
    blocked = f"/proc/{daemon.process.pid}/status"

    def keeps_signals() -> bool:
        lines = Path(blocked).read_text().splitlines()
        mask = next(line.split()[1] for line in lines if line.startswith("SigBlk"))
        return bool(int(mask, 16) >> (signal.SIGTERM - 1) & 1 or daemon.log)

    cluster.wait_for("the daemon keeps its signals for later", keeps_signals)

    assert daemon.stop(timeout_s=20) == 0
    assert not cluster.cluster_directory(1).exists()


def test_sigterm_ends_a_daemon_that_inherited_it_blocked(make_cluster: Any) -> None:
    """sigterm: never ignored, whatever the process was started with."""
    cluster = make_cluster()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        daemon = cluster.run(1)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    cluster.wait_nodes(1, [1, 2, 3])

    assert daemon.stop(timeout_s=5) == 0


def test_daemon_without_standard_descriptors_keeps_the_tables_true(make_cluster: Any) -> None:
    """Nothing of its own gets stderr's number, so that nothing is written into it."""
    cluster = make_cluster()
    node = cluster.served.node(1)
    closed = ["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *node["command"]]
    with subprocess.Popen(closed, env={**os.environ, **node["env"]}) as process:
        try:
            cluster.wait_nodes(1, [1, 2, 3])
            files = [Path(f"/proc/{process.pid}/fd/{fd}").readlink() for fd in (0, 1, 2)]
        finally:
            process.terminate()

    assert [str(file) for file in files] == ["/dev/null"] * 3
    assert process.returncode == 0


@pytest.mark.timeout(300)
def test_sigterm_during_the_first_fill_ends_it_there(make_cluster: Any) -> None:
    """sigterm: no node is added after it, and none is left half made."""
    cluster = make_cluster(nodes=FULL)
    daemon = cluster.run(1)
    for _ in range(ATTEMPTS):
        cluster.wait_log(1, "done: add node node3 ")
        assert daemon.stop(timeout_s=20) == 0
        told = daemon.log.partition("SIGTERM: stopping")[2]
        assert told.count("done: ") <= 2  # the step under way, and one that was begun meanwhile
        assert told.endswith("stopping, the tables stay\n")
        if len(cluster.table(1)) < FULL:
            break
        # We were not given a processor before the table was full; the next host is empty again.
        cluster.ctl("kill", node=1)
        cluster.ctl("start", node=1)
        daemon = cluster.run(1)
    assert len(cluster.table(1)) < FULL
    assert all(row.num for row in cluster.table(1).values())
