"""The commands that ask a daemon: what they show, and how they fail."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from o2cbd.cli import cli
from o2cbd.service.client import ControlClient
from tests.o2cbd.commands.conftest import FakeDaemon, Reply, Run

ASKING = [["status"], ["status", "--json"], ["forget", "beta"], ["dump"]]


@pytest.mark.parametrize("words", ASKING)
def test_no_daemon_is_69(o2cbd: Run, tmp_path: Path, words: list[str]) -> None:
    """Nobody at the socket, or no socket at all."""
    shown = o2cbd(*words)
    assert (shown.exit_code, shown.output) == (
        69,
        (
            f"o2cbd: no o2cbd answers at {tmp_path}/control.sock: start it, or give its"
            " --runtime-dir\n"
        ),
    )


@pytest.mark.parametrize("words", ASKING)
def test_daemon_that_ends_while_it_is_asked_is_69(
    o2cbd: Run, daemon: FakeDaemon, words: list[str]
) -> None:
    """A connection that closes without an answer is no daemon."""
    daemon.answer = lambda _request: None
    shown = o2cbd(*words)
    assert (shown.exit_code, shown.output) == (69, "o2cbd: o2cbd ended during the request\n")


def test_somebody_elses_answer_is_69(o2cbd: Run, daemon: FakeDaemon) -> None:
    """Whoever answers with something else is no daemon of ours."""
    daemon.answer = lambda _request: ["hello"]
    shown = o2cbd("status")
    assert (shown.exit_code, shown.output) == (
        69,
        "o2cbd: the control socket does not belong to an o2cbd\n",
    )


def test_daemon_that_does_not_answer_is_75(
    o2cbd: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time-out says so."""
    monkeypatch.setattr("o2cbd.service.client.REPLY_TIMEOUT_S", 0.05)
    release = threading.Event()

    def be_silent(_request: Any) -> None:
        release.wait(20)

    daemon.answer = be_silent
    shown = o2cbd("status")
    release.set()
    assert (shown.exit_code, shown.output) == (
        75,
        "o2cbd: o2cbd is running and does not answer: timed out\n",
    )


