"""The main thread: signals, systemd, the control socket and the journal; it never blocks.

It asks nothing of the agent's thread and only looks at frozen values, so it answers whatever the
agent does.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

from o2cbd.calls import Call, CallBoard
from o2cbd.clock import Clock, WallClock
from o2cbd.core.exit_codes import EXIT_CANNOT_CREATE, EXIT_CRASHED
from o2cbd.core.frozen import frozen
from o2cbd.core.model import Holder, Status
from o2cbd.core.reports import Report
from o2cbd.core.rules import SECOND_US, Rules
from o2cbd.service import reports
from o2cbd.service.agent_thread import AgentThread
from o2cbd.service.control import BadRequestError, ControlServer, Reply, Request
from o2cbd.service.journal import Journal
from o2cbd.service.notify import Notifier
from o2cbd.service.recorder import FlightRecorder
from o2cbd.service.signals import CAUGHT, SignalPipe
from o2cbd.service.view import (
    NOT_BEGUN,
    SCHEMA,
    Overlay,
    one_line,
    overlaid,
    plan_json,
    status_json,
)
from o2cbd.service.wakeup import Wakeup
from o2cbd.settings import ServiceTiming
from o2cbd.usage.reader import HolderReader

FIRST_LOOK_US = SECOND_US // 10
LOOK_US = SECOND_US // 4
"""How soon, and how often, a step that lasts is looked at: for its reports and for a stuck call."""

LATE_US = 5 * SECOND_US
"""An agent that sleeps over its own deadline by so much does not move."""

CRASH_PATIENCE_S = 1.0
"""How long the end waits for a crashed thread's traceback."""


@frozen
class Ending:
    """How the daemon ended."""

    code: int
    """For the shell."""
    abandoned: bool = False
    """The agent's thread still runs: the process must end without waiting for it."""


