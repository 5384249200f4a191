"""One host for tests of the agent's decisions: the real agent and node tree on a model of configfs.

Manager, semaphore and usage are scripted, and time moves as the test decides.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fakecluster.clock import VirtualClock
from fakecluster.configfs.direct import DirectTree
from fakecluster.configfs.journal import Call
from fakecluster.configfs.kernel import ClusterState, NodeState
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.testing.examples import CLUSTER, address_of, membership, name_of, node
from o2cbd.agent import Agent, Wait
from o2cbd.core.events import ManagerLost, Notice, ShutdownAsked, StateChange
from o2cbd.core.model import (
    UNSET_ADDRESS,
    AddNode,
    CreateCluster,
    Membership,
    Pending,
    Region,
    RemoveNode,
    SetAttribute,
    State,
    Status,
    Step,
    Tables,
    Usage,
)
from o2cbd.core.reports import Report
from o2cbd.core.rules import SECOND_US, RemovalRules, Rules
from o2cbd.membership.interface import ManagerGoneError

STEPS_MAX = 100
"""An agent that is still due after so many steps at one moment is in a loop."""

AT_ONCE = Rules(removals=RemovalRules(settle_us=0))
"""The default rules: a removal waits for no settled membership."""

RESYNC_US: Final = 30 * SECOND_US
REGION: Final = Region(name="R1", pid=9)
NOTICE: Final = StateChange(quorate=True)
ASKED: Final = ShutdownAsked(forced=False, removed=False)
CREATE: Final = CreateCluster(cluster=CLUSTER)
LOCAL: Final = SetAttribute(cluster=CLUSTER, node="n1", attribute="local", value="1")

_EVERY_ADDRESS = frozenset(f"10.0.{net}.{number}" for net in (0, 9) for number in range(256))

_R = TypeVar("_R", bound=Report)


def add(number: int, **changes: object) -> AddNode:
    """Return the step that adds a node of the examples."""
    return AddNode(cluster=CLUSTER, node=node(number, **changes))


def remove(number: int) -> RemoveNode:
    """Return the step that removes it."""
    return RemoveNode(cluster=CLUSTER, node=name_of(number))


@dataclass(slots=True)
class ScriptedManager:
    """A cluster manager with a given membership; `connect` opens sources."""

    membership: Membership
    connect_error: OSError | None = None
    read_errors: list[OSError] = field(default_factory=list)
    """Each fails one reading, first to last."""
    notices: list[Notice] = field(default_factory=list)
    replies: list[bool] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    gone: bool = False

    def connect(self) -> ScriptedSource:
        """Open a source.

        Raises:
            OSError: `connect_error`.
        """
        if self.connect_error is not None:
            raise self.connect_error
        self.connections += 1
        self.open += 1
        self.gone = False
        return ScriptedSource(self)

    def die(self) -> None:
        """End all connections, and refuse new ones."""
        self.gone = True
        self.notices = [ManagerLost(errno=errno.EHOSTDOWN)]
        self.connect_error = OSError(errno.ECONNREFUSED, "nobody listens")


@dataclass(slots=True)
class ScriptedSource:
    """One connection to a scripted manager; a `MembershipSource`."""

    manager: ScriptedManager

    def fileno(self) -> int:
        """Return a number that names the connection."""
        return self.manager.connections

    def dispatch(self) -> tuple[Notice, ...]:
        """Take the notices."""
        taken, self.manager.notices = tuple(self.manager.notices), []
        return taken

    def snapshot(self) -> Membership:
        """Return the manager's membership."""
        self._reach()
        if self.manager.read_errors:
            raise self.manager.read_errors.pop(0)
        return self.manager.membership

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the interface's
        """Record the answer."""
        self._reach()
        self.manager.replies.append(yes)

    def _reach(self) -> None:
        if self.manager.gone:
            raise ManagerGoneError(errno.EHOSTDOWN, "the manager is down")

    def close(self) -> None:
        """Count the closed connection."""
        self.manager.open -= 1


@dataclass(slots=True)
class ScriptedHold:
    """A semaphore; a `Hold` as seen from the daemon."""

    held_by: int | None = None
    """The pid of another process that holds it."""
    error: OSError | None = None
    ours: bool = False
    attempts: int = 0
    closed: bool = False

    def take(self) -> int | None:
        """Try to take it."""
        self.attempts += 1
        self.ours = self.holder() is None
        return self.held_by

    def release(self) -> None:
        """Give it back."""
        self.ours = False

    def holder(self) -> int | None:
        """Return the pid of another holder."""
        if self.error is not None:
            raise self.error
        return self.held_by

    def close(self) -> None:
        """Give it back for good."""
        self.ours = False
        self.closed = True


