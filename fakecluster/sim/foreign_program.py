"""The program of another project in virtual time: its `DaemonUnderTest`, traced."""

from __future__ import annotations

from collections.abc import Callable

from fakecluster.sim.daemon_under_test import DaemonUnderTest, Host, Subject
from fakecluster.sim.process import SimulatedProcess
from fakecluster.trace.events import Trace
from o2cbd.core.rules import SECOND_US


class ForeignDaemon:
    """The `Program` of another project."""

    def __init__(
        self, subject: Subject, node_id: int, name: str, trace: Trace, now_us: Callable[[], int]
    ) -> None:
        self.status = None
        """Only an o2cbd says one."""
        self.daemon: DaemonUnderTest | None = None
        """The running one."""
        self._subject = subject
        self._node_id = node_id
        self._name = name
        self._trace = trace
        self._now_us = now_us

    def start(self, process: SimulatedProcess) -> None:
        """Make a daemon."""
        self._trace.add(self._node_id, "daemon", "start")
        self.daemon = self._subject.make(
            Host(
                id=self._node_id,
                name=self._name,
                libcman=process.libcman,
                directory=self._subject.directory_of(self._node_id),
                now_s=lambda: self._now_us() / SECOND_US,
                log=self._log,
            )
        )

    def _log(self, text: str) -> None:
        self._trace.add(self._node_id, "report", "log", severity="info", text=text)

    def step(self) -> tuple[int | None, float | None]:
        """Step the daemon."""
        return self._running.step()

    def stop(self) -> None:
        """Ask the daemon to end; it may take its time."""
        self._trace.add(self._node_id, "daemon", "stop-asked")
        self._running.stop()

    @property
    def _running(self) -> DaemonUnderTest:
        if self.daemon is None:
            raise RuntimeError(f"the daemon of {self._name} does not run")
        return self.daemon

    def ended(self, exit_code: int | None) -> None:
        """Drop the daemon."""
        self.daemon = None
        if exit_code is None:
            self._trace.add(self._node_id, "daemon", "killed")
        else:
            self._trace.add(self._node_id, "daemon", "exit", code=exit_code)

    def forget(self, name: str) -> None:
        """Do nothing: this is a word of o2cbd's."""

    def would_ask(self, *, arrived: bool) -> bool:  # noqa: ARG002 - nobody knows what it does
        """Return True: any step of it could."""
        return True
