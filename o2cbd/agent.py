"""The agent: the controller tied to the interfaces; synchronous, one step() at a time.

The same agent runs in production, under the service's thread, and in every simulation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from o2cbd.clock import Clock
from o2cbd.configfs.interface import NodeTree, NotConfigfsError
from o2cbd.core import effects, events
from o2cbd.core.controller import Controller
from o2cbd.core.model import Status
from o2cbd.core.reports import Report
from o2cbd.core.rules import Rules
from o2cbd.hold.interface import Hold
from o2cbd.membership.interface import Connect, ManagerGoneError, MembershipSource
from o2cbd.usage.interface import UsageReader

HoldFactory = Callable[[str], Hold]
"""Makes the hold of a cluster, given the cluster's name."""

Journal = Callable[[Report], None]
"""Takes each report as it happens; must not block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What the agent waits for before its next step."""

    fd: int | None
    """Wait for POLLIN on it; None while there is no connection. Valid for this wait only."""
    deadline_us: int | None
    """And not longer than until this moment of the clock; None: for ever."""


class Agent:
    """One daemon's mind and hands; every method is called from one thread.

    Call `step` again and again, waiting in between as it says. `forget` and `stop` take effect
    in the next `step`.
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
    ) -> None:
        self._connect = connect
        self._tree = tree
        self._make_hold = make_hold
        self._hold: Hold | None = None
        self._usage = usage
        self._clock = clock
        self._journal = journal
        self._controller = Controller(rules)
        self._source: MembershipSource | None = None
        self._requests: deque[events.Event] = deque()
        self._exit_code: int | None = None

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
        """Do everything that is due now."""
        raise NotImplementedError
