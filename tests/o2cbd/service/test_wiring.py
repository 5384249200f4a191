"""The real parts tied together: what keeps the daemon from starting, each with its exit code."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.core.reports import Report
from o2cbd.hold.semaphore import SysvHold
from o2cbd.membership.sources import make_connect
from o2cbd.service.daemon import Ending
from o2cbd.service.journal import Journal
from o2cbd.service.locks import lock_runtime_dir
from o2cbd.service.wiring import make_agent, run
from o2cbd.settings import DaemonSettings, LogFormat, LogSettings, Paths

Capture = pytest.CaptureFixture[str]


def settings_of(runtime_dir: Path) -> DaemonSettings:
    return DaemonSettings(
        paths=Paths(configfs="/nonexistent", runtime_dir=str(runtime_dir)),
        log=LogSettings(format=LogFormat.JOURNAL),
    )


def test_runtime_directory_that_cannot_be_made_is_73(tmp_path: Path, capfd: Capture) -> None:
    """A file is in its place."""
    (tmp_path / "run").write_text("")
    assert run(settings_of(tmp_path / "run")) == Ending(code=73)
    told = f"<3>cannot start: {tmp_path}/run: File exists (EEXIST)\n"
    assert capfd.readouterr().err == told


def test_runtime_directory_without_permission_is_77(
    tmp_path: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not root, and a directory that only root may make."""

    def refuse(*_arguments: object, **_more: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/run/o2cbd")

    monkeypatch.setattr(os, "makedirs", refuse)
    assert run(settings_of(tmp_path)) == Ending(code=77)
    assert capfd.readouterr().err == ("<3>cannot start: /run/o2cbd: Permission denied (EACCES)\n")


def test_locked_runtime_directory_is_73_and_names_the_holder(
    tmp_path: Path, capfd: Capture
) -> None:
    """The second daemon touches nothing of the first one's."""
    lock = lock_runtime_dir(tmp_path)
    assert run(settings_of(tmp_path)) == Ending(code=73)
    lock.release()
    assert capfd.readouterr().err == (
        f"<3>{tmp_path}/lock is locked by process {os.getpid()}: another o2cbd is running;"
        " exiting without changes\n"
    )
    assert not (tmp_path / "control.sock").exists()


def test_runtime_directory_too_deep_for_a_socket_is_73(tmp_path: Path, capfd: Capture) -> None:
    """The socket's path is refused and never cut; the lock is given back."""
    deep = tmp_path / ("d" * 100)
    assert run(settings_of(deep)) == Ending(code=73)
    told = f"<3>cannot start: {deep}/control.sock: AF_UNIX path too long\n"
    assert told in capfd.readouterr().err
    lock_runtime_dir(deep).release()


@pytest.mark.row("ocfs2-tools")
def test_other_services_that_manage_the_tables_are_told_of_at_the_start(
    tmp_path: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And keep nobody from starting: here it is the socket that does."""
    conf = tmp_path / "host/etc/ocfs2/cluster.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text("cluster:\n\tname = prod\n\tnode_count = 0\n")
    monkeypatch.setattr("o2cbd.service.wiring.HOST_ROOT", tmp_path / "host")
    run(settings_of(tmp_path / ("d" * 100)))
    started, told, refused = capfd.readouterr().err.splitlines()
    assert started.startswith("<5>o2cbd ")
    assert told.startswith("<5>/etc/ocfs2/cluster.conf exists (prod): ")
    assert refused.startswith("<3>cannot start: ")


@pytest.mark.row("ocfs2-tools")
def test_other_services_stand_in_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are when it is asked for, not as they were at the start."""
    conf = tmp_path / "host/etc/ocfs2/cluster.conf"
    conf.parent.mkdir(parents=True)
    seen: list[list[str]] = []

    class AskedDaemon:
        def __init__(self, *, warnings: Callable[[], Iterable[Report]], **_parts: Any) -> None:
            self.warnings = warnings

        def run(self, _socket_path: Path) -> Ending:
            seen.append([report.code for report in self.warnings()])
            conf.write_text("cluster:\n\tname = prod\n")
            seen.append([report.code for report in self.warnings()])
            return Ending(code=0)

    monkeypatch.setattr("o2cbd.service.wiring.HOST_ROOT", tmp_path / "host")
    monkeypatch.setattr("o2cbd.service.wiring.Daemon", AskedDaemon)
    run(settings_of(tmp_path))
    assert seen == [[], ["ocfs2-tools-file"]]


def test_library_is_tried_anew_until_it_loads(tmp_path: Path) -> None:
    """A library that is not there is ELIBACC each time, with its path, never a crash."""
    settings = DaemonSettings(libcman=str(tmp_path / "libcman.so.3"))
    connect = make_connect(settings, CallBoard(MonotonicClock()), lambda: None)
    for _ in range(2):
        with pytest.raises(OSError, match="cannot load libcman") as caught:
            connect()
        assert caught.value.errno == errno.ELIBACC


def test_configfs_that_cannot_be_looked_at_is_no_crash(capfd: Capture) -> None:
    """Whatever errno the first look at it gives, the agent is made, and waits and tells."""
    clock = MonotonicClock()
    settings = DaemonSettings(paths=Paths(configfs="/" + "x" * 300))
    journal = Journal(2, settings.log, clock, format=LogFormat.JOURNAL)

    agent = make_agent(settings, clock, CallBoard(clock), SysvHold, journal)

    assert agent.exit_code is None
    journal.finish()
    assert capfd.readouterr().err == ""
