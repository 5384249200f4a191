"""What holds of every history: soundness of each step, no spinning, one answer, convergence."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecluster.configfs.direct import DirectTree
from fakecluster.testing.examples import CLUSTER, absentee, member, membership
from fakecluster.testing.single_host import Refuse, ScriptedKernel, SingleHost
from o2cbd.core.controller import Controller
from o2cbd.core.events import ConfigChange, ShutdownAsked, StateChange
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Entry,
    Membership,
    Node,
    Quorum,
    Region,
    RemoveNode,
    SetAttribute,
    State,
    Step,
    Usage,
    Why,
)
from o2cbd.core.phase import Phase
from o2cbd.core.policy import desired_table, is_right
from o2cbd.core.rules import (
    SECOND_US,
    MajorityRule,
    QuorumRule,
    RemovalRules,
    Rules,
    TableRules,
    TwoNodeRule,
)

TRUSTING = Rules(removals=RemovalRules(majority=MajorityRule.TRUST_MANAGER, settle_us=0))
"""Nothing but the kernel and quorum keep a removal back."""
REGION = Region(name="R1", pid=9)
NUMBERS = range(1, 6)
NAMES = [*(f"n{number}" for number in NUMBERS), "stale"]
ADDRESSES = [f"10.0.0.{number}" for number in NUMBERS]


# --- any tables that a kernel can hold -----------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """One write by somebody's hand; the kernel refuses what cannot be."""

    name: str
    attribute: str
    value: str


writes = st.lists(
    st.builds(Written, st.sampled_from(NAMES), st.just("ipv4_port"), st.sampled_from(["7777", "1"]))
    | st.builds(
        Written, st.sampled_from(NAMES), st.just("ipv4_address"), st.sampled_from(ADDRESSES)
    )
    | st.builds(Written, st.sampled_from(NAMES), st.just("num"), st.integers(0, 5).map(str))
    | st.builds(Written, st.sampled_from(NAMES), st.just("local"), st.just("1"))
    | st.builds(Written, st.sampled_from(NAMES), st.just("right"), st.just("")),
    max_size=30,
)


def scribble(kernel: ScriptedKernel, done: list[Written]) -> None:
    """Let somebody write into the tables before the daemon comes."""
    kernel.make_cluster(CLUSTER)
    for one in done:
        number = NAMES.index(one.name) + 1
        if one.attribute == "right":
            steps = [("ipv4_port", "7777"), ("ipv4_address", f"10.0.0.{number}")]
            steps.append(("num", str(number)))
        else:
            steps = [(one.attribute, one.value)]
        if one.name not in kernel.nodes:
            kernel.put(one.name)
        for attribute, value in steps:
            try:
                kernel.write(one.name, attribute, value)
            except OSError:
                break
    kernel.journal.clear()
    kernel.violations.clear()


# --- any membership ------------------------------------------------------------------------------

addresses = st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=1).map(tuple)


@st.composite
def memberships(draw: st.DrawFn) -> Membership:
    """A membership that we are in; nodes may have swapped names and addresses."""
    numbers = draw(st.sets(st.sampled_from([*NUMBERS[1:], 300]), max_size=4)) | {1}
    if draw(st.booleans()):
        listed = [member(one) for one in sorted(numbers)]
    else:
        swapped = draw(st.permutations(ADDRESSES))
        names = draw(st.permutations(NAMES))
        listed = [
            member(one, name=names[one % 6], addresses=(swapped[one % 5],))
            for one in sorted(numbers)
        ]
    away = [absentee(one) for one in NUMBERS if one not in numbers]
    quorum = draw(st.sampled_from(list(Quorum)))
    return membership(
        *listed,
        *away,
        two_node=draw(st.booleans()) and quorum is not Quorum.NONE,
        quorum=quorum,
    )


rules = st.builds(
    Rules,
    table=st.builds(TableRules, num_offset=st.sampled_from([0, -1])),
    removals=st.builds(
        RemovalRules,
        quorum=st.sampled_from(list(QuorumRule)),
        two_node=st.sampled_from(list(TwoNodeRule)),
        majority=st.sampled_from(list(MajorityRule)),
        settle_us=st.sampled_from([0, SECOND_US]),
    ),
)


