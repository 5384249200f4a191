"""The plan without a daemon: manager and configfs are read here, without becoming a voter."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock, WallClock
from o2cbd.commands.common import Failure, os_failure
from o2cbd.commands.foresight import after
from o2cbd.configfs.interface import NodeTree, NotConfigfsError
from o2cbd.configfs.tree import OsNodeTree
from o2cbd.core.changes import left_out_changes
from o2cbd.core.exit_codes import (
    EXIT_BAD_SETTINGS,
    EXIT_TRY_AGAIN,
    EXIT_UNAVAILABLE,
)
from o2cbd.core.frozen import frozen
from o2cbd.core.model import (
    Holder,
    LeftOut,
    Membership,
    Node,
    Pending,
    State,
    Status,
    Step,
    Tables,
    Why,
)
from o2cbd.core.policy import desired_table
from o2cbd.core.reports import counted, process, spell
from o2cbd.core.rules import Rules
from o2cbd.core.view import View
from o2cbd.core.work import ROUNDS_MAX
from o2cbd.hold.semaphore import SysvHold
from o2cbd.membership.sources import open_unheard
from o2cbd.service.agent_thread import STACK_BYTES
from o2cbd.service.view import plan_json
from o2cbd.settings import DaemonSettings

_HEARTBEAT_MODE: Final = ("heartbeat/mode",)

_T = TypeVar("_T")

PATIENCE_S = 10.0
"""libcman has no time-outs; a manager that is stuck for so long has none for us."""


@frozen
class _Reading:
    view: View
    tables: Tables | None
    """None: nothing may be done, so they were not read."""
    holder: int | None = None
    """The pid of somebody who holds the semaphore (0: unknown)."""


@frozen
class WantedTable:
    """What should be in the kernel, and what is."""

    cluster: str
    nodes: tuple[Node, ...]
    left_out: tuple[LeftOut, ...]
    tables: Tables | None
    """Of whatever cluster the kernel has; None: there is no o2cb configfs."""


@frozen
class Configured:
    """What manager and settings come to, whatever the kernel has."""

    table: tuple[str, ...]
    """The nodes that would be in the table, and notices, a line each."""
    problems: tuple[str, ...]
    """What is to be changed, a line each, the first of them why nothing would be done."""


def configured_here(settings: DaemonSettings) -> Configured:
    """Read the manager once.

    Raises:
        Failure: it cannot be read, or has another cluster than the operator named.
    """
    calls = CallBoard(MonotonicClock())
    return configured(_with_patience(lambda: _read_view(settings, calls), calls))


def configured(view: View) -> Configured:
    """Return what a daemon that knows this would say of the configuration."""
    desired = view.desire()
    view.block(view.no_step())
    reason = _status(view, ()).reason
    others = [one for one in desired.left_out if f"(id {one.id}) is excluded: " not in reason]
    left_out = [one for one in others if not one.device]
    return Configured(
        table=(
            f"cluster {spell(view.cluster or '(none)')}, {counted(len(desired.nodes), 'node')}",
            *(
                f"  {each.num} {spell(each.name)} {each.address}:{each.port}"
                for each in desired.nodes
            ),
            *(one.text for one in desired.remarks if not one.warning),
        ),
        problems=(
            *filter(None, [reason]),
            *(report.text for report in left_out_changes((), left_out)),
            *(one.text for one in desired.remarks if one.warning),
        ),
    )


def plan_here(settings: DaemonSettings) -> dict[str, Any]:
    """Read and compare once.

    Raises:
        Failure: the manager or configfs cannot be read.
    """
    clock = MonotonicClock()
    calls = CallBoard(clock)
    reading = _with_patience(lambda: _read(settings, calls), calls)
    status, steps = compare(reading.view, reading.tables, settings.rules)
    # Nobody has seen before what waits: it does since now.
    now_us = clock.now_us()
    if reading.holder is not None:
        status, steps = kept_back(status, steps, Holder(pid=reading.holder, since_us=now_us))
    pending = tuple(replace(one, since_us=now_us) for one in status.pending)
    return plan_json(replace(status, pending=pending), steps, WallClock(clock))


def compare(view: View, tables: Tables | None, rules: Rules) -> tuple[Status, tuple[Step, ...]]:
    """Return what a daemon that starts now would do, in order, and what would wait.

    Args:
        view: what it would know.
        tables: what it would read; None: it would do nothing.
        rules: what it would be told.
    """
    if tables is None:
        return _status(view, ()), ()
    settled_us = view.settled_us  # what it would be a moment later
    steps: list[Step] = []
    found = view.compare(tables, {}, settled_us)
    foreseen = tables
    for _ in range(ROUNDS_MAX):
        news = [step for step in found.steps if step not in steps]
        if not news:
            break
        steps += news
        foreseen = after(foreseen, news, rules.attributes)
        found = view.compare(foreseen, {}, settled_us)
    view.settled(replace(found, steps=tuple(steps)))
    return replace(_status(view, found.pending), entries=tables.entries), tuple(steps)


def _status(view: View, pending: tuple[Pending, ...]) -> Status:
    return view.status(stopping=False, lost=False, pending=pending, hold=None, vote=None, steps=())


def kept_back(
    status: Status, steps: tuple[Step, ...], holder: Holder
) -> tuple[Status, tuple[Step, ...]]:
    """Let everything wait for the release of the semaphore."""
    if not steps:
        return replace(status, hold=holder), ()
    reason = f"{process(holder.pid)} holds the semaphore; waiting for its release"
    held = tuple(Pending(step=step, why=Why.HELD, reason=reason) for step in steps)
    return (
        replace(status, state=State.HELD, hold=holder, pending=(*status.pending, *held)),
        (),
    )


def view_of(membership: Membership, rules: Rules) -> View:
    """Return what a daemon would know after this reading.

    Raises:
        Failure: the cluster is not the one that the operator named.
    """
    view = View(rules)
    wrong = view.take(membership, 0)
    if wrong is not None:
        raise Failure(EXIT_BAD_SETTINGS, wrong.text)
    return view


def _read_view(settings: DaemonSettings, calls: CallBoard) -> View:
    return view_of(_read_membership(settings, calls), settings.rules)


def _read(settings: DaemonSettings, calls: CallBoard) -> _Reading:
    view = _read_view(settings, calls)
    problem = view.no_step()
    if problem or view.cluster is None:
        view.desire()
        view.block(problem)
        return _Reading(view=view, tables=None)
    tree = OsNodeTree(settings.paths.configfs, settings.paths.debugfs, calls)
    return _Reading(
        view=view,
        tables=_read_tables(tree, view.cluster, view.own_name, settings.rules),
        holder=_read_holder(settings, view.cluster),
    )


def _read_membership(settings: DaemonSettings, calls: CallBoard) -> Membership:
    """Read it over a connection that never subscribes: who subscribes is asked to vote."""
    try:
        source = open_unheard(settings, calls)
        try:
            return source.snapshot()
        finally:
            source.close()
    except OSError as error:
        raise os_failure(error, "cannot read the cluster manager") from None


def _read_tables(tree: NodeTree, cluster: str, own: str | None, rules: Rules) -> Tables:
    try:
        return tree.read(
            cluster,
            own=own,
            attributes=tuple(sorted(rules.attributes)),
            fresh=True,
        )
    except OSError as error:
        raise os_failure(error, "cannot read configfs") from None
    finally:
        tree.close()


def _read_holder(settings: DaemonSettings, cluster: str) -> int | None:
    try:
        return SysvHold(settings.hold.name_for(cluster)).holder()
    except OSError as error:
        raise os_failure(error, "cannot read the semaphore") from None


def wanted_here(settings: DaemonSettings) -> WantedTable:
    """Read once what a daemon that starts now would want, and what is in the kernel.

    Raises:
        Failure: the manager or configfs cannot be read, or a daemon would do nothing at all.
    """
    calls = CallBoard(MonotonicClock())
    return _with_patience(lambda: _read_wanted(settings, calls), calls)


def _read_wanted(settings: DaemonSettings, calls: CallBoard) -> WantedTable:
    membership = _read_membership(settings, calls)
    view = view_of(membership, settings.rules)
    problem = view.no_step()
    if problem or view.cluster is None:
        raise Failure(EXIT_UNAVAILABLE, f"no desired table: {problem}")
    tables = _read_whatever_is_there(settings, view.cluster, calls)
    ours = tables is not None and tables.clusters == (view.cluster,)
    desired = desired_table(
        membership, settings.rules.table, tables.entries if ours and tables is not None else ()
    )
    return WantedTable(
        cluster=view.cluster, nodes=desired.nodes, left_out=desired.left_out, tables=tables
    )


def _read_whatever_is_there(
    settings: DaemonSettings, cluster: str, calls: CallBoard
) -> Tables | None:
    """Read the cluster that the kernel has, whatever its name; None: no configfs is there."""
    tree = OsNodeTree(settings.paths.configfs, settings.paths.debugfs, calls)
    try:
        tables = tree.read(cluster, own=None, attributes=_HEARTBEAT_MODE, fresh=True)
        others = [name for name in tables.clusters if name != cluster]
        if len(others) == len(tables.clusters) == 1:
            tables = tree.read(others[0], own=None, attributes=_HEARTBEAT_MODE, fresh=True)
    except NotConfigfsError:
        return None
    except OSError as error:
        raise os_failure(error, "cannot read configfs") from None
    finally:
        tree.close()
    return tables


def _with_patience(read: Callable[[], _T], calls: CallBoard) -> _T:
    """Run it in a thread of its own, since a call that is stuck can be left in no other way."""
    results: queue.Queue[_T | Failure] = queue.Queue()

    def work() -> None:
        try:
            results.put(read())
        except Failure as failure:
            results.put(failure)

    size = threading.stack_size(STACK_BYTES)
    try:
        threading.Thread(target=work, name="reader", daemon=True).start()
    finally:
        threading.stack_size(size)
    try:
        result = results.get(timeout=PATIENCE_S)
    except queue.Empty:
        call = calls.current
        where = f" in {call.name}" if call is not None else ""
        Failure(EXIT_TRY_AGAIN, f"no answer for {PATIENCE_S:g} s{where}").show()
        os._exit(EXIT_TRY_AGAIN)
    if isinstance(result, Failure):
        raise result
    return result
