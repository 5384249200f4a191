"""The real agent with a watch on its hands: how long it is in configfs, and how long in cman."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any

from o2cbd import settings_file
from o2cbd.agent import Agent, Wait
from o2cbd.calls import CallBoard
from o2cbd.clock import Clock, MonotonicClock
from o2cbd.configfs.interface import NodeTree
from o2cbd.configfs.tree import OsNodeTree
from o2cbd.core.events import Notice
from o2cbd.core.model import Membership, Step, Tables
from o2cbd.hold.semaphore import SysvHold
from o2cbd.membership.interface import Connect, MembershipSource
from o2cbd.membership.sources import make_connect
from o2cbd.service.journal import Journal
from o2cbd.service.locked_tree import LockedTree
from o2cbd.service.locks import lock_configfs
from o2cbd.settings import LogFormat, LogSettings
from o2cbd.usage.reader import HostUsage


class PartTimes:
    """Adds up the seconds spent in each part."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = {}

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        """Count what happens inside to this part."""
        begin = perf_counter()
        try:
            yield
        finally:
            self.spent_s[part] = self.spent_s.get(part, 0.0) + perf_counter() - begin

    def take(self) -> dict[str, float]:
        """Return the sums and begin anew."""
        spent, self.spent_s = self.spent_s, {}
        return spent


class _TimedTree:
    """A node tree under watch; see `NodeTree`."""

    def __init__(self, tree: NodeTree, watch: PartTimes) -> None:
        self._tree = tree
        self._watch = watch

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        with self._watch.on("tables"):
            return self._tree.read(cluster, own=own, attributes=attributes, fresh=fresh)

    def do(self, step: Step) -> None:
        with self._watch.on("steps"):
            self._tree.do(step)

    def close(self) -> None:
        self._tree.close()


class _TimedSource:
    """A membership source under watch; see `MembershipSource`."""

    def __init__(self, source: MembershipSource, watch: PartTimes) -> None:
        self._source = source
        self._watch = watch

    def fileno(self) -> int:
        return self._source.fileno()

    def dispatch(self) -> tuple[Notice, ...]:
        with self._watch.on("notices"):
            return self._source.dispatch()

    def snapshot(self) -> Membership:
        with self._watch.on("membership"):
            return self._source.snapshot()

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - as in MembershipSource
        self._source.reply_shutdown(yes)

    def close(self) -> None:
        self._source.close()


class TimedAgent:
    """One agent, its journal and its watch. Close it."""

    def __init__(
        self, agent: Agent, clock: Clock, journal: Journal, watch: PartTimes, null_fd: int
    ) -> None:
        self._agent = agent
        self._clock = clock
        self._journal = journal
        self._null_fd = null_fd
        self._wait = Wait(fd=None, deadline_us=None)
        self.watch = watch

    def step(self) -> None:
        """Do one step, and write what it tells, as the daemon's other thread would."""
        self._wait = self._agent.step()
        with self.watch.on("journal"):
            self._journal.flush()

    def readable(self, timeout_ms: int) -> bool:
        """Wait for a notice; True when there is one."""
        return self._poll(timeout_ms)

    def wait(self, timeout_ms: int) -> None:
        """Wait as the agent asked for, and not longer than this."""
        deadline_us = self._wait.deadline_us
        if deadline_us is not None:
            due_ms = max(0, deadline_us - self._clock.now_us()) // 1000 + 1
            timeout_ms = min(timeout_ms, due_ms)
        self._poll(timeout_ms)

    def _poll(self, timeout_ms: int) -> bool:
        poll = select.poll()
        if self._wait.fd is not None:
            poll.register(self._wait.fd, select.POLLIN)
        return bool(poll.poll(timeout_ms))

    @property
    def reason(self) -> str:
        """Why the agent does nothing."""
        return self._agent.status.reason

    @property
    def complete_names(self) -> frozenset[str]:
        """Return who is in the table, as read back, with all values."""
        return frozenset(each.name for each in self._agent.status.entries if each.complete)

    def close(self) -> None:
        """End it as SIGTERM does; the table stays."""
        self._agent.stop()
        while self._agent.exit_code is None:
            self._agent.step()
        self._journal.finish()
        os.close(self._null_fd)


def make_timed_agent(*, libcman: str | None, places: dict[str, Any]) -> TimedAgent:
    """Tie the parts together as `o2cbd run` does, with a watch between them.

    Args:
        libcman: the library to load.
        places: what `fakecluster serve` announced of the host.
    """
    watch, clock = PartTimes(), MonotonicClock()
    calls = CallBoard(clock)
    settings = settings_file.load(os.path.join(places["socket_dir"], "o2cbd.toml"))  # noqa: PTH118 - text stays text
    configfs = places["configfs"]
    null_fd = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    journal = Journal(null_fd, LogSettings(), clock, format=LogFormat.JOURNAL)

    def make_hold(cluster: str) -> SysvHold:
        return SysvHold(settings.hold.name_for(cluster), settings.hold.mode)

    tree = LockedTree(
        OsNodeTree(configfs, places["debugfs"], calls), configfs, lock_configfs, calls
    )
    agent = Agent(
        connect=_timed(
            make_connect(replace(settings, libcman=libcman), calls, lambda: None), watch
        ),
        tree=_TimedTree(tree, watch),
        make_hold=make_hold,
        usage=HostUsage(
            configfs_path=configfs, mounts_path=places["mounts"], make_hold=make_hold, calls=calls
        ),
        clock=clock,
        rules=settings.rules,
        journal=journal.tell,
    )
    return TimedAgent(agent, clock, journal, watch, null_fd)


def _timed(connect: Connect, watch: PartTimes) -> Connect:
    return lambda: _TimedSource(connect(), watch)