def test_socket_that_may_not_be_asked_is_77(
    o2cbd: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permission has a code of its own, and it is said of which path."""

    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.connect", refuse)
    shown = o2cbd("status")
    where = tmp_path / "control.sock"
    told = f"o2cbd: only root may use the control socket: {where}: Permission denied (EACCES)\n"
    assert (shown.exit_code, shown.output) == (77, told)


def test_runtime_directory_that_is_too_long_is_told(tmp_path: Path) -> None:
    """A socket path is never cut."""
    deep = tmp_path / ("d" * 120)
    shown = CliRunner().invoke(cli, ["status", "--runtime-dir", str(deep)])
    assert (shown.exit_code, shown.output) == (
        69,
        f"o2cbd: the control socket: {deep}/control.sock: AF_UNIX path too long\n",
    )


def test_runtime_directory_comes_from_the_settings(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Without the option the file's directory is asked."""
    config = tmp_path / "c.toml"
    config.write_text(f'[paths]\nruntime_dir = "{tmp_path}"')
    shown = CliRunner().invoke(cli, ["status", "--config", str(config)])
    assert shown.exit_code == 0


def test_status_as_json_is_the_daemons_reply(o2cbd: Run, daemon: FakeDaemon, status: Reply) -> None:
    """One object, as it came."""
    assert json.loads(o2cbd("status", "--json").output) == status
    assert daemon.asked[0]["request"] == "status"


def test_status_for_a_person(o2cbd: Run, daemon: FakeDaemon) -> None:
    """The facts, then the table, aligned."""
    shown = o2cbd("status")
    assert (shown.exit_code, shown.output.splitlines()) == (
        0,
        [
            "State:   synced",
            "Cluster: prod, quorate",
            "Members: alpha, beta",
            "Table:   3 nodes, fingerprint e3b0c44298fc1c14",
            "Daemon:  o2cbd 9.9, process 4711",
            "",
            "NUM  NAME   ADDRESS         MEMBER",
            "  1  alpha  10.0.0.1:7777   yes, this node (incarnation 4)",
            " 12  beta   10.0.0.12:7777  yes (incarnation 8)",
            "  3  gamma  half-made       no",
        ],
    )


def test_status_shows_whatever_is_the_matter(o2cbd: Run, daemon: FakeDaemon, status: Reply) -> None:
    """Hold, call, vote, pending and left out, with reasons; odd names cannot act on a terminal."""
    status.update(
        state="stuck",
        reason="in rmdir since T1",
        quorate=None,
        nodes=[],
        hold={"pid": 0, "since": "T2"},
        call={"name": "rmdir", "since": "T1"},
        vote={"asked": "T3", "answer": "no", "reason": "mounted"},
        pending=[
            {
                "step": "remove-node",
                "node": "beta",
                "text": "remove node beta",
                "why": "pinned",
                "errno": "EBUSY",
                "reason": "a pin",
                "since": "T4",
            },
            {
                "step": "add-node",
                "node": "x",
                "text": "add node x",
                "why": "held",
                "errno": None,
                "reason": "a hold",
                "since": "T5",
            },
        ],
        left_out=[
            {"id": 300, "name": "evil\x1b[2J\udcff", "reason": "its id"},
            {"id": 7, "name": "", "reason": "its name is empty"},
        ],
    )
    daemon.answer = lambda _request: status
    assert o2cbd("status").output.splitlines() == [
        "State:    stuck: in rmdir since T1",
        "Cluster:  prod, quorum unknown",
        "Members:  alpha, beta",
        "Table:    0 nodes, fingerprint e3b0c44298fc1c14",
        "Held:     by process ? since T2",
        "Call:     in rmdir since T1",
        "Shutdown: asked T3, answered no: mounted",
        "Daemon:   o2cbd 9.9, process 4711",
        "",
        "Pending (2):",
        "  remove node beta  [pinned EBUSY since T4]",
        "    a pin",
        "  add node x  [held since T5]",
        "    a hold",
        "",
        "Excluded (2):",
        "  evil\\x1b[2J\\udcff (id 300): its id",
        "  (no name) (id 7): its name is empty",
    ]


def test_status_ends_with_the_warnings_about_the_host(
    o2cbd: Run, daemon: FakeDaemon, status: Reply
) -> None:
    """One line each."""
    status["warnings"] = [
        {"severity": "warning", "code": "ocfs2-tools-ocfs2", "text": "ocfs2.service is on"},
        {"severity": "notice", "code": "ocfs2-tools-file", "text": "a file\x1b is there"},
    ]
    daemon.answer = lambda _request: status
    assert o2cbd("status").output.splitlines()[-4:] == [
        "",
        "Warnings (2):",
        "  warning: ocfs2.service is on",
        "  notice: a file\\x1b is there",
    ]


def test_status_counts_one_node_as_one(o2cbd: Run, daemon: FakeDaemon, status: Reply) -> None:
    status.update(nodes=status["nodes"][:1])
    daemon.answer = lambda _request: status
    assert "Table:   1 node, fingerprint e3b0c44298fc1c14" in o2cbd("status").output.splitlines()


def test_status_before_anything_is_known(o2cbd: Run, daemon: FakeDaemon, status: Reply) -> None:
    """A daemon that waits has no cluster to show."""
    status.update(cluster=None, state="waiting", reason="r", nodes=[], members=[])
    daemon.answer = lambda _request: status
    assert o2cbd("status").output.splitlines()[:2] == [
        "State:  waiting: r",
        "Table:  0 nodes, fingerprint e3b0c44298fc1c14",
    ]


PLAN: dict[str, Any] = {
    "schema": 1,
    "state": "pending",
    "reason": "",
    "cluster": "prod",
    "steps": [{"step": "add-node", "node": "x", "text": "add node x"}],
    "pending": [],
    "left_out": [],
}


def test_plan_asks_the_daemon(o2cbd: Run, daemon: FakeDaemon) -> None:
    """With a daemon nothing else is read; JSON says who did."""
    daemon.answer = lambda _request: PLAN
    assert json.loads(o2cbd("plan", "--json").output) == {**PLAN, "daemon": True}
    assert o2cbd("plan").output.splitlines() == [
        "State:   pending",
        "Cluster: prod",
        "Read by: the running daemon",
        "",
        "Being done now (1):",
        "  add node x",
    ]
    assert [request["request"] for request in daemon.asked] == ["plan", "plan"]


def test_plan_with_nothing_to_do_says_so(o2cbd: Run, daemon: FakeDaemon) -> None:
    """An empty plan is an answer, too."""
    daemon.answer = lambda _request: {**PLAN, "steps": [], "cluster": None, "reason": "r"}
    assert o2cbd("plan").output.splitlines() == [
        "State:   pending: r",
        "Cluster: not known",
        "Read by: the running daemon",
        "",
        "Nothing can be done now: all steps are pending.",
    ]


def test_plan_without_daemon_and_library_is_69(o2cbd: Run) -> None:
    """No manager to read: the reason is the loader's."""
    shown = o2cbd("plan", "--libcman", "/nonexistent/libcman.so.3")
    assert shown.exit_code == 69
    assert "o2cbd: cannot read the cluster manager:" in shown.output
    assert "/nonexistent/libcman.so.3" in shown.output


def test_forget_tells_the_daemon(o2cbd: Run, daemon: FakeDaemon) -> None:
    """The name reaches it as it was typed."""
    daemon.answer = lambda _request: {"schema": 1, "accepted": True}
    shown = o2cbd("forget", "beta")
    assert shown.exit_code == 0
    assert shown.output.startswith("o2cbd now considers node beta down: its entry waits no longer")
    assert (daemon.asked[0]["request"], daemon.asked[0]["node"]) == ("forget", "beta")


def test_refused_forget_is_64_with_the_daemons_words(o2cbd: Run, daemon: FakeDaemon) -> None:
    """A member is not forgotten."""
    daemon.answer = lambda _request: {"schema": 1, "error": "beta is a member"}
    shown = o2cbd("forget", "beta")
    assert (shown.exit_code, shown.output) == (64, "o2cbd: beta is a member\n")


def test_closed_stdout_is_no_traceback(tmp_path: Path) -> None:
    """`o2cbd status | head -0` ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    shown = subprocess.run(
        [sys.executable, "-m", "o2cbd", "--help"],
        stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip
    os.close(writer)
    assert "Traceback" not in shown.stderr


def test_a_crowd_at_the_socket_is_waited_for(tmp_path: Path) -> None:
    """The daemon takes them one after another; a full queue is no absence."""
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(path))
            with ThreadPoolExecutor(1) as pool:
                second = pool.submit(ControlClient, str(tmp_path))
                taken, _ = listener.accept()
                second.result(20).__exit__(None, None, None)
                taken.close()


def test_a_crowd_that_does_not_move_is_75(
    o2cbd: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("o2cbd.service.client.REPLY_TIMEOUT_S", 0.05)
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(path))
        listener.listen(0)
        first.connect(str(path))
        shown = o2cbd("status")
    assert (shown.exit_code, shown.output) == (
        75,
        "o2cbd: o2cbd is running and does not answer: timed out\n",
    )


@pytest.mark.parametrize(
    ("state", "hold", "line"),
    [
        ("synced", None, "Nothing to do: the tables are in sync."),
        ("held", {"pid": 7, "since": "T"}, "No changes while process 7 holds the semaphore."),
        ("held", {"pid": 0, "since": "T"}, "No changes while somebody holds the semaphore."),
        (
            "stuck",
            None,
            "No changes while stuck; the steps are not known before that ends.",
        ),
    ],
)
def test_a_plan_without_steps_says_why(
    o2cbd: Run, daemon: FakeDaemon, state: str, hold: Any, line: str
) -> None:
    """Each state has its own reason; nobody reads "nothing" as "all is well"."""
    daemon.answer = lambda _request: {**PLAN, "steps": [], "state": state, "hold": hold}
    assert o2cbd("plan").output.splitlines()[-1] == line
