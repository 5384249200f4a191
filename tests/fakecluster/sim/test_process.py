"""The process of somebody else's daemon in virtual time: its life, its waits, what it is given."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from fakecluster.cman.topology import Topology
from fakecluster.sim.daemon_under_test import (
    DaemonUnderTest,
    Host,
    Subject,
)
from fakecluster.sim.process import SimulatedProcess, SpinningError
from fakecluster.sim.world import World
from o2cbd.membership.libcman_table import DISPATCH_ALL, REASON_STATECHANGE
from o2cbd.output import OutputError

SECOND_US = 1_000_000


class Watching:
    """Notes when it steps, and what libcman tells it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.steps: list[float] = []
        self.notices: list[int] = []
        self.handle: Any = None
        self.stopped = False

    def step(self) -> tuple[int | None, float | None]:
        self.steps.append(self.host.now_s())
        if self.stopped:
            raise SystemExit(3)
        try:
            if self.handle is None:
                self.handle = self.host.libcman.init()
                self.handle.start_notification(lambda reason, _arg: self.notices.append(reason))
            self.handle.dispatch(DISPATCH_ALL)
        except OSError:
            self.handle = None
            return None, 1.0
        return self.handle.get_fd(), None

    def stop(self) -> None:
        self.stopped = True


class Fixture:
    def __init__(self, directory: Path, make: Any = Watching, nodes: int = 2) -> None:
        self.made: list[Any] = []

        def remember(host: Host) -> DaemonUnderTest:
            self.made.append(make(host))
            daemon: DaemonUnderTest = self.made[-1]
            return daemon

        subject = Subject(make=remember, directory=directory, findings=list)
        self.world = World(Topology.of(nodes), subject=subject)

    def process(self, node: int = 1) -> SimulatedProcess:
        return self.world.hosts[node].daemon

    def run(self, seconds: float) -> None:
        self.world.run_for(round(seconds * SECOND_US))


@pytest.fixture
def two(tmp_path: Path) -> Fixture:
    made = Fixture(tmp_path)
    for node in (1, 2):
        made.world.start(node, daemon=node == 1)
    made.run(5)
    return made


def test_it_waits_for_libcmans_descriptor_alone(two: Fixture) -> None:
    (daemon,) = two.made
    before = len(daemon.steps)
    two.run(100)
    assert len(daemon.steps) == before
    two.world.kill(2)
    two.run(20)
    assert len(daemon.steps) == before + 1
    assert daemon.notices[-1] == REASON_STATECHANGE


def test_its_wait_ends_after_the_seconds_that_it_asked_for(tmp_path: Path) -> None:
    made = Fixture(tmp_path)
    made.world.boot(1)
    made.world.daemon_start(1)
    made.run(2.5)  # there is no cman: it tries again each second
    assert made.made[0].steps == [0.0, 1.0, 2.0]


def test_it_is_told_of_its_host(two: Fixture, tmp_path: Path) -> None:
    host = two.made[0].host
    assert (host.id, host.name, host.directory) == (1, "node1", tmp_path / "node1")
    assert host.directory.is_dir()


def test_a_step_after_sigterm_ends_it_with_its_code(two: Fixture) -> None:
    two.world.daemon_term(1)
    two.run(0.001)
    assert (two.process().runs, two.process().exit_code) == (False, 3)
    two.world.daemon_start(1)
    assert two.process().runs
    assert two.process().exit_code is None
    assert len(two.made) == 2


@pytest.mark.parametrize(("code", "exit_code"), [(None, 0), ("no disk", 1), (7, 7)])
def test_exit_codes_are_those_of_a_process(tmp_path: Path, code: object, exit_code: int) -> None:
    class Ending(Watching):
        def step(self) -> tuple[int | None, float | None]:
            raise SystemExit(code)

    made = Fixture(tmp_path, Ending)
    made.world.start(1)
    made.run(1)
    assert made.process().exit_code == exit_code