# --- the judge -----------------------------------------------------------------------------------


class JudgedKernel(ScriptedKernel):
    """Judges each step before it is done."""

    def __init__(self) -> None:
        super().__init__()
        self.judge: Callable[[Step, ScriptedKernel], None] | None = None

    def do(self, step: Step) -> None:
        if self.judge is not None:
            self.judge(step, self)
        super().do(step)


def desired_of(host: SingleHost, kernel: ScriptedKernel) -> dict[str, Node]:
    found = desired_table(host.manager.membership, host.rules.table, entries_of(kernel))
    return {one.name: one for one in found.nodes}


def entries_of(kernel: ScriptedKernel) -> tuple[Entry, ...]:
    """Read past the daemon's own readings, whatever they meet, and know which num was written."""
    found = DirectTree(kernel.model).read(CLUSTER, own=None, attributes=(), fresh=True).entries
    return tuple(
        replace(one, num_proved=True)
        if one.num == 0 and kernel.nodes[one.name].num is not None
        else one
        for one in found
    )


def judge_step(host: SingleHost, step: Step, kernel: ScriptedKernel) -> None:
    """Fail on what must never be done."""
    assert host.hold.ours, f"{step} without the semaphore"
    assert host.hold.held_by is None, f"{step} while another holds"
    now = host.manager.membership
    match step:
        case AddNode(node=wanted):
            assert wanted.address != "0.0.0.0"
            assert 0 <= wanted.num <= 254
            for entry in entries_of(kernel):
                assert entry.address != wanted.address, f"{step}: {entry} has its address"
                has_it = entry.num == wanted.num and entry.num_written
                assert not has_it, f"{step}: {entry} has its num"
        case SetAttribute(node=str(name), attribute=attribute, value=value):
            assert (attribute, value) not in {("local", "0"), ("ipv4_address", "0.0.0.0")}
            assert name in kernel.nodes
        case RemoveNode(node=name):
            (entry,) = (one for one in entries_of(kernel) if one.name == name)
            wanted_now = desired_of(host, kernel).get(name)
            if wanted_now is not None and is_right(entry, wanted_now):
                assert entry.local, f"{entry} is right"
                assert not wanted_now.local, f"{entry} is right"
            assert not (entry.local and kernel.regions)
            if not entry.half_made:
                proved = now.quorum in {Quorum.QUORATE, Quorum.NONE}
                taken = host.rules.removals.quorum is QuorumRule.IGNORE
                assert proved or (taken and now.quorum is Quorum.UNKNOWN), f"{entry} and no quorum"
            offset = host.rules.table.num_offset
            lost = all(entry.num != one.id + offset and name != one.name for one in now.members)
            kept = now.two_node and host.rules.removals.two_node is TwoNodeRule.WAIT
            if lost and (kept or minority_waits(now, host.rules)):
                forgotten = name in FORGOTTEN
                assert entry.half_made or entry.local or forgotten, f"{entry} may be alive"
        case _:
            assert isinstance(step, CreateCluster)


FORGOTTEN: set[str] = set()
"""Whom the operator vouched for in the history at hand."""


def host_on(now: Membership, its_rules: Rules, done: list[Written]) -> SingleHost:
    FORGOTTEN.clear()
    host = SingleHost(now, its_rules)
    kernel = JudgedKernel()
    scribble(kernel, done)
    kernel.judge = lambda step, at: judge_step(host, step, at)
    host.kernel = kernel
    host.start()
    return host


def is_as_desired(host: SingleHost) -> bool:
    wanted = desired_of(host, host.kernel)
    entries = entries_of(host.kernel)
    return {one.name for one in entries} == set(wanted) and all(
        is_right(one, wanted[one.name]) and one.local == wanted[one.name].local for one in entries
    )


