"""A daemon in this process around a scripted agent."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakecluster.testing.single_host import ScriptedHold
from o2cbd.agent import Wait
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.core.model import Status
from o2cbd.core.reports import Report
from o2cbd.core.rules import Rules
from o2cbd.service.agent_thread import AgentThread
from o2cbd.service.client import ControlClient
from o2cbd.service.daemon import Daemon, Ending
from o2cbd.service.journal import Journal
from o2cbd.service.notify import Notifier
from o2cbd.service.recorder import FlightRecorder
from o2cbd.service.view import NOT_BEGUN
from o2cbd.service.wakeup import Wakeup
from o2cbd.settings import LogFormat, LogSettings, ServiceTiming

DEADLINE_S = 20.0


class ScriptedAgent:
    """An agent that does in its steps what the test says."""

    def __init__(self) -> None:
        self.status: Status = NOT_BEGUN
        self.exit_code: int | None = None
        self.wait = Wait(fd=None, deadline_us=None)
        self.forgotten: list[str] = []
        self.steps = 0
        self.stops = 0
        self.threads: set[int] = set()
        self.script: Callable[[ScriptedAgent], object] = lambda _agent: None

    def forget(self, node: str) -> None:
        self.forgotten.append(node)

    def stop(self) -> None:
        self.stops += 1

    def step(self) -> Wait:
        self.threads.add(threading.get_ident())
        self.steps += 1
        self.script(self)
        if self.stops:
            self.exit_code = 0
        return self.wait


class CountingSelector(selectors.PollSelector):
    """Counts how often the main thread went to sleep."""

    sleeps = 0

    def select(self, timeout: float | None = None) -> Any:
        self.sleeps += 1
        return super().select(timeout)


class House:
    """The daemon's main thread is the test's; the test's own acts run beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment: dict[str, str] = {}
        self.timing = ServiceTiming()
        self.agent = ScriptedAgent()
        self.hold = ScriptedHold()
        self.clock = MonotonicClock()
        self.calls = CallBoard(self.clock)
        self.told: list[Report] = []
        self.warnings: tuple[Report, ...] = ()
        self.recorder = FlightRecorder()
        self.held_clusters: list[str] = []
        self.selector = CountingSelector()
        self.refuse: Exception | None = None
        self.log_fd: int | None = None
        self.release = threading.Event()
        self.over = threading.Event()

    def make_agent(self) -> ScriptedAgent:
        self.agent.threads.add(threading.get_ident())
        if self.refuse is not None:
            raise self.refuse
        return self.agent

    def block_in(self, name: str) -> None:
        """From the next step on, sit in a declared call until `release` is set."""

        def sit(_agent: ScriptedAgent) -> None:
            with self.calls.declare(name):
                assert self.release.wait(DEADLINE_S)

        self.agent.script = sit

    def make_hold(self, cluster: str) -> ScriptedHold:
        self.held_clusters.append(cluster)
        return self.hold

    def run(self, acts: Callable[[], Any] = lambda: None) -> tuple[Ending, Any]:
        """Run the daemon in this thread, and the acts in another; SIGTERM follows the acts."""

        def play() -> Any:
            try:
                return acts()
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        woken = Wakeup()
        thread = AgentThread(self.make_agent, self.clock, woken)
        fd = self.log_fd
        if fd is None:
            fd = os.open(self.directory / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        journal = Journal(fd, LogSettings(), self.clock, format=LogFormat.CONSOLE)
        tell = journal.tell

        def note(report: Report) -> None:
            self.told.append(report)
            tell(report)

        journal.tell = note  # type: ignore[method-assign]
        notifier = Notifier(self.environment)
        daemon = Daemon(
            thread=thread,
            woken=woken,
            calls=self.calls,
            clock=self.clock,
            timing=self.timing,
            journal=journal,
            journal_fd=fd,
            notifier=notifier,
            make_hold=self.make_hold,
            recorder=self.recorder,
            rules=Rules(),
            warnings=lambda: self.warnings,
        )
        daemon._selector.close()
        daemon._selector = self.selector
        self.thread = thread
        handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            with ThreadPoolExecutor(1) as pool:
                played = pool.submit(self._when_up, play)
                try:
                    ending = daemon.run(self.directory / "control.sock")
                finally:
                    self.over.set()
                result = played.result(DEADLINE_S)
        finally:
            signal.signal(signal.SIGTERM, handler)
            self.release.set()
            assert thread._thread.ident is None or thread.join(DEADLINE_S)
            thread.close()
            notifier.close()
            woken.close()
            if fd != self.log_fd:
                os.close(fd)
        return ending, result

    def _when_up(self, play: Callable[[], Any]) -> Any:
        # The socket is there before the signals are caught: the thread's start is after both.
        self.until(lambda: self.agent.threads or self.over.is_set())
        return play()

    def ask(self, request: dict[str, Any], within_s: float = 0.0) -> dict[str, Any]:
        with ControlClient(str(self.directory)) as client:
            return client.ask(request, within_s)

    def status_when(self, fits: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Watch the status over the control socket until it fits."""
        deadline = time.monotonic() + DEADLINE_S
        serial = None
        with ControlClient(str(self.directory)) as client:
            while True:
                status = client.ask({"request": "status", "after": serial}, 1.0)
                serial = status["serial"]
                if fits(status):
                    return status
                assert time.monotonic() < deadline, status

    def until(self, fits: Callable[[], Any]) -> None:
        """Wait for what only this process can see."""
        deadline = time.monotonic() + DEADLINE_S
        pause = threading.Event()
        while not fits():
            assert time.monotonic() < deadline, "it did not come to be"
            pause.wait(0.005)

    def slept_since(self, sleeps: int) -> bool:
        """Whether the main thread has gone to sleep several times more."""
        return self.selector.sleeps > sleeps + 3

    def publish(self, **changes: Any) -> None:
        """Have the agent's status be another one, as its next step would."""
        changed = replace(self.agent.status, **changes)

        def show(agent: ScriptedAgent) -> None:
            agent.status = changed

        self.agent.script = show
        self.thread.request_forget("(wake)")
        self.until(lambda: self.agent.status is changed)

    @property
    def codes(self) -> list[str]:
        return [report.code for report in self.told]

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()


class Systemd:
    """Receives what sd_notify sends."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(DEADLINE_S)

    def next(self) -> str:
        return self.socket.recv(4096).decode()

    def rest(self) -> list[str]:
        self.socket.settimeout(0)
        messages = []
        try:
            while True:
                messages.append(self.next())
        except BlockingIOError:
            return messages


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.selector.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path)
    yield systemd
    systemd.socket.close()