@dataclass(slots=True)
class ScriptedUsage:
    """The facts behind a shutdown vote; a `UsageReader`."""

    usage: Usage = field(default_factory=Usage)
    asked: list[str | None] = field(default_factory=list)

    def read(self, cluster: str | None) -> Usage:
        """Return `usage`."""
        self.asked.append(cluster)
        return self.usage


@dataclass(slots=True, kw_only=True)
class Refuse:
    """Fails steps that equal `step`, or of its type, `count` times (None: always)."""

    step: Step | type
    errno: int
    count: int | None = None
    detail: str = ""

    def hits(self, step: Step) -> bool:
        """True when this step fails now; counts down."""
        if self.count == 0 or not (step == self.step or type(step) is self.step):
            return False
        if self.count is not None:
            self.count -= 1
        return True


class ScriptedKernel:
    """The real node tree on the model of configfs; a `NodeTree`.

    Steps can be refused and are recorded whole, and the test can write what no rule lets through.
    """

    def __init__(self) -> None:
        self.model = ConfigfsModel(addresses=_EVERY_ADDRESS)
        self.tree = DirectTree(self.model, debugfs=False)
        self.refusals: list[Refuse] = []
        self.read_error: OSError | None = None
        self.journal: list[Step] = []
        """Every step that was done."""
        self.readings: list[bool] = []
        """For each reading whether it was fresh."""
        self.violations: list[str] = []
        """Calls that could crash a real kernel, or that the daemon must never make."""
        self.after: Callable[[Step], None] | None = None
        """Called when a step is done: what else happens at that moment."""
        self.closed = False
        self.model.journal.add_hook(self._watch)

    # ---- the daemon's side

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        """Read the tables, or fail with `read_error`."""
        self.readings.append(fresh)
        if self.read_error is not None:
            raise self.read_error
        return self.tree.read(cluster, own=own, attributes=attributes, fresh=fresh)

    def do(self, step: Step) -> None:
        """Do a step and record it, or refuse it."""
        for refusal in self.refusals:
            if refusal.hits(step):
                raise OSError(refusal.errno, "refused", refusal.detail)
        self.tree.do(step)
        self.journal.append(step)
        if self.after is not None:
            self.after(step)

    def close(self) -> None:
        """Record that it was closed."""
        self.closed = True

    def _watch(self, call: Call) -> None:
        name = call.path.rpartition("/")[2]
        match call.name:
            case "rmdir" if name in self.nodes:
                if self.nodes[name].local and self.regions:
                    self.violations.append(f"rmdir of the local node {name} under a region")
                if self.nodes[name].address == UNSET_ADDRESS:
                    self.violations.append(f"rmdir of {name}, into which 0.0.0.0 was written")
            case "write:local" if call.data != b"1":
                self.violations.append(f"{call.path}: {call.data!r} written")
            case "write:ipv4_address" if call.data == UNSET_ADDRESS.encode():
                self.violations.append(f"{call.path}: 0.0.0.0 written")
            case _:
                pass

    # ---- what is there

    @property
    def _state(self) -> ClusterState | None:
        return self.model.kernel.cluster

    @property
    def cluster(self) -> str | None:
        """The name of the cluster that is there."""
        return None if self._state is None else self._state.name

    @property
    def nodes(self) -> Mapping[str, NodeState]:
        """The kernel's nodes, by name."""
        return {} if self._state is None else self._state.nodes

    def inode_of(self, name: str) -> int:
        """Return the inode of a node's directory."""
        return self.model.stat(self._path(name)).inode

    def attribute(self, name: str) -> str:
        """Return the value of an attribute of the cluster."""
        return self.model.read_value(f"/cluster/{self.cluster}/{name}").decode().strip()

    def _path(self, name: str) -> str:
        return f"/cluster/{self.cluster}/node/{name}"

    # ---- changes by others

    def make_cluster(self, name: str) -> None:
        """Make a cluster where none is."""
        if self.cluster != name:
            self.model.mkdir(f"/cluster/{name}")

    def write(self, name: str, attribute: str, value: str) -> None:
        """Write into a node, by the kernel's rules."""
        self.model.write_value(f"{self._path(name)}/{attribute}", value.encode())

    def put(
        self,
        name: str,
        *,
        num: int | None = None,
        address: str | None = None,
        port: int | None = None,
        local: bool = False,
    ) -> None:
        """Put a node there, whatever the rules; None: never written."""
        if name not in self.nodes:
            self.model.mkdir(self._path(name))
        state = self.nodes[name]
        state.num, state.address, state.port, state.local = num, address, port, local
        if local and self._state is not None:
            self._state.local_claimed = True

    def put_right(self, number: int) -> None:
        """Put the right entry of an example's node there."""
        self.put(
            name_of(number), num=number, address=address_of(number), port=7777, local=number == 1
        )

    def remove(self, name: str) -> None:
        """Remove a node."""
        self.model.rmdir(self._path(name))

    def lose_tables(self) -> None:
        """Empty the tables, as an `rmmod` and a `modprobe` do; pins stay."""
        pins = self.pinned
        self.model.power_cycle()
        self.pinned = pins

    # ---- what keeps the daemon waiting

    @property
    def pinned(self) -> set[str]:
        """The names of the nodes that cannot be removed."""
        return self.model.kernel.pins

    @pinned.setter
    def pinned(self, names: set[str]) -> None:
        self.model.kernel.pins = names

    @property
    def regions(self) -> tuple[Region, ...]:
        """The cluster's heartbeat regions; they can be set where a cluster is."""
        found = [] if self._state is None else self._state.regions.values()
        return tuple(Region(name=one.name, pid=one.pid) for one in found)

    @regions.setter
    def regions(self, wanted: Sequence[Region]) -> None:
        for region in self.regions:
            self.model.heartbeat.stop(region.name)
        for region in wanted:
            self.model.mkdir(f"/cluster/{self.cluster}/heartbeat/{region.name}")
            if self._state is not None:
                self._state.regions[region.name].pid = region.pid

    @property
    def live_nums(self) -> frozenset[int] | None:
        """The nums that debugfs shows alive; None: debugfs is not there."""
        return self.model.heartbeat.live_nums if self.tree.files.debugfs else None

    @live_nums.setter
    def live_nums(self, nums: frozenset[int] | None) -> None:
        self.tree.files.debugfs = nums is not None
        self.model.heartbeat.see(nums or ())

    def set_addresses(self, addresses: Collection[str] | None) -> None:
        """Give the host these addresses; None: every one that examples use."""
        wanted = _EVERY_ADDRESS if addresses is None else addresses
        host = self.model.host
        for address in {*host.addresses, *wanted}:
            if address in wanted:
                host.add_address(address)
            else:
                host.remove_address(address)