class Daemon:
    """Watches one agent thread and serves those who ask."""

    def __init__(
        self,
        *,
        thread: AgentThread,
        woken: Wakeup,
        calls: CallBoard,
        clock: Clock,
        timing: ServiceTiming,
        journal: Journal,
        journal_fd: int,
        notifier: Notifier,
        make_hold: Callable[[str], HolderReader],
        recorder: FlightRecorder,
        rules: Rules,
        warnings: Callable[[], Iterable[Report]],
    ) -> None:
        """Tie the parts together; nothing runs yet.

        Args:
            thread: the agent's, not started.
            woken: what the thread sets.
            calls: where the agent declares its calls.
            clock: the agent's.
            timing: when patience ends.
            journal: flushed here; the agent tells it, too.
            journal_fd: where it writes, to wait for.
            notifier: systemd.
            make_hold: gives a cluster's hold, to ask who has it while the agent has nothing to do.
            recorder: what the agent fills; read here.
            rules: the agent's, for the recorder's header.
            warnings: reads what the host has that the operator should change; for the status.
        """
        self._thread = thread
        self._woken = woken
        self._calls = calls
        self._clock = clock
        self._timing = timing
        self._journal = journal
        self._journal_fd = journal_fd
        self._journal_watched = False
        self._notifier = notifier
        self._make_hold = make_hold
        self._recorder = recorder
        self._rules = rules
        self._warnings = warnings
        self._holds: dict[str, HolderReader] = {}
        self._hold: Holder | None = None
        self._wall = WallClock(clock)
        self._selector = selectors.PollSelector()
        self._server: ControlServer | None = None
        self._shown = NOT_BEGUN
        self._serial = 0
        self._stuck: Call | None = None
        self._stop_due_us: int | None = None
        self._fed = (0, 0)
        self._feed_due_us = clock.now_us()

    def run(self, socket_path: Path) -> Ending:
        """Start the agent's thread and serve until it ends.

        Raises:
            OSError: the control socket cannot be made; nothing was started.
        """
        self._server = ControlServer(socket_path, self._answer, self._clock, self._selector)
        try:
            with SignalPipe(CAUGHT) as signals:
                self._selector.register(
                    signals, selectors.EVENT_READ, lambda _events: self._take(signals)
                )
                self._selector.register(
                    self._woken, selectors.EVENT_READ, lambda _events: self._woken.clear()
                )
                self._thread.start()
                return self._serve(self._server)
        finally:
            self._server.close()
            self._selector.close()
            self._journal.finish()

    def _serve(self, server: ControlServer) -> Ending:
        while True:
            ending = self._tick(server)
            if ending is not None:
                return ending
            for key, events in self._selector.select(self._timeout_s(server)):
                key.data(events)

    # ---- looking at the agent

    def _tick(self, server: ControlServer) -> Ending | None:
        """Notice whatever changed; an ending when it is over."""
        now_us = self._clock.now_us()
        self._notice_stuck(now_us)
        status = self._overlaid(None)
        if status != self._shown:
            self._shown = status
            self._serial += 1
            self._notifier.status(one_line(status))
            server.changed()
        if status.first_pass_done:
            self._notifier.ready()
        server.expire()
        self._feed_watchdog(now_us)
        ending = self._ending(now_us)
        self._flush_journal()
        return ending

    def _notice_stuck(self, now_us: int) -> None:
        call = self._calls.current
        if call is not None and now_us - call.since_us < self._timing.stuck_after_us:
            call = None
        if call == self._stuck:
            return
        before, self._stuck = self._stuck, call
        if before is not None:
            since = self._wall.utc(before.since_us)
            self._tell(reports.CallReturned(call=before.name, since=since))
        if call is not None:
            since = self._wall.utc(call.since_us)
            self._tell(reports.CallStuck(call=call.name, since=since))

    def _tell(self, report: Report) -> None:
        self._journal.tell(report)
        self._recorder.tell(report, self._clock.now_us())

    def _overlaid(self, hold: Holder | None) -> Status:
        overlay = Overlay(stopping=self._stop_due_us is not None, stuck=self._stuck, hold=hold)
        return overlaid(self._thread.status or NOT_BEGUN, overlay, self._wall)

    def _feed_watchdog(self, now_us: int) -> None:
        interval_us = self._notifier.watchdog_interval_us
        if interval_us is None or now_us < self._feed_due_us:
            return
        self._feed_due_us = now_us + interval_us
        activity = self._thread.activity
        moved = (activity.steps, self._calls.count)
        if activity.waiting:
            alive = activity.deadline_us is None or now_us < activity.deadline_us + LATE_US
        else:
            alive = self._calls.current is not None or moved != self._fed
        self._fed = moved
        if alive:
            self._notifier.feed_watchdog()

    def _timeout_s(self, server: ControlServer) -> float | None:
        """How long nothing needs the main thread; None: until it is woken."""
        now_us = self._clock.now_us()
        due = [server.next_deadline_us(), self._stop_due_us]
        if self._notifier.watchdog_interval_us is not None:
            due.append(self._feed_due_us)
        activity = self._thread.activity
        if not activity.waiting and not self._thread.ended:
            first_us = activity.since_us + FIRST_LOOK_US
            due.append(first_us if now_us < first_us else now_us + LOOK_US)
        moments = [moment for moment in due if moment is not None]
        return max(0, min(moments) - now_us) / SECOND_US if moments else None

    def _flush_journal(self) -> None:
        self._journal.flush()
        if self._journal.blocked == self._journal_watched:
            return
        self._journal_watched = self._journal.blocked
        if self._journal_watched:
            self._selector.register(self._journal_fd, selectors.EVENT_WRITE, lambda _events: None)
        else:
            self._selector.unregister(self._journal_fd)

    # ---- the end

    def _take(self, signals: SignalPipe) -> None:
        for number in signals.take():
            if number == signal.SIGHUP:
                self._tell(reports.ReloadUnsupported())
            elif self._stop_due_us is None:
                self._tell(reports.StopAsked(signal=number.name))
                self._notifier.stopping()
                self._stop_due_us = self._clock.now_us() + self._timing.stop_grace_us
                self._thread.request_stop()

    def _ending(self, now_us: int) -> Ending | None:
        if self._thread.ended:
            return self._agents_ending()
        if self._stop_due_us is None or now_us < self._stop_due_us:
            return None
        call = self._calls.current
        if call is not None and now_us - call.since_us < self._timing.stop_grace_us:
            call = None
        status = self._thread.status or NOT_BEGUN
        self._tell(
            reports.StoppedWhileStuck(
                call="" if call is None else f"{call.name} since {self._wall.utc(call.since_us)}",
                state=status.state.value,
                steps_waiting=len(status.pending),
            )
        )
        return Ending(code=0, abandoned=True)

    def _agents_ending(self) -> Ending:
        refusal = self._thread.refusal
        if refusal is not None:
            self._journal.tell(reports.AlreadyRunning(detail=str(refusal)))
            return Ending(code=EXIT_CANNOT_CREATE)
        # Until it is joined, its traceback may not be written.
        abandoned = not self._thread.join(CRASH_PATIENCE_S)
        code = self._thread.exit_code
        if code is None:
            self._tell(reports.AgentCrashed())
            code = EXIT_CRASHED
        return Ending(code=code, abandoned=abandoned)

    # ---- the control socket's requests

    def _answer(self, request: Request, last: bool) -> Reply | None:  # noqa: FBT001 - ControlServer's Answer
        match request.get("request"):
            case "status":
                if request.get("after") == self._serial and not last:
                    return None
                return {**self._status_json(), "serial": self._serial}
            case "plan":
                status = self._overlaid(self._look_for_hold())
                return plan_json(status, status.steps, self._wall)
            case "forget":
                return self._forget(request.get("node"))
            case "dump":
                status = self._thread.status or NOT_BEGUN
                lines = self._recorder.dump(status, self._rules, self._wall)
                return {"schema": SCHEMA, "lines": lines}
            case other:
                raise BadRequestError(f"unknown request {other!r}")

    def _status_json(self) -> dict[str, object]:
        self._notice_stuck(self._clock.now_us())
        call = self._calls.current
        status = self._overlaid(self._look_for_hold())
        return status_json(status, call, self._wall, self._warnings())

    def _look_for_hold(self) -> Holder | None:
        """Ask who holds, which the agent does only when it has something to do."""
        cluster = (self._thread.status or NOT_BEGUN).cluster
        pid = None
        if cluster is not None:
            with contextlib.suppress(OSError):  # the agent tells of it when it needs it
                if cluster not in self._holds:
                    self._holds[cluster] = self._make_hold(cluster)
                pid = self._holds[cluster].holder()
        if pid is None:
            self._hold = None
        elif self._hold is None or self._hold.pid != pid:
            self._hold = Holder(pid=pid, since_us=self._clock.now_us())
        return self._hold

    def _forget(self, node: object) -> Reply:
        if not isinstance(node, str):
            raise BadRequestError("forget needs a node's name")
        status = self._thread.status or NOT_BEGUN
        if any(member.name == node for member in status.members):
            raise BadRequestError(f"{node} is a member of the cluster now: nothing to forget")
        if all(entry.name != node for entry in status.entries):
            raise BadRequestError(f"{node} is not in the table: nothing to forget")
        self._thread.request_forget(node)
        return {"schema": SCHEMA, "node": node, "accepted": True}
