"""The real parts, made from settings and tied together."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from o2cbd import __version__
from o2cbd.agent import Agent, Observer
from o2cbd.calls import CallBoard
from o2cbd.clock import Clock, MonotonicClock
from o2cbd.configfs.tree import OsNodeTree
from o2cbd.core.effects import Effect
from o2cbd.core.events import Event
from o2cbd.core.exit_codes import EXIT_CANNOT_CREATE, EXIT_NO_PERMISSION
from o2cbd.core.model import Status
from o2cbd.core.reports import Report
from o2cbd.errors import said
from o2cbd.hold.semaphore import SysvHold
from o2cbd.membership.sources import make_connect
from o2cbd.service import ocfs2_tools
from o2cbd.service.agent_thread import AgentThread
from o2cbd.service.control import SOCKET_NAME
from o2cbd.service.daemon import Daemon, Ending
from o2cbd.service.journal import Journal, choose_format
from o2cbd.service.locked_tree import LockedTree
from o2cbd.service.locks import AlreadyRunningError, Lock, lock_configfs, lock_runtime_dir
from o2cbd.service.notify import Notifier
from o2cbd.service.recorder import FlightRecorder
from o2cbd.service.reports import AlreadyRunning, CannotServe, NoVote, Started
from o2cbd.service.takeover import Takeover
from o2cbd.service.wakeup import Wakeup
from o2cbd.settings import DaemonSettings, Source
from o2cbd.usage.reader import HostUsage

RUNTIME_DIR_MODE = 0o755

STDERR_FD = 2

HOST_ROOT = Path("/")
"""Where other services of this host are looked for."""


def run(settings: DaemonSettings) -> Ending:
    """Run the daemon in the foreground until it ends."""
    clock = MonotonicClock()
    chosen = choose_format(settings.log.format, os.environ)
    journal = Journal(STDERR_FD, settings.log, clock, format=chosen)
    try:
        lock = _prepare(settings.paths.runtime_dir)
    except AlreadyRunningError as error:
        return _refuse(journal, AlreadyRunning(detail=str(error)), EXIT_CANNOT_CREATE)
    except PermissionError as error:
        return _refuse(journal, CannotServe(detail=said(error)), EXIT_NO_PERMISSION)
    except OSError as error:
        return _refuse(journal, CannotServe(detail=said(error)), EXIT_CANNOT_CREATE)
    try:
        return _serve(settings, clock, journal)
    except OSError as error:
        return _refuse(journal, CannotServe(detail=said(error)), EXIT_CANNOT_CREATE)
    finally:
        lock.release()


def run_and_exit(settings: DaemonSettings) -> NoReturn:
    """Run the daemon, and end the process with its exit code."""
    ending = run(settings)
    if ending.abandoned:
        # The agent's thread is inside a library that may never return: nothing waits for it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ending.code)
    sys.exit(ending.code)


def _prepare(runtime_dir: str) -> Lock:
    os.makedirs(runtime_dir, mode=RUNTIME_DIR_MODE, exist_ok=True)  # noqa: PTH103 - text stays text
    return lock_runtime_dir(runtime_dir)


def _refuse(journal: Journal, report: Report, code: int) -> Ending:
    journal.tell(report)
    journal.finish()
    return Ending(code=code)


def _serve(settings: DaemonSettings, clock: Clock, journal: Journal) -> Ending:
    calls = CallBoard(clock)
    woken = Wakeup()
    recorder = FlightRecorder()
    recorder.begin(clock.now_us())
    paths = settings.paths

    def make_hold(cluster: str) -> SysvHold:
        return SysvHold(settings.hold.name_for(cluster), settings.hold.mode)

    def tell(report: Report) -> None:
        journal.tell(report)
        recorder.tell(report, clock.now_us())

    def other_services() -> tuple[Report, ...]:
        return ocfs2_tools.look(HOST_ROOT, followed=settings.source is Source.STATIC)

    takeover = Takeover(settings.rules.table, tell)

    def observe(item: Event | Effect, status: Status, now_us: int) -> None:
        recorder.note(item, status, now_us)
        takeover.note(item, status, now_us)

    thread = AgentThread(
        lambda: make_agent(settings, clock, calls, make_hold, journal, observer=observe),
        clock,
        woken,
    )
    notifier = Notifier(os.environ)
    daemon = Daemon(
        thread=thread,
        woken=woken,
        calls=calls,
        clock=clock,
        timing=settings.timing,
        journal=journal,
        journal_fd=STDERR_FD,
        notifier=notifier,
        make_hold=make_hold,
        recorder=recorder,
        rules=settings.rules,
        warnings=other_services,
    )
    journal.tell(
        Started(version=__version__, configfs=paths.configfs, runtime_dir=paths.runtime_dir)
    )
    for report in other_services():
        tell(report)
    return daemon.run(Path(paths.runtime_dir, SOCKET_NAME))


def make_agent(
    settings: DaemonSettings,
    clock: Clock,
    calls: CallBoard,
    make_hold: Callable[[str], SysvHold],
    journal: Journal,
    *,
    observer: Observer | None = None,
) -> Agent:
    """Make the agent over the real manager and the real configfs; call it in the agent's thread.

    Raises:
        AlreadyRunningError: another o2cbd has this configfs.
    """
    paths = settings.paths
    tree = LockedTree(
        OsNodeTree(paths.configfs, paths.debugfs, calls), paths.configfs, lock_configfs, calls
    )
    with contextlib.suppress(OSError):  # the first reading meets it again, and it is told there
        tree.lock()
    return Agent(
        connect=make_connect(settings, calls, lambda: journal.tell(NoVote())),
        tree=tree,
        make_hold=make_hold,
        usage=HostUsage(
            configfs_path=paths.configfs,
            mounts_path=paths.mounts,
            make_hold=make_hold,
            calls=calls,
        ),
        clock=clock,
        rules=settings.rules,
        journal=journal.tell,
        observer=observer,
    )
