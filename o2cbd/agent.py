"""The agent: the controller tied to the interfaces; synchronous, one step() at a time.

The same agent runs in production, under the service's thread, and in every simulation.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Sequence

from o2cbd.clock import Clock
from o2cbd.configfs.interface import NodeTree, NotConfigfsError
from o2cbd.core import effects, events
from o2cbd.core.controller import Controller
from o2cbd.core.frozen import frozen
from o2cbd.core.model import Status, Step
from o2cbd.core.reports import AnswerLost, Report, symbol
from o2cbd.core.rules import Rules
from o2cbd.hold.interface import Hold
from o2cbd.membership.interface import Connect, ManagerGoneError, MembershipSource, ReadFailedError
from o2cbd.usage.interface import UsageReader

HoldFactory = Callable[[str], Hold]
"""Makes the hold of a cluster, given the cluster's name."""

Journal = Callable[[Report], None]
"""Takes each report as it happens; must not block."""

Observer = Callable[[events.Event | effects.Effect, Status, int], None]
"""Hears of each event after it was observed and of each effect before it is done, in order, with
the status of that moment and the clock's time; must not block."""


@frozen
class Wait:
    """What the agent waits for before its next step."""

    fd: int | None
    """Wait for POLLIN on it; None while there is no connection. Valid for this wait only."""
    deadline_us: int | None
    """And not longer than until this moment of the clock; None: for ever."""