class Bye(SystemExit):
    """A daemon may end by one of its own."""


@pytest.mark.parametrize("method", ["__init__", "step", "stop"])
def test_wherever_it_ends_nobody_else_does(tmp_path: Path, method: str) -> None:
    def end(*_: object) -> None:
        raise Bye(4)

    made = Fixture(tmp_path, type("Ending", (Watching,), {method: end}))
    made.world.start(1)
    made.run(1)
    made.world.daemon_term(1)
    made.run(1)
    assert (made.process().runs, made.process().exit_code) == (False, 4)


def test_a_trace_that_cannot_be_written_ends_us_and_not_the_daemon(tmp_path: Path) -> None:
    class Recorded(Watching):
        def step(self) -> tuple[int | None, float | None]:
            raise OutputError("the trace", OSError(errno.ENOSPC, "no space"))

    made = Fixture(tmp_path, Recorded)
    made.world.start(1)
    with pytest.raises(OutputError):
        made.run(1)


def test_sigkill_ends_its_connection_and_calls_nothing_of_it(two: Fixture) -> None:
    (daemon,) = two.made
    steps, client = len(daemon.steps), daemon.handle.client
    two.world.daemon_kill(1)
    two.world.kill(2)
    two.run(20)
    assert (len(daemon.steps), daemon.stopped, client.open) == (steps, False, False)
    assert (two.process().runs, two.process().exit_code) == (False, None)


def test_a_power_cut_empties_its_directory_and_a_kill_does_not(two: Fixture) -> None:
    file = two.made[0].host.directory / "file"
    file.write_text("x")
    two.world.daemon_kill(1)
    assert file.exists()
    two.world.kill(1)
    assert not file.exists()
    assert file.parent.is_dir()


def test_it_stands_still_before_a_stopped_manager(two: Fixture) -> None:
    (daemon,) = two.made
    two.world.cman_stop(1)
    two.world.daemon_term(1)
    two.run(60)
    assert two.process().runs
    two.world.cman_cont(1)
    two.run(0.001)
    assert two.process().exit_code == 3
    assert daemon.steps[-1] == pytest.approx(65.0)


def test_a_stopped_manager_that_dies_lets_it_go_on(two: Fixture) -> None:
    two.world.cman_stop(1)
    two.world.daemon_term(1)
    two.run(1)
    two.world.cman_crash(1)
    two.run(0.001)
    assert two.process().exit_code == 3


def test_a_daemon_that_spins_is_found(tmp_path: Path) -> None:
    class Deaf(Watching):
        """Connects, and never dispatches."""

        def step(self) -> tuple[int | None, float | None]:
            if self.handle is None:
                try:
                    self.handle = self.host.libcman.init()
                except OSError:
                    return None, 1.0
                self.handle.start_notification(lambda *_: None)
            return self.handle.get_fd(), None

    made = Fixture(tmp_path, Deaf)
    made.world.start(1)
    made.run(5)
    made.world.start(2, daemon=False)
    with pytest.raises(SpinningError, match="the daemon of node 1 spins: 1000 steps in no time"):
        made.run(5)


def test_what_it_raises_reaches_the_test(tmp_path: Path) -> None:
    class Broken(Watching):
        def step(self) -> tuple[int | None, float | None]:
            raise KeyError("leader")

    made = Fixture(tmp_path, Broken)
    made.world.start(1)
    with pytest.raises(KeyError, match="leader"):
        made.run(1)


def test_what_it_logs_is_in_the_trace(tmp_path: Path) -> None:
    made = Fixture(tmp_path)
    lines: list[Any] = []
    made.world.trace.listen(lines.append)
    made.world.start(1)
    made.made[0].host.log("a word")
    made.world.daemon_kill(1)
    told = [(one.host, one.kind, one.what) for one in lines if one.kind in {"daemon", "report"}]
    assert told == [(1, "daemon", "start"), (1, "report", "log"), (1, "daemon", "killed")]