def gated(now: Membership, its_rules: Rules) -> bool:
    removals = its_rules.removals
    unknown_waits = removals.quorum is QuorumRule.REQUIRE and now.quorum is Quorum.UNKNOWN
    two_node_waits = removals.two_node is TwoNodeRule.WAIT and now.two_node
    waits = unknown_waits or two_node_waits or minority_waits(now, its_rules)
    return now.quorum is Quorum.INQUORATE or waits


def minority_waits(now: Membership, its_rules: Rules) -> bool:
    asked = its_rules.removals.majority is MajorityRule.REQUIRE and not now.two_node
    return asked and now.quorum is not Quorum.NONE and len(now.members) <= len(now.absentees)


# --- properties of the tables --------------------------------------------------------------------


@pytest.mark.row("level-triggered", "num")
@settings(max_examples=200, deadline=None)
@given(memberships(), rules, writes)
def test_any_tables_become_as_desired_at_once_where_nothing_gates(
    now: Membership, its_rules: Rules, done: list[Written]
) -> None:
    host = host_on(now, its_rules, done)
    host.step()
    host.run_for(its_rules.removals.settle_us)
    assert host.kernel.violations == []
    if not gated(now, its_rules):
        assert is_as_desired(host), host.status
    assert (host.status.state is State.SYNCED) == is_as_desired(host)


@pytest.mark.row("replace")
@settings(max_examples=200, deadline=None)
@given(memberships(), writes, st.sets(st.sampled_from(NAMES)), st.booleans(), st.booleans())
def test_with_pins_a_replacement_that_begins_is_followed_and_all_else_is_done(
    now: Membership, done: list[Written], pinned: set[str], shown: bool, region: bool
) -> None:
    """Where debugfs shows the pins. Where nothing does, only a failed rmdir may leave one over."""
    quorate = replace(now, quorum=Quorum.QUORATE, two_node=False)
    host = host_on(quorate, TRUSTING, done)
    kernel = host.kernel
    kernel.pinned = {name for name in pinned if name in kernel.nodes}
    if region:
        kernel.regions = (REGION,)
    nums = {one.name: one.num for one in entries_of(kernel) if not one.half_made}
    # A pin by name alone is a half-made entry's, which no heartbeat knows.
    kernel.pinned &= set(nums)
    if shown:
        kernel.live_nums = frozenset(nums[name] for name in kernel.pinned)
    before = {one.name: one for one in entries_of(kernel) if one.complete}
    host.step()
    wanted = desired_of(host, kernel)
    there = set(kernel.nodes)
    replaced = {
        step.node
        for step in kernel.journal
        if isinstance(step, RemoveNode) and step.node in wanted and step.node in before
    }
    failed = {one.node for one in host.status.pending if one.why is Why.PINNED}
    if shown or not failed:
        assert replaced <= there
    waiting = {one.node for one in host.status.pending}
    assert set(wanted) - there <= waiting
    for entry in entries_of(kernel):
        right = entry.name in wanted and is_right(entry, wanted[entry.name])
        assert right or entry.name in waiting, f"{entry} is wrong and nobody waits"
    for one in host.status.pending:
        if one.why is Why.PINNED:
            assert one.node in kernel.pinned or shown
        if one.why is Why.REGION:
            assert region
    kernel.pinned.clear()
    kernel.live_nums, kernel.regions = None, ()
    host.run_for(30 * SECOND_US)
    assert is_as_desired(host)
    assert host.kernel.violations == []


@pytest.mark.row("never")
@settings(max_examples=60, deadline=None)
@given(memberships(), writes, st.booleans(), st.integers(1, 5) | st.none(), st.data())
def test_what_is_known_to_hold_0_0_0_0_is_never_removed(
    now: Membership, others: list[Written], port: bool, num: int | None, data: st.DataObject
) -> None:
    """It shows by a num, or by the kernel's EBUSY where the address of the wanted node is tried."""
    wanted = sorted(one.name for one in desired_table(now, Rules().table).nodes)
    name = data.draw(st.sampled_from(wanted if num is None else NAMES))
    done = [Written(name, "ipv4_port", "7777")] if port or num is not None else []
    done.append(Written(name, "ipv4_address", "0.0.0.0"))
    if num is not None:
        done.append(Written(name, "num", str(num)))
    host = host_on(now, TRUSTING, [*done, *(one for one in others if one.name != name)])
    host.step()
    host.run_for(SECOND_US)
    assert host.kernel.violations == []
    assert host.kernel.nodes[name].address == "0.0.0.0"
    assert name in {one.node for one in host.status.pending}


