"""`fakecluster gate`: whose sockets it takes, and how it ends."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fakecluster.gate import cli
from fakecluster.gate.service import TakenError, claim
from fakecluster.listener import PathTooLongError


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


def run(monkeypatch: pytest.MonkeyPatch, ends: OSError | bool) -> Result:
    def serve(*_: object) -> bool:
        if isinstance(ends, OSError):
            raise ends
        return ends

    monkeypatch.setattr(cli, "load_libraries", lambda: None)
    monkeypatch.setattr(cli, "serve_gate", serve)
    return CliRunner().invoke(cli.gate_command, ["--socket-dir", "/"], standalone_mode=False)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PathTooLongError(Path("/x")), cli.EX_USAGE, "choose a shorter directory"),
        (TakenError(errno.EADDRINUSE, "taken", "/run/cman_client"), cli.EX_CANTCREAT, "taken"),
        (PermissionError(errno.EACCES, "corosync lets in root"), cli.EX_NOPERM, "run as root"),
        (OSError(errno.ELIBACC, "cannot load libcpg.so.4"), cli.EX_UNAVAILABLE, "libcpg.so.4"),
        (OSError(errno.ENOTSUP, "this libquorum"), cli.EX_UNAVAILABLE, "libquorum"),
        (OSError(errno.EROFS, "Read-only", "/run/cman_admin"), cli.EX_CANTCREAT, "cman_admin"),
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
    done = CliRunner().invoke(cli.gate_command, [], standalone_mode=False)
    assert (done.return_value, "install it" in done.stderr) == (cli.EX_UNAVAILABLE, True)


def test_a_directory_that_is_not_there_is_wrong_usage() -> None:
    done = CliRunner().invoke(cli.gate_command, ["--socket-dir", "/no/such"])
    assert "does not exist" in done.output
