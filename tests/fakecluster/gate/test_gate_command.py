"""`fakecluster gate`: whose sockets it takes, and how it ends."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import Result

from fakecluster.clock import VirtualClock
from fakecluster.cman.outside import Sockets
from fakecluster.cman.wire.server import WireServer
from fakecluster.gate import cli
from fakecluster.gate.context import HERE
from fakecluster.gate.service import STUCK_US, StatusLine, TakenError, claim, hold_directory
from fakecluster.transport.listener import PathTooLongError
from fakecluster.transport.poller import Poller
from o2cbd.calls import CallBoard
from o2cbd.service.notify import Notifier
from tests.streams import separate_runner


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    """A cman's client socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(os.fspath(tmp_path / "cman_client"))
        yield sock


def test_an_empty_directory_and_stale_sockets_are_free(
    tmp_path: Path, listening: socket.socket
) -> None:
    """Bound, and nobody listens: as a cman that crashed leaves it."""
    claim(tmp_path)
    assert (tmp_path / "cman_client").exists()


def test_a_living_cmans_directory_is_taken_also_while_it_is_stopped(
    tmp_path: Path, listening: socket.socket
) -> None:
    """Its backlog is full then."""
    listening.listen(0)
    with pytest.raises(TakenError, match="end it first"):
        claim(tmp_path)
    with pytest.raises(TakenError):
        claim(tmp_path)


def test_a_file_in_the_way_is_no_free_place(tmp_path: Path) -> None:
    """It refuses connections as a stale socket does; what binds there finds out."""
    (tmp_path / "cman_admin").touch()
    claim(tmp_path)


def test_of_two_gates_the_second_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    """Also while corosync is away, and there is no socket to be found."""
    with hold_directory(tmp_path):
        with pytest.raises(TakenError, match="end it first"), hold_directory(tmp_path):
            pass
        with pytest.raises(TakenError), hold_directory(tmp_path):
            pass
    with hold_directory(tmp_path):
        pass


def test_a_gate_removes_no_sockets_but_its_own(tmp_path: Path) -> None:
    """Somebody has put others in their place."""
    server = WireServer(Poller(), {HERE: tmp_path})
    server.sockets(HERE, Sockets.LISTENING)
    (tmp_path / "cman_admin").rename(tmp_path / "kept")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(os.fspath(tmp_path / "cman_admin"))
        server.unlink()
        assert {path.name for path in tmp_path.iterdir()} == {"cman_admin", "kept"}
        server.close()
    assert {path.name for path in tmp_path.iterdir()} == {"cman_admin", "kept"}


def test_the_status_names_a_call_that_corosync_does_not_answer(tmp_path: Path) -> None:
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(os.fspath(path))
        systemd.settimeout(0)
        clock = VirtualClock()
        board = CallBoard(clock)
        notifier = Notifier({"NOTIFY_SOCKET": os.fspath(path)})
        line = StatusLine(notifier, board, clock)
        line.show("serving: members 1, quorate")
        with board.declare("votequorum_getinfo"):
            for at_us in (STUCK_US - 1, STUCK_US, 12_000_000):
                clock.advance_to(at_us)
                line.look()
        line.look()
        line.look()
        notifier.close()
        shown = []
        with suppress(BlockingIOError):
            while True:
                shown.append(systemd.recv(4096).decode().removeprefix("STATUS="))
    assert shown == [
        "serving: members 1, quorate",
        "corosync has not answered votequorum_getinfo for 3 s",
        "corosync has not answered votequorum_getinfo for 12 s",
        "serving: members 1, quorate",
    ]


def run(monkeypatch: pytest.MonkeyPatch, ends: OSError | bool) -> Result:
    def serve(*_: object) -> bool:
        if isinstance(ends, OSError):
            raise ends
        return ends

    monkeypatch.setattr(cli, "load_libraries", lambda: None)
    monkeypatch.setattr(cli, "serve_gate", serve)
    return separate_runner().invoke(cli.gate_command, ["--socket-dir", "/"], standalone_mode=False)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PathTooLongError(Path("/x")), os.EX_USAGE, "choose a shorter directory"),
        (TakenError(errno.EADDRINUSE, "taken", "/run/cman_client"), os.EX_CANTCREAT, "taken"),
        (PermissionError(errno.EACCES, "corosync lets in root"), os.EX_NOPERM, "run as root"),
        (OSError(errno.ELIBACC, "cannot load libcpg.so.4"), os.EX_UNAVAILABLE, "libcpg.so.4"),
        (OSError(errno.ENOTSUP, "this libquorum"), os.EX_UNAVAILABLE, "libquorum"),
        (OSError(errno.EROFS, "Read-only", "/run/cman_admin"), os.EX_CANTCREAT, "cman_admin"),
    ],
)
def test_what_it_ends_with_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: OSError, code: int, said: str
) -> None:
    done = run(monkeypatch, error)
    assert done.return_value == code
    assert said in done.stderr


def test_a_stop_is_success(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, ends=True).return_value == 0


def test_a_gate_that_is_stuck_in_a_library_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for its thread."""
    codes: list[int] = []
    monkeypatch.setattr(cli, "leave_now", codes.append)
    run(monkeypatch, ends=False)
    assert codes == [0]


def test_libraries_that_are_missing_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> None:
        raise OSError(errno.ELIBACC, "cannot load libcpg.so.4 (install it)")

    monkeypatch.setattr(cli, "load_libraries", load)
    done = separate_runner().invoke(cli.gate_command, [], standalone_mode=False)
    assert (done.return_value, "install it" in done.stderr) == (os.EX_UNAVAILABLE, True)


def test_a_directory_that_is_not_there_is_wrong_usage() -> None:
    done = separate_runner().invoke(cli.gate_command, ["--socket-dir", "/no/such"])
    assert "does not exist" in done.stderr