# --- histories -----------------------------------------------------------------------------------

Action = Callable[[SingleHost], None]


def changes(now: Membership) -> Action:
    def act(host: SingleHost) -> None:
        host.manager.membership = now
        host.manager.notices.append(StateChange(quorate=now.quorum is Quorum.QUORATE))

    return act


def passes(duration_us: int) -> Action:
    def act(host: SingleHost) -> None:
        live(host, duration_us)

    return act


def asks(host: SingleHost) -> None:
    if host.manager.open and not host.manager.gone:
        host.manager.notices.append(ShutdownAsked(forced=False, removed=False))


def configures(host: SingleHost) -> None:
    host.manager.notices.append(ConfigChange(version=2))


def dies(host: SingleHost) -> None:
    host.manager.die()


def dies_unnoticed(host: SingleHost) -> None:
    host.manager.gone = True
    configures(host)


def returns(host: SingleHost) -> None:
    host.manager.connect_error = None


def fails_to_read(host: SingleHost) -> None:
    host.manager.read_errors.append(OSError(errno.EINVAL, "no"))


def holds(pid: int | None) -> Action:
    def act(host: SingleHost) -> None:
        host.hold.held_by = pid

    return act


def breaks_hold(host: SingleHost) -> None:
    host.hold.error = OSError(errno.ENOSPC, "full")


def mends_hold(host: SingleHost) -> None:
    host.hold.error = None


def breaks_tables(host: SingleHost) -> None:
    host.kernel.read_error = OSError(errno.EIO, "broken", "node")


def mends_tables(host: SingleHost) -> None:
    host.kernel.read_error = None


def refuses(kind: type, number: int, count: int | None) -> Action:
    def act(host: SingleHost) -> None:
        host.kernel.refusals.append(Refuse(step=kind, errno=number, count=count))

    return act


def relents(host: SingleHost) -> None:
    host.kernel.refusals.clear()


def pins(name: str) -> Action:
    def act(host: SingleHost) -> None:
        host.kernel.pinned ^= {name}

    return act


def mounts(host: SingleHost) -> None:
    if host.kernel.cluster is not None:
        host.kernel.regions = () if host.kernel.regions else (REGION,)
    host.usage.usage = Usage(regions=host.kernel.regions)


def forgets(name: str) -> Action:
    def act(host: SingleHost) -> None:
        FORGOTTEN.add(name)
        host.agent.forget(name)

    return act


def loses_its_address(host: SingleHost) -> None:
    host.kernel.set_addresses(())


def gets_its_address(host: SingleHost) -> None:
    host.kernel.set_addresses(None)


def loses_its_tables(host: SingleHost) -> None:
    if not host.kernel.regions:
        host.kernel.lose_tables()


def killed(host: SingleHost) -> None:
    host.hold.ours = False
    host.manager.open = 0
    host.manager.notices.clear()
    host.start()


def others_write(done: list[Written]) -> Action:
    def act(host: SingleHost) -> None:
        judge, host.kernel.judge = host.kernel.judge, None  # type: ignore[attr-defined]
        after, host.kernel.refusals = host.kernel.refusals, []
        if not host.kernel.regions:
            scribble(host.kernel, done)
        host.kernel.judge, host.kernel.refusals = judge, after  # type: ignore[attr-defined]

    return act


