"""Whoever sees all that a host's daemon says and does: trace, judge and probes hear of it."""

from __future__ import annotations

from collections.abc import Callable

from fakecluster.configfs.journal import Call, Done, is_read
from fakecluster.oracles.probes import Probes
from fakecluster.oracles.safety import SafetyOracle
from fakecluster.trace.events import Trace
from o2cbd.agent import Observer
from o2cbd.core import reports
from o2cbd.core.effects import Effect
from o2cbd.core.events import Event
from o2cbd.core.model import Status
from o2cbd.core.records import Value
from o2cbd.core.trace_recorder import TraceRecorder


class Instrumentation:
    """One host's."""

    def __init__(
        self,
        *,
        node_id: int,
        trace: Trace,
        probes: Probes,
        oracle: SafetyOracle,
        stepping: Callable[[], bool],
    ) -> None:
        """Hand on what is seen; `stepping` tells whether a call is the daemon's."""
        self._node_id = node_id
        self._trace = trace
        self._probes = probes
        self._oracle = oracle
        self._stepping = stepping
        self._unchanged = False
        """The daemon has changed nothing yet and was not in sync yet."""

    def lived(self, what: str) -> None:
        """See a daemon's `start` or end."""
        self._unchanged = what == "start"
        self._trace.add(self._node_id, "daemon", what)

    def reported(self, report: reports.Report) -> None:
        """See what the daemon reports."""
        self._probes.reported(report)
        self._oracle.logged(report)
        if isinstance(report, reports.StepApplied):
            self._unchanged = False
        elif isinstance(report, reports.Synced) and self._unchanged:
            self._unchanged = False
            self._probes.hit("adopted")
        elif isinstance(report, reports.ForgetRefused):
            self._oracle.not_forgotten(report.node)

    def rested(self, status: Status) -> None:
        """See the daemon at rest after a step."""
        self._oracle.at_rest(status)
        self._probes.rested(status)

    def observer(self) -> Observer:
        """Return what writes the next daemon's life into the trace; each daemon begins anew."""
        trace = self._trace

        def emit(_now_us: int, kind: str, what: str, detail: dict[str, Value]) -> None:
            trace.add(self._node_id, kind, what, **detail)

        recorder = TraceRecorder(emit)

        def observe(item: Event | Effect, status: Status, now_us: int) -> None:
            if trace.heard:
                recorder.note(item, status, now_us)

        return observe

    def called(self, call: Call) -> None:
        """See a changing call before it is applied."""
        if self._stepping():
            self._oracle.call(call)

    def done(self, done: Done) -> None:
        """See a call that was applied or refused."""
        if done.error and self._stepping():
            self._probes.hit("call-failed")
            self._oracle.refused(done)
        if self._trace.heard and not is_read(done.name):
            value = done.data.decode("ascii", "backslashreplace")
            self._trace.add(
                self._node_id, "call", done.name, path=done.path, value=value, errno=done.error
            )
