"""The agent's own thread: it blocks in libraries without time-outs so that the main one never does.

The agent, its source, tree and hold are made, used and closed in this thread only.
"""

from __future__ import annotations

import contextlib
import select
import signal
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from o2cbd.agent import Wait
from o2cbd.clock import Clock
from o2cbd.core.frozen import frozen
from o2cbd.core.model import Status
from o2cbd.service.locks import AlreadyRunningError
from o2cbd.service.wakeup import Wakeup

STACK_BYTES = 8 * 1024 * 1024
"""libquorum's dispatch alone puts 1 MiB on the stack."""


class Mind(Protocol):
    """The part of `o2cbd.agent.Agent` that the thread drives."""

    @property
    def status(self) -> Status:
        """The status after the last step."""
        ...

    @property
    def exit_code(self) -> int | None:
        """The code to exit with; None while the agent runs."""
        ...

    def forget(self, node: str) -> None:
        """Accept the operator's word that a lost node is down."""
        ...

    def stop(self) -> None:
        """Begin to end; an open question is answered first."""
        ...

    def step(self) -> Wait:
        """Do everything that is due now, and return what to wait for."""
        ...


@frozen
class Activity:
    """What the agent's thread does, as it said last."""

    steps: int
    """How many steps have begun."""
    since_us: int
    waiting: bool
    """It waits between two steps; else it is inside one."""
    deadline_us: int | None = None
    """Waiting: not longer than until then."""


class AgentThread:
    """Runs one agent; every method but the thread's own is called by the main thread.

    Shared are only frozen values, swapped whole, and one wake-up each way.
    """

    def __init__(self, make_agent: Callable[[], Mind], clock: Clock, to_main: Wakeup) -> None:
        """Start nothing yet.

        Args:
            make_agent: called in the thread; may raise AlreadyRunningError, which ends it.
            clock: the agent's.
            to_main: set when a step begins, when the agent waits again, and at the end.
        """
        self._make_agent = make_agent
        self._clock = clock
        self._to_main = to_main
        self._to_agent = Wakeup()
        self._requests: deque[Callable[[Mind], None]] = deque()
        self._agent: Mind | None = None
        self._activity = Activity(steps=0, since_us=clock.now_us(), waiting=False)
        self._refusal: AlreadyRunningError | None = None
        self._ended = False
        # A thread that a library never gives back must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)

    def start(self) -> None:
        """Start the thread, all signals blocked in it from its first instruction on."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        size = threading.stack_size(STACK_BYTES)
        try:
            self._thread.start()
        finally:
            threading.stack_size(size)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    @property
    def status(self) -> Status | None:
        """The agent's status of this moment; None before there is an agent."""
        agent = self._agent
        return None if agent is None else agent.status

    @property
    def activity(self) -> Activity:
        """What the thread does."""
        return self._activity

    @property
    def ended(self) -> bool:
        """True when the thread does nothing any more."""
        return self._ended

    @property
    def exit_code(self) -> int | None:
        """What the agent ended with; None while it has not, or when it crashed."""
        agent = self._agent
        return None if agent is None else agent.exit_code

    @property
    def refusal(self) -> AlreadyRunningError | None:
        """Why the agent ended without an exit code of its own; None when it did not, or crashed."""
        return self._refusal

    def request_forget(self, node: str) -> None:
        """Have the agent forget a lost node."""
        self._request(lambda agent: agent.forget(node))

    def request_stop(self) -> None:
        """Have the agent end."""
        self._request(lambda agent: agent.stop())

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; True when it came."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def close(self) -> None:
        """Give the wake-up back, once the thread has ended."""
        self._to_agent.close()

    def _request(self, request: Callable[[Mind], None]) -> None:
        self._requests.append(request)
        self._hand_over()
        self._to_agent.set()

    def _hand_over(self) -> None:
        """Give the agent what is asked of it: by the main thread at once, since a step may be long.

        By the agent's own thread, too: what was asked for before there was an agent.
        """
        agent = self._agent
        while agent is not None and self._requests:
            with contextlib.suppress(IndexError):  # the other thread was faster
                self._requests.popleft()(agent)

    # ---- in the thread

    def _run(self) -> None:
        """Live; an exception that is not expected goes to threading.excepthook, told to main."""
        try:
            self._agent = agent = self._make_agent()
            self._live(agent)
        except AlreadyRunningError as refusal:
            self._refusal = refusal
        finally:
            self._ended = True
            self._to_main.set()

    def _live(self, agent: Mind) -> None:
        steps = 0
        while agent.exit_code is None:
            self._to_agent.clear()
            self._hand_over()
            steps += 1
            now_us = self._clock.now_us()
            self._activity = Activity(steps=steps, since_us=now_us, waiting=False)
            self._to_main.set()
            wait = agent.step()
            if agent.exit_code is None:
                now_us = self._clock.now_us()
                self._activity = Activity(
                    steps=steps, since_us=now_us, waiting=True, deadline_us=wait.deadline_us
                )
                self._to_main.set()
                self._wait(wait, now_us)

    def _wait(self, wait: Wait, now_us: int) -> None:
        # poll(2) and nothing else: the manager's descriptor may be one that epoll refuses.
        poll = select.poll()
        poll.register(self._to_agent.fileno(), select.POLLIN)
        if wait.fd is not None:
            poll.register(wait.fd, select.POLLIN)
        timeout_ms = None
        if wait.deadline_us is not None:
            timeout_ms = max(0, -((now_us - wait.deadline_us) // 1000))  # rounded up
        poll.poll(timeout_ms)