class SingleHost:
    """One host and its agent; everything on it can be read and changed between steps."""

    def __init__(self, now: Membership | None = None, rules: Rules | None = None) -> None:
        self.clock = VirtualClock(SECOND_US)
        self.kernel = ScriptedKernel()
        self.manager = ScriptedManager(now or membership(1, 2, 3))
        self.hold = ScriptedHold()
        self.usage = ScriptedUsage()
        self.reports: list[Report] = []
        self.rules = rules or AT_ONCE
        self.agent = self.start()

    def start(self, **parts: Any) -> Agent:
        """Start an agent on what is there, as after a kill; `parts` replace the host's own."""
        values: dict[str, Any] = {
            "connect": self.manager.connect,
            "tree": self.kernel,
            "make_hold": lambda _cluster: self.hold,
            "usage": self.usage,
            "clock": self.clock,
            "rules": self.rules,
            "journal": self.reports.append,
        }
        self.agent = Agent(**(values | parts))
        return self.agent

    @property
    def status(self) -> Status:
        """The agent's status."""
        return self.agent.status

    @property
    def pending(self) -> dict[Step, Pending]:
        """The pending steps of the status, by step."""
        return {one.step: one for one in self.status.pending}

    def step(self) -> Wait:
        """Run one step of the agent."""
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
        """Move time on, waking the agent at each of its deadlines."""
        end_us = self.clock.now_us() + duration_us
        wait = self.settle()
        while wait.deadline_us is not None and wait.deadline_us <= end_us:
            self.clock.advance_to(wait.deadline_us)
            wait = self.settle()
        self.clock.advance_to(end_us)

    def notify(self) -> None:
        """Have the manager report a state change, and settle."""
        self.manager.notices.append(NOTICE)
        self.settle()

    def reported(self, kind: type[_R]) -> list[_R]:
        """Return the reports of one kind."""
        return [one for one in self.reports if isinstance(one, kind)]


def filled(*numbers: int, rules: Rules | None = None) -> SingleHost:
    """Return a host in sync whose tables hold these nodes, all members.

    Raises:
        RuntimeError: the agent does not come to rest in sync.
    """
    host = SingleHost(membership(*numbers), rules)
    host.settle()
    if host.status.state is not State.SYNCED:
        raise RuntimeError(f"the agent is at rest and {host.status.state.value}")
    host.kernel.journal.clear()
    host.reports.clear()
    return host