actions: st.SearchStrategy[Action] = st.one_of(
    memberships().map(changes),
    memberships().map(changes),
    st.sampled_from([1, 250_000, 1_000_000, 31_000_000]).map(passes),
    st.sampled_from(NAMES).map(pins),
    st.sampled_from(NAMES).map(forgets),
    st.sampled_from([None, None, 0, 7]).map(holds),
    st.builds(
        refuses,
        st.sampled_from([AddNode, RemoveNode, SetAttribute, CreateCluster]),
        st.sampled_from([errno.EIO, errno.EBUSY, errno.EEXIST, errno.ENODEV, errno.EINVAL]),
        st.sampled_from([1, 2, None]),
    ),
    writes.map(others_write),
    st.sampled_from(
        [
            asks,
            configures,
            dies,
            dies_unnoticed,
            returns,
            fails_to_read,
            breaks_hold,
            mends_hold,
            breaks_tables,
            mends_tables,
            relents,
            mounts,
            loses_its_address,
            gets_its_address,
            loses_its_tables,
            killed,
        ]
    ),
)


def check_at_rest(host: SingleHost) -> None:
    """Judge a moment after a full step: it always rests, and always for some time."""
    controller: Controller = host.agent._controller
    assert controller.phase in {Phase.AWAY, Phase.IDLE, Phase.ENDED}
    deadline_us = controller.deadline_us
    assert deadline_us is None or deadline_us > host.clock.now_us(), "it would spin"
    assert not host.hold.ours
    assert host.kernel.violations == []
    assert host.manager.open == (0 if controller.phase is not Phase.IDLE else 1)
    if host.status.state is State.SYNCED:
        assert host.status.pending == ()


def live(host: SingleHost, duration_us: int) -> None:
    """Let time pass; count how often it wakes."""
    end_us = host.clock.now_us() + duration_us
    wakes = 0
    while True:
        wait = host.step()
        check_at_rest(host)
        if wait.deadline_us is None or wait.deadline_us > end_us:
            break
        host.clock.advance_to(wait.deadline_us)
        wakes += 1
    host.clock.advance_to(end_us)
    # A hold and a first retry are looked at every 250 ms; nothing is looked at more often.
    assert wakes <= 2 + duration_us / 100_000


def heal(host: SingleHost) -> None:
    """End all faults."""
    for mend in (returns, mends_hold, mends_tables, relents, gets_its_address, holds(None)):
        mend(host)
    host.manager.read_errors.clear()
    host.kernel.pinned.clear()
    host.kernel.regions = ()
    now = host.manager.membership
    now = replace(now, quorum=Quorum.QUORATE, two_node=False, absentees=())
    changes(now)(host)


@pytest.mark.row("level-triggered")
@settings(max_examples=150, deadline=None)
@given(memberships(), rules, writes, st.lists(actions, max_size=25))
def test_whatever_happens_it_never_spins_answers_once_and_is_right_in_the_end(
    now: Membership, its_rules: Rules, done: list[Written], history: list[Action]
) -> None:
    host = host_on(now, its_rules, done)
    live(host, 1)
    for action in history:
        asked, alive = len(host.manager.replies), not host.manager.gone
        action(host)
        questions = [one for one in host.manager.notices if isinstance(one, ShutdownAsked)]
        host.step()
        check_at_rest(host)
        if questions and alive:
            assert len(host.manager.replies) == asked + 1
            assert host.manager.replies[-1] == (host.usage.usage == Usage())
        else:
            assert len(host.manager.replies) == asked
    heal(host)
    live(host, 120 * SECOND_US)
    assert host.status.state is State.SYNCED, (host.status.reason, host.status.pending)
    assert is_as_desired(host)


@settings(max_examples=50, deadline=None)
@given(memberships(), writes, st.lists(actions, max_size=8), st.booleans())
def test_whatever_happens_a_stop_ends_it_at_once_and_changes_nothing(
    now: Membership, done: list[Written], history: list[Action], dying: bool
) -> None:
    host = host_on(now, TRUSTING, done)
    for action in history:
        action(host)
        host.step()
    if dying:
        dies(host)
    changed = len(host.kernel.journal)
    host.agent.stop()
    host.step()
    assert host.agent.exit_code == 0
    assert len(host.kernel.journal) == changed
    assert (host.manager.open, host.hold.ours, host.kernel.closed) == (0, False, True)