class Agent:
    """One daemon's mind and hands; lives in one thread.

    Call `step` again and again, waiting in between as it says. `forget` and `stop` may be called
    from any thread. They take effect in the next `step`, and in one that is under way before its
    next change of configfs.
    """

    def __init__(
        self,
        *,
        connect: Connect,
        tree: NodeTree,
        make_hold: HoldFactory,
        usage: UsageReader,
        clock: Clock,
        rules: Rules,
        journal: Journal,
        observer: Observer | None = None,
    ) -> None:
        self._connect = connect
        self._tree = tree
        self._make_hold = make_hold
        self._hold: Hold | None = None
        self._usage = usage
        self._clock = clock
        self._journal = journal
        self._observer = observer
        self._controller = Controller(rules)
        self._source: MembershipSource | None = None
        self._requests: deque[events.Event] = deque()
        self._exit_code: int | None = None
        self._unheard: int | None = None

    @property
    def status(self) -> Status:
        """What is known now; a frozen value that another thread may read."""
        return self._controller.status

    @property
    def exit_code(self) -> int | None:
        """Not None once the agent has ended: 0 after `stop`, 78 on settings that do not fit."""
        return self._exit_code

    def forget(self, node: str) -> None:
        """Note that the operator vouches for a lost node being down."""
        self._requests.append(events.ForgetAsked(node=node))

    def stop(self) -> None:
        """Note that the daemon is to end; an open shutdown question is answered first."""
        self._requests.append(events.StopAsked())

    def step(self) -> Wait:
        """Do everything that is due now.

        The descriptor is asked for after the last call to the manager: a call may have queued
        notices, and then it is another one.
        """
        self._work_off([*self._take_requests(), events.Woken()])
        if self._exit_code is not None:
            return Wait(fd=None, deadline_us=None)
        if self._source is None:
            return Wait(fd=None, deadline_us=self._controller.deadline_us)
        try:
            return Wait(fd=self._source.fileno(), deadline_us=self._controller.deadline_us)
        except OSError as error:
            # Without a descriptor nothing would ever be heard of this connection again.
            self._unheard = error.errno or errno.EBADF
            return Wait(fd=None, deadline_us=self._clock.now_us())

    def _take_requests(self) -> list[events.Event]:
        taken: list[events.Event] = []
        while self._requests:
            taken.append(self._requests.popleft())
        return taken

    def _work_off(self, first: Sequence[events.Event]) -> None:
        """Let each event cause its effects, and each effect its answers, before the next."""
        queue: deque[events.Event | effects.Effect] = deque(first)
        controller, observer = self._controller, self._observer
        while queue:
            item = queue.popleft()
            now_us = self._clock.now_us()
            if isinstance(item, effects.Effect):
                if observer is not None:
                    observer(item, controller.status, now_us)
                queue.extendleft(reversed(self._perform(item)))
            else:
                caused = controller.observe(item, now_us)
                if observer is not None:
                    observer(item, controller.status, now_us)
                queue.extendleft(reversed(caused))

    def _perform(self, effect: effects.Effect) -> Sequence[events.Event]:  # noqa: C901, PLR0911, PLR0912 - one arm an effect
        match effect:
            case effects.Connect():
                return (self._do_connect(),)
            case effects.Disconnect():
                self._do_disconnect()
            case effects.Dispatch():
                return self._do_dispatch()
            case effects.ReadMembership():
                return (self._read_membership(),)
            case effects.ReadTables():
                return (self._read_tables(effect),)
            case effects.TakeHold():
                return (self._take_hold(effect.cluster),)
            case effects.ReleaseHold():
                if self._hold is not None:
                    self._hold.release()
            case effects.DoStep():
                return (self._do_step(effect.step),)
            case effects.ReadUsage():
                return (events.UsageRead(usage=self._usage.read(effect.cluster)),)
            case effects.ReplyShutdown():
                return self._reply(yes=effect.yes)
            case effects.Tell():
                self._journal(effect.report)
            case _:
                self._exit_code = effect.code
                self._close()
        return ()

    # --- the manager ----------------------------------------------------------------------------

    def _do_connect(self) -> events.Event:
        try:
            self._source = self._connect()
        except OSError as error:
            return events.ConnectFailed(errno=error.errno or 0, detail=_what_and_errno(error))
        return events.Connected()

    def _do_disconnect(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

    def _do_dispatch(self) -> Sequence[events.Event]:
        notices: Sequence[events.Event] = () if self._source is None else self._source.dispatch()
        unheard, self._unheard = self._unheard, None
        if unheard is not None:
            notices = (*notices, events.ManagerLost(errno=unheard))
        return (*self._take_requests(), *notices, events.Dispatched())

    def _connected(self) -> MembershipSource:
        if self._source is None:
            raise ManagerGoneError(errno.ENOTCONN, "there is no connection")
        return self._source

    def _read_membership(self) -> events.Event:
        try:
            membership = self._connected().snapshot()
        except ManagerGoneError as error:
            return events.ManagerLost(errno=error.errno or 0)
        except ReadFailedError as error:
            return events.MembershipReadFailed(errno=error.errno or 0, detail=_what(error))
        except OSError as error:
            return events.MembershipReadFailed(errno=error.errno or 0)
        return events.MembershipRead(membership=membership)

    def _reply(self, *, yes: bool) -> Sequence[events.Event]:
        try:
            self._connected().reply_shutdown(yes)
        except ManagerGoneError as error:
            return (events.ManagerLost(errno=error.errno or 0),)
        except OSError as error:
            # Not sent again, since two answers count as two; and the connection is kept, since its
            # end counts as a yes and a missing answer as a no.
            self._journal(AnswerLost(yes=yes, errno=error.errno or 0))
        return ()

    # --- configfs -------------------------------------------------------------------------------

    def _read_tables(self, wanted: effects.ReadTables) -> events.Event:
        try:
            tables = self._tree.read(
                wanted.cluster,
                own=wanted.own,
                attributes=wanted.attributes,
                fresh=wanted.fresh,
            )
        except NotConfigfsError as error:
            return events.TablesReadFailed(errno=error.errno or 0, detail=_where_and_what(error))
        except OSError as error:
            where = f" at {error.filename}" if error.filename else ""
            detail = f"cannot read configfs{where}"
            return events.TablesReadFailed(errno=error.errno or 0, detail=detail)
        return events.TablesRead(tables=tables)

    def _do_step(self, step: Step) -> events.Event:
        try:
            self._tree.do(step)
        except OSError as error:
            where = error.filename or ""
            detail = _where_and_what(error) if isinstance(error, NotConfigfsError) else str(where)
            return events.StepFailed(step=step, errno=error.errno or 0, detail=detail)
        return events.StepDone(step=step)

    def _take_hold(self, cluster: str) -> events.Event:
        try:
            if self._hold is None:
                self._hold = self._make_hold(cluster)
            holder = self._hold.take()
        except OSError as error:
            return events.HoldFailed(errno=error.errno or 0, detail=_beyond_errno(error))
        return events.HoldTaken() if holder is None else events.HoldRefused(pid=holder)

    def _close(self) -> None:
        if self._hold is not None:
            self._hold.close()
        self._tree.close()


def _beyond_errno(error: OSError) -> str:
    """Return what an error says beyond its errno, and of what; empty where that is nothing."""
    if error.filename is None or error.strerror == os.strerror(error.errno or 0):
        return ""
    return _where_and_what(error)


def _what(error: OSError) -> str:
    return error.strerror or str(error)


def _what_and_errno(error: OSError) -> str:
    return _what(error) if error.errno is None else f"{_what(error)} ({symbol(error.errno)})"


def _where_and_what(error: OSError) -> str:
    """Return what an error says for the operator, without its errno, which is told beside it."""
    return f"{error.filename}: {_what(error)}" if error.filename else _what(error)
