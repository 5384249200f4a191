"""A real o2cbd process and the world around it: systemd, the journal, signals, its threads."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.arms.process import DEADLINE_S, ProcessCluster
from tests.process.conftest import MakeCluster

pytestmark = pytest.mark.process


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(DEADLINE_S)
        yield receiver


def told_until(systemd: socket.socket, last: str) -> list[str]:
    """Everything up to a message that begins so."""
    messages: list[str] = []
    while not messages or not messages[-1].startswith(last):
        messages.append(systemd.recv(4096).decode())
    return messages


@pytest.mark.row("ready")
def test_ready_comes_with_the_first_complete_table(
    make_cluster: MakeCluster, systemd: socket.socket
) -> None:
    """Who is ordered after us finds every node there; the stop is announced, too."""
    cluster = make_cluster()
    daemon = cluster.run(1, environment={"NOTIFY_SOCKET": systemd.getsockname()})

    messages = told_until(systemd, "READY=1")

    assert sorted(cluster.table(1)) == ["node1", "node2", "node3"]
    assert messages[-2] == "STATUS=synced, cluster o2, 3 nodes in the table, quorate"
    assert daemon.stop() == 0
    assert told_until(systemd, "STOPPING=1")


@pytest.mark.row("start-wait", "ready")
def test_not_ready_while_the_manager_is_awaited(
    make_cluster: MakeCluster, systemd: socket.socket
) -> None:
    """start-wait: it says what it waits for, and READY follows once cman is there."""
    cluster = make_cluster()
    cluster.ctl("cman-crash", node=1)
    cluster.run(1, environment={"NOTIFY_SOCKET": systemd.getsockname()})
    before = told_until(systemd, "STATUS=waiting, ")
    cluster.ctl("cman-start", node=1)
    after = told_until(systemd, "READY=1")

    assert "READY=1" not in before
    assert "READY=1" not in after[:-1]
    cluster.wait_nodes(1, [1, 2, 3])


def test_log_under_systemd_has_priorities(make_cluster: MakeCluster) -> None:
    """With JOURNAL_STREAM set each line begins with its priority."""
    cluster = make_cluster()
    daemon = cluster.run(1, environment={"JOURNAL_STREAM": "8:1"})
    cluster.wait_nodes(1, [1, 2, 3])
    daemon.stop()

    # A warning where the package ocfs2-tools is installed, which switches its service on.
    lines = [line for line in daemon.log.splitlines() if "ocfs2.service of" not in line]
    assert [line for line in lines if line[:3] not in {"<5>", "<6>"}] == []
    assert "<5>done: add node node2 (2, 10.0.0.2:7777)" in lines


def test_only_the_main_thread_takes_signals(make_cluster: MakeCluster) -> None:
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


@pytest.mark.row("start-wait")
def test_library_that_is_missing_is_named(make_cluster: MakeCluster) -> None:
    """start-wait: without libcman the daemon lives, says what it looked for, and ends well."""
    cluster = make_cluster()
    daemon = cluster.run(1, "--libcman", "/nonexistent/libcman.so.3")
    log = cluster.wait_log(1, "cannot reach the cluster manager")
    status = cluster.wait_state(1, "waiting")

    assert "/nonexistent/libcman.so.3" in log
    assert "/nonexistent/libcman.so.3" in status["reason"]
    assert daemon.stop() == 0


@pytest.mark.row("not-configfs")
def test_directory_that_is_no_configfs_is_named(make_cluster: MakeCluster) -> None:
    """not-configfs: nothing is left behind, and the operator is told what to do."""
    cluster = make_cluster()
    plain = cluster.directory / "plain"
    (plain / "cluster").mkdir(parents=True)
    cluster.run(1, "--configfs", str(plain))
    cluster.wait_log(1, "modprobe ocfs2_nodemanager")

    assert list((plain / "cluster").iterdir()) == []


@pytest.mark.row("sigterm")
def test_early_sigterm_ends_with_0_and_touches_nothing(make_cluster: MakeCluster) -> None:
    """sigterm: one that comes while the daemon still loads its parts waits until it can end."""
    cluster = make_cluster()
    daemon = cluster.run(1, "--libcman", "/nonexistent/libcman.so.3")

    # Sent as soon as the daemon keeps it for later: long before it has loaded all its parts.
    assert daemon.stop() == 0
    assert not cluster.cluster_directory(1).exists()


@pytest.mark.row("sigterm")
def test_sigterm_ends_a_daemon_that_inherited_it_blocked(make_cluster: MakeCluster) -> None:
    """sigterm: never ignored, whatever the process was started with."""
    cluster = make_cluster()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        daemon = cluster.run(1)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    cluster.wait_nodes(1, [1, 2, 3])

    assert daemon.stop() == 0


def test_daemon_without_standard_descriptors_keeps_the_tables_true(
    make_cluster: MakeCluster,
) -> None:
    """Nothing of its own gets stderr's number, so that nothing is written into it."""
    cluster = make_cluster()
    node = cluster.served.node(1)
    node["command"] = ["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *node["command"]]
    daemon = cluster.run(1)
    cluster.wait_nodes(1, [1, 2, 3])
    files = [Path(f"/proc/{daemon.process.pid}/fd/{fd}").readlink() for fd in (0, 1, 2)]

    assert [str(file) for file in files] == ["/dev/null"] * 3
    assert daemon.stop() == 0


@pytest.mark.row("sigterm")
def test_sigterm_during_the_first_fill_ends_it_there(make_cluster: MakeCluster) -> None:
    """sigterm: no node is added after it, and none is left half made.

    A call that is interrupted again and again keeps the daemon in its first node for as long as
    this takes, on any machine.
    """
    cluster = make_cluster()
    cluster.ctl("fault", node=1, call="write:num", errno="EINTR", count=2**62)
    daemon = cluster.run(1)
    cluster.wait_for("it is about to write a num", lambda: interrupted(cluster))
    daemon.send(signal.SIGTERM)
    cluster.wait_state(1, "stopping")

    cluster.ctl("mend-calls", node=1)

    assert daemon.wait() == 0
    told = daemon.log.partition("SIGTERM: stopping")[2]
    assert told.count("done: ") == 1
    assert told.endswith("stopping; keeping the node tables\n")
    assert [(name, row.num) for name, row in cluster.table(1).items()] == [("node1", 1)]


def interrupted(cluster: ProcessCluster) -> bool:
    calls = cluster.ctl("journal", node=1)["calls"]
    return bool(calls) and calls[-1]["error"] == "EINTR"
