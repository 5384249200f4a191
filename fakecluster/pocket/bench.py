"""The agent on a pocket host, with time in the hand of the test."""

from __future__ import annotations

from typing import TypeVar

from fakecluster.pocket.examples import membership
from fakecluster.pocket.kernel import PocketKernel
from fakecluster.pocket.parts import PocketClock, PocketHold, PocketManager, PocketUsage
from o2cbd.agent import Agent, Wait
from o2cbd.core.model import Membership, Pending, Status, Step
from o2cbd.core.reports import Report
from o2cbd.core.rules import RemovalRules, Rules

STEPS_MAX = 100
"""So many steps at one moment are no work, they are a loop."""

AT_ONCE = Rules(removals=RemovalRules(settle_us=0))
"""What a test of decisions goes by that has none of its own: a removal waits for no moment."""

_R = TypeVar("_R", bound=Report)


class Bench:
    """One host; everything on it can be looked at and changed between steps."""

    def __init__(self, now: Membership | None = None, rules: Rules | None = None) -> None:
        self.clock = PocketClock()
        self.kernel = PocketKernel()
        self.manager = PocketManager(now or membership(1, 2, 3))
        self.hold = PocketHold()
        self.usage = PocketUsage()
        self.told: list[Report] = []
        self.rules = rules or AT_ONCE
        self.agent = self.start()

    def start(self) -> Agent:
        """Start a daemon anew on what is there, as after a kill."""
        self.agent = Agent(
            connect=self.manager.connect,
            tree=self.kernel,
            make_hold=self._hold_of,
            usage=self.usage,
            clock=self.clock,
            rules=self.rules,
            journal=self.told.append,
        )
        return self.agent

    def _hold_of(self, cluster: str) -> PocketHold:
        del cluster
        return self.hold

    @property
    def status(self) -> Status:
        """What the daemon says."""
        return self.agent.status

    @property
    def pending(self) -> dict[Step, Pending]:
        """What is pending, by step."""
        return {one.step: one for one in self.status.pending}

    def step(self) -> Wait:
        """Let the agent do what is due."""
        return self.agent.step()

    def settle(self) -> Wait:
        """Step until nothing is due at this moment.

        Raises:
            AssertionError: something is due again and again.
        """
        for _ in range(STEPS_MAX):
            wait = self.step()
            if wait.deadline_us is None or wait.deadline_us > self.clock.now_us():
                return wait
        raise AssertionError(f"still due after {STEPS_MAX} steps at one moment")

    def run_for(self, duration_us: int) -> None:
        """Let time pass, waking the agent at each of its deadlines."""
        end_us = self.clock.now_us() + duration_us
        wait = self.settle()
        while wait.deadline_us is not None and wait.deadline_us <= end_us:
            self.clock.moment_us = wait.deadline_us
            wait = self.settle()
        self.clock.moment_us = end_us

    def heard(self, kind: type[_R]) -> list[_R]:
        """Return the reports of one kind."""
        return [one for one in self.told if isinstance(one, kind)]
