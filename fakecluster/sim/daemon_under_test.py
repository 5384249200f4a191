"""Daemons of other projects in virtual time: the protocol they follow, and their process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from fakecluster.clock import Handle, Timeline
from fakecluster.cman.engine import Engine, Sockets
from fakecluster.sim.engine_table import EngineHandle, EngineTable
from fakecluster.trace.events import Trace
from o2cbd.core.rules import SECOND_US, Rules
from o2cbd.membership.libcman_table import LibcmanTable

_STEPS_AT_ONCE_MAX: Final = 1000
"""So many steps at one moment, and the daemon counts as spinning."""


class DaemonUnderTest(Protocol):
    """A daemon that runs in virtual time: it does what is due and never waits by itself.

    It ends like a process: by SystemExit with its exit code. Any other exception is a crash, which
    fails the test. SIGKILL and a power cut drop the object; nothing of it is called.
    """

    def step(self) -> tuple[int | None, float | None]:
        """Do all that is due now, without waiting.

        Returns:
            What to wait for before the next step: a descriptor that `poll(2)` finds readable
            (libcman's, which must be asked for before each wait; None: none), and how many seconds
            at most (None: without end).
        """
        ...

    def stop(self) -> None:
        """Take note of SIGTERM; a step follows at once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a simulated daemon gets of its host."""

    id: int
    """The node's id."""
    name: str
    """The node's name."""
    libcman: LibcmanTable
    """libcman's functions without their `cman_`; `init()` connects to this node's cman."""
    directory: Path
    """For the daemon's files, like /run: emptied when the host's power is cut."""
    now_s: Callable[[], float]
    """The virtual time in seconds, in place of `time.monotonic`."""
    log: Callable[[str], None]
    """Takes a line for the timeline."""


MakeDaemon = Callable[[Host], DaemonUnderTest]
"""Starts a daemon: called for each start of the process, with its host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What runs on the hosts of a world in place of o2cbd, and what should be so at rest."""

    make: MakeDaemon
    directory: Path
    """Takes a directory for each host."""
    findings: Callable[[], list[str]]
    """Returns what is not as it should be; empty: all is well."""

    def content(self) -> bool:
        """True when there is nothing to find fault with."""
        return not self.findings()

    def directory_of(self, node_id: int) -> Path:
        """Return a host's directory, which is made where it is missing."""
        path = self.directory / f"node{node_id}"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def power_lost(self, node_id: int) -> None:
        """Empty a host's directory."""
        shutil.rmtree(self.directory_of(node_id))
        self.directory_of(node_id)


class SimulatedProcess:
    """The process of a daemon under test: started, stepped by the timeline, killed.

    A manager that is stopped answers nothing, and libcman has no time-outs: while it is stopped,
    the process stands still instead of doing a step that could ask it.
    """

    def __init__(
        self,
        subject: Subject,
        *,
        node_id: int,
        name: str,
        engine: Engine,
        timeline: Timeline,
        trace: Trace,
    ) -> None:
        self.rules = self.next_rules = Rules()
        """Those of an o2cbd; of no meaning here."""
        self.status = None
        """What an o2cbd says; this is none."""
        self.stepping = False
        """True inside a step."""
        self.pid = 0
        self.starts = 0
        self.daemon: DaemonUnderTest | None = None
        """The running one."""
        self.exit_code: int | None = None
        """Of the last one that ended by itself; None while one runs or after a kill."""
        self.stuck_since_us: int | None = None
        """Since when it has stood still before a manager that is stopped."""
        self._subject = subject
        self._node_id = node_id
        self._name = name
        self._engine = engine
        self._timeline = timeline
        self._trace = trace
        self._table = _Table(EngineTable(engine, node_id, self._readable))
        self._wake: Handle | None = None
        self._fd: int | None = None
        self._at_once = (0, 0)
        """A moment, and how many steps it has seen."""

    # --- its life -------------------------------------------------------------------------------

    @property
    def runs(self) -> bool:
        """True while there is a process."""
        return self.daemon is not None

    def start(self) -> None:
        """Start a process; nothing happens while one runs."""
        if self.daemon is not None:
            return
        self.pid += 1
        self.starts += 1
        self.exit_code = None
        self._trace.add(self._node_id, "daemon", "start")
        host = Host(
            id=self._node_id,
            name=self._name,
            libcman=self._table,
            directory=self._subject.directory_of(self._node_id),
            now_s=lambda: self._timeline.now_us() / SECOND_US,
            log=self._log,
        )
        self.daemon = self._subject.make(host)
        self.wake()

    def _log(self, text: str) -> None:
        self._trace.add(self._node_id, "report", "log", severity="info", text=text)

    def kill(self) -> None:
        """SIGKILL: its connections are closed."""
        if self.daemon is not None:
            self._trace.add(self._node_id, "daemon", "killed")
            self._gone()

    def _gone(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self.daemon = self.stuck_since_us = self._fd = None
        self._table.close()

    def terminate(self) -> None:
        """SIGTERM; nothing happens while it does not run."""
        if self.daemon is not None:
            self._trace.add(self._node_id, "daemon", "stop-asked")
            self.daemon.stop()
            self.wake()

    def forget(self, name: str) -> None:
        """Do nothing: this is a word of o2cbd's."""

    # --- moving ---------------------------------------------------------------------------------

    def wake(self) -> None:
        """Let it step now."""
        self._wake_at(self._timeline.now_us())

    def _readable(self) -> None:
        if self._table.readable(self._fd):
            self.wake()

    def _wake_at(self, due_us: int) -> None:
        if self._wake is not None and self._wake.pending:
            if self._wake.due_us <= due_us:
                return
            self._wake.cancel()
        self._wake = self._timeline.schedule(
            self._step, at_us=due_us, label=f"daemon {self._node_id}"
        )

    def _step(self) -> None:
        if self.daemon is None:
            return
        if self._blocks():
            if self.stuck_since_us is None:
                self.stuck_since_us = self._timeline.now_us()
            return
        self.stuck_since_us = None
        self._count()
        self.stepping = True
        try:
            self._fd, wait_s = self.daemon.step()
        except SystemExit as end:
            self._end(end.code)
            return
        finally:
            self.stepping = False
        if self._table.readable(self._fd):
            self.wake()
        elif wait_s is not None:
            self._wake_at(self._timeline.now_us() + max(0, round(wait_s * SECOND_US)))

    def _end(self, code: object) -> None:
        """End by itself: without a code with 0, with a text as code with 1, as Python does."""
        self.exit_code = code if isinstance(code, int) else int(code is not None)
        self._trace.add(self._node_id, "daemon", "exit", code=self.exit_code)
        self._gone()

    def _blocks(self) -> bool:
        """True when a step could ask a manager that does not answer."""
        if not self._engine.is_stopped(self._node_id):
            return False
        listens = self._engine.state(self._node_id).sockets is Sockets.LISTENING
        return listens or self._table.connected

    def _count(self) -> None:
        now_us = self._timeline.now_us()
        self._at_once = (now_us, self._at_once[1] + 1 if self._at_once[0] == now_us else 1)
        if self._at_once[1] > _STEPS_AT_ONCE_MAX:
            raise SpinningError(self._name)


class SpinningError(RuntimeError):
    """A daemon that takes step after step while no time passes."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the daemon of {name} spins: {_STEPS_AT_ONCE_MAX} steps in no time; what it waits for "
            "is readable (dispatch it), or it waits for no time at all"
        )


class _Table:
    """libcman as a process has it loaded: its connections end with the process."""

    def __init__(self, table: EngineTable) -> None:
        self._table = table
        self._handles: list[EngineHandle] = []

    def init(self) -> EngineHandle:
        """Connect."""
        handle = self._table.init()
        self._handles.append(handle)
        return handle

    def readable(self, fd: int | None) -> bool:
        """Return whether poll(2) would call this descriptor readable."""
        return self._table.readable(fd)

    @property
    def connected(self) -> bool:
        """True while a connection is open."""
        return any(handle.client.open for handle in self._handles)

    def close(self) -> None:
        """Close all."""
        for handle in self._handles:
            handle.finish()
        self._handles.clear()
