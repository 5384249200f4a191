"""A host's process in virtual time: started, stepped by the timeline, asked to stop, killed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from fakecluster.clock import Handle, Timeline
from fakecluster.cman.engine import Engine, Sockets
from fakecluster.sim.daemon_under_test import DaemonUnderTest
from fakecluster.sim.engine_table import EngineTable
from o2cbd.core.model import Status
from o2cbd.core.rules import SECOND_US, Rules
from o2cbd.output import OutputError

_R = TypeVar("_R")

FIRST_PID: Final = 101
"""Of the first process on a host; the next ones count on."""
_STEPS_AT_ONCE_MAX: Final = 1000
"""So many steps at one moment, and the daemon counts as spinning."""


class DaemonKilled(BaseException):
    """Unwinds a daemon that was killed inside a call; nothing of the daemon's may catch it."""


class Program(DaemonUnderTest, Protocol):
    """What a process runs: it begins anew with each start."""

    @property
    def status(self) -> Status | None:
        """What an o2cbd says while it runs; None: it is another daemon."""
        ...

    def start(self, process: SimulatedProcess) -> None:
        """Begin in a process that starts."""
        ...

    def would_ask(self, *, arrived: bool) -> bool:
        """Return whether a step could ask the manager; `arrived`: it has said something since."""
        ...

    def forget(self, name: str) -> None:
        """Take `o2cbd forget NAME`."""
        ...

    def ended(self, exit_code: int | None) -> None:
        """Take note of the process's end; None: it was killed."""
        ...


class SimulatedProcess:
    """A process that can be started, killed and asked to stop; once ended it can start again.

    A manager that is stopped answers nothing, and libcman has no time-outs: where a step could ask
    it, the process stands still until the manager goes on or its connection dies.
    """

    def __init__(
        self,
        program: Program,
        *,
        node_id: int,
        engine: Engine,
        timeline: Timeline,
        rules: Rules,
        stood: Callable[[], None],
    ) -> None:
        """Start nothing yet; `stood` is called when it begins to stand still in a call."""
        self.rules = self.next_rules = rules
        """Those of the running o2cbd; other ones count from its next start on."""
        self.program = program
        self.runs = False
        """True while there is a process."""
        self.exit_code: int | None = None
        """Of the last one that ended by itself; None while one runs or after a kill."""
        self.starts = 0
        self.pid = FIRST_PID - 1
        self.stepping = False
        """True inside a step: calls that come now are the daemon's."""
        self.stuck_since_us: int | None = None
        """Since when it has stood still in a call to the manager."""
        self.libcman = EngineTable(engine, node_id, self._readable)
        self._node_id = node_id
        self._engine = engine
        self._timeline = timeline
        self._stood = stood
        self._wake: Handle | None = None
        self._fd: int | None = None
        self._arrived = False
        self._at_once = (0, 0)
        """A moment, and how many steps it has seen."""

    # --- its life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start a process; nothing happens while one runs."""
        if self.runs:
            return
        self.runs = True
        self.pid += 1
        self.starts += 1
        self.exit_code = None
        self.rules = self.next_rules
        self._arrived = False
        self._do(lambda: self.program.start(self))
        self.wake()

    def kill(self) -> None:
        """SIGKILL: the kernel closes its connections; nothing happens while it does not run."""
        if self.runs:
            self._end(None)

    def terminate(self) -> None:
        """SIGTERM; nothing happens while it does not run."""
        if self.runs:
            self._do(self.program.stop)
            self.wake()

    def forget(self, name: str) -> None:
        """`o2cbd forget NAME`; nothing happens while no daemon runs."""
        if self.runs:
            self.program.forget(name)
            self.wake()

    def _end(self, exit_code: int | None) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self.runs = False
        self.exit_code = exit_code
        self.stuck_since_us = self._fd = None
        self.program.ended(exit_code)
        self.libcman.close()

    @property
    def status(self) -> Status | None:
        """What `o2cbd status` says; None while no o2cbd runs."""
        return self.program.status if self.runs else None

    # --- moving ---------------------------------------------------------------------------------

    def wake(self) -> None:
        """Let it step now."""
        self._wake_at(self._timeline.now_us())

    def _readable(self) -> None:
        self._arrived = True
        if self.libcman.readable(self._fd):
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
        if not self.runs:
            return
        if self._blocks():
            if self.stuck_since_us is None:
                self.stuck_since_us = self._timeline.now_us()
                self._stood()
            return
        self.stuck_since_us = None
        self._arrived = False
        self._count()
        self.stepping = True
        try:
            stepped = self._do(self.program.step)
        finally:
            self.stepping = False
        if stepped is None:
            return
        self._fd, wait_s = stepped
        if self.libcman.readable(self._fd):
            self.wake()
        elif wait_s is not None:
            self._wake_at(self._timeline.now_us() + max(0, round(wait_s * SECOND_US)))

    def _do(self, call: Callable[[], _R]) -> _R | None:
        """Have the program do something; None also where it has ended of that."""
        try:
            return call()
        except OutputError:
            raise  # it ends us: the trace cannot be written
        except SystemExit as end:  # without a code 0, with a text as code 1, as Python does
            self._end(end.code if isinstance(end.code, int) else int(end.code is not None))
        except DaemonKilled:
            self.kill()
        return None

    def _blocks(self) -> bool:
        """True when a step could ask a manager that does not answer."""
        if not self._engine.is_stopped(self._node_id):
            return False
        listens = self._engine.state(self._node_id).sockets is Sockets.LISTENING
        if not listens and not self.libcman.connected:
            return False  # the connect itself fails
        return self.stuck_since_us is not None or self.program.would_ask(arrived=self._arrived)

    def _count(self) -> None:
        now_us = self._timeline.now_us()
        self._at_once = (now_us, self._at_once[1] + 1 if self._at_once[0] == now_us else 1)
        if self._at_once[1] > _STEPS_AT_ONCE_MAX:
            raise SpinningError(self._node_id)


class SpinningError(RuntimeError):
    """A daemon that takes step after step while no time passes."""

    def __init__(self, node_id: int) -> None:
        super().__init__(
            f"the daemon of node {node_id} spins: {_STEPS_AT_ONCE_MAX} steps in no time; what it"
            " waits for is readable (dispatch it), or it waits for no time at all"
        )
