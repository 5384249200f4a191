"""The agent's thread: its own signals, stack and waits, and nobody else's hands on the agent."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from o2cbd.agent import Wait
from o2cbd.clock import MonotonicClock
from o2cbd.service.agent_thread import STACK_BYTES, AgentThread
from o2cbd.service.locks import AlreadyRunningError
from o2cbd.service.wakeup import Wakeup
from tests.o2cbd.service.conftest import House


@pytest.fixture
def started(house: House) -> Iterator[AgentThread]:
    """A thread around the house's scripted agent, without a daemon."""
    woken = Wakeup()
    thread = AgentThread(house.make_agent, MonotonicClock(), woken)
    house.thread = thread
    yield thread
    house.release.set()
    if thread._thread.ident is not None:
        thread.request_stop()
        assert thread.join(20)
    thread.close()
    woken.close()


def test_every_signal_is_blocked_in_the_thread_and_none_in_the_caller(
    house: House, started: AgentThread
) -> None:
    """The kernel's own list of the thread's blocked signals has all that can be blocked."""
    masks: list[int] = []

    def look(_agent: Any) -> None:
        status = Path(f"/proc/self/task/{threading.get_native_id()}/status").read_text()
        blocked = next(line for line in status.splitlines() if line.startswith("SigBlk"))
        masks.append(int(blocked.split()[1], 16))

    house.agent.script = look
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    started.start()
    house.until(lambda: masks)

    blockable = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    assert [number for number in blockable if not masks[0] >> (number - 1) & 1] == []
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_stack_is_large_for_this_thread_only(
    house: House, started: AgentThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads of others keep the size that they had."""
    asked: list[int] = []
    real = threading.stack_size

    def recorded(size: int = 0) -> int:
        asked.append(size)
        return real(size)

    monkeypatch.setattr(threading, "stack_size", recorded)
    started.start()

    assert asked == [STACK_BYTES, 0]
    assert STACK_BYTES >= 8 * 1024 * 1024


def test_requests_reach_an_agent_that_is_inside_a_step(house: House, started: AgentThread) -> None:
    """A first fill is one step, and a stop must not wait for its end."""
    seen: list[tuple[list[str], int]] = []

    def work(agent: Any) -> None:
        if not seen:
            house.until(lambda: agent.stops)
            seen.append((list(agent.forgotten), agent.stops))

    house.agent.script = work
    started.start()
    house.until(lambda: house.agent.steps)
    started.request_forget("a")
    started.request_stop()
    assert started.join(20)

    assert (seen, started.exit_code) == ([(["a"], 1)], 0)


def test_requests_before_there_is_an_agent_are_kept(house: House, started: AgentThread) -> None:
    """SIGTERM may come while it is made."""
    make, asked = house.make_agent, threading.Event()

    def make_late() -> Any:
        assert asked.wait(20)
        return make()

    started._make_agent = make_late
    started.start()
    started.request_stop()
    asked.set()
    assert started.join(20)
    assert (house.agent.stops, started.exit_code) == (1, 0)


def test_requests_come_in_order_and_the_agent_lives_in_its_own_thread(
    house: House, started: AgentThread
) -> None:
    """The agent is made and driven in one thread, which is not the caller's."""
    started.start()
    started.request_forget("a")
    started.request_forget("b")
    house.until(lambda: house.agent.forgotten == ["a", "b"])
    started.request_stop()
    assert started.join(20)

    assert len(house.agent.threads) == 1
    assert threading.get_ident() not in house.agent.threads
    assert (started.ended, started.exit_code) == (True, 0)


def test_readable_descriptor_wakes_the_agent(house: House, started: AgentThread) -> None:
    """The descriptor of each wait is the one that is waited on."""
    first, second = os.pipe(), os.pipe()
    house.agent.wait = Wait(fd=first[0], deadline_us=None)

    def take(agent: Any) -> None:
        if agent.steps == 2:
            os.read(first[0], 1)
            agent.wait = Wait(fd=second[0], deadline_us=None)
        if agent.steps == 3:
            os.read(second[0], 1)

    house.agent.script = take
    started.start()
    house.until(lambda: started.activity.waiting)
    os.write(first[1], b"x")
    house.until(lambda: house.agent.steps == 2 and started.activity.waiting)
    os.write(second[1], b"x")
    house.until(lambda: house.agent.steps == 3 and started.activity.waiting)
    started.request_stop()
    assert started.join(20)
    for fd in (*first, *second):
        os.close(fd)


def test_descriptor_that_epoll_refuses_is_no_hindrance(house: House, started: AgentThread) -> None:
    """libcman hands out /dev/zero while it holds events back."""
    zero = os.open("/dev/zero", os.O_RDONLY)
    house.agent.wait = Wait(fd=zero, deadline_us=None)
    started.start()
    house.until(lambda: house.agent.steps > 3)
    started.request_stop()
    assert started.join(20)
    os.close(zero)


def test_deadline_wakes_the_agent_and_never_early(house: House, started: AgentThread) -> None:
    """A wait ends at its deadline or after it."""
    clock = MonotonicClock()
    due = clock.now_us() + 30_500
    seen: list[int] = []
    house.agent.wait = Wait(fd=None, deadline_us=due)

    def note(agent: Any) -> None:
        seen.append(clock.now_us())
        if agent.steps == 2:
            agent.wait = Wait(fd=None, deadline_us=None)

    house.agent.script = note
    started.start()
    house.until(lambda: len(seen) == 2)

    assert seen[1] >= due


def test_deadline_in_the_past_is_now(house: House, started: AgentThread) -> None:
    """A deadline that has passed is waited for no longer."""
    house.agent.wait = Wait(fd=None, deadline_us=0)
    started.start()
    house.until(lambda: house.agent.steps > 2)

    assert not started.ended


def test_refused_lock_is_kept_for_the_main_thread(house: House, started: AgentThread) -> None:
    """The refusal ends the thread without an exit code, and says why."""
    house.refuse = AlreadyRunningError(7, "/c")
    started.start()
    assert started.join(20)

    assert (started.ended, started.exit_code, started.refusal) == (True, None, house.refuse)
    assert started.status is None


def test_crash_is_told_by_the_end_and_the_hook(
    house: House, started: AgentThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected exception reaches the hook whole and leaves no exit code."""
    seen: list[object] = []
    monkeypatch.setattr("threading.excepthook", lambda args: seen.append(args.exc_value))
    house.refuse = RuntimeError("a bug")
    started.start()
    assert started.join(20)

    assert seen == [house.refuse]
    assert (started.ended, started.exit_code, started.refusal) == (True, None, None)
