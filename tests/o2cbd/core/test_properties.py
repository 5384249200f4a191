"""What holds of every history: soundness of each step, no spinning, one answer, convergence."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecluster.configfs.direct import DirectTree
from fakecluster.pocket.bench import Bench
from fakecluster.pocket.examples import CLUSTER, absentee, member, membership
from fakecluster.pocket.kernel import PocketKernel, Refuse
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
from o2cbd.core.rules import MajorityRule, QuorumRule, RemovalRules, Rules, TableRules, TwoNodeRule

SECOND_US = 1_000_000
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


def scribble(kernel: PocketKernel, done: list[Written]) -> None:
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
    kernel.crimes.clear()


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


class JudgedKernel(PocketKernel):
    """Judges each step before it is done."""

    def __init__(self) -> None:
        super().__init__()
        self.judge: Callable[[Step, PocketKernel], None] | None = None

    def do(self, step: Step) -> None:
        if self.judge is not None:
            self.judge(step, self)
        super().do(step)


def desired_of(bench: Bench, kernel: PocketKernel) -> dict[str, Node]:
    found = desired_table(bench.manager.membership, bench.rules.table, entries_of(kernel))
    return {one.name: one for one in found.nodes}


def entries_of(kernel: PocketKernel) -> tuple[Entry, ...]:
    """Read past the daemon's own readings, whatever they meet, and know which num was written."""
    found = DirectTree(kernel.model).read(CLUSTER, own=None, attributes=(), fresh=True).entries
    return tuple(
        replace(one, num_proved=True)
        if one.num == 0 and kernel.nodes[one.name].num is not None
        else one
        for one in found
    )


def judge_step(bench: Bench, step: Step, kernel: PocketKernel) -> None:
    """Fail on what must never be done."""
    assert bench.hold.ours, f"{step} without the semaphore"
    assert bench.hold.held_by is None, f"{step} while another holds"
    now = bench.manager.membership
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
            wanted_now = desired_of(bench, kernel).get(name)
            right = wanted_now is not None and is_right(entry, wanted_now)
            assert not right or (entry.local and not wanted_now.local), f"{entry} is right"
            assert not (entry.local and kernel.regions)
            if not entry.half_made:
                proved = now.quorum in {Quorum.QUORATE, Quorum.NONE}
                taken = bench.rules.removals.quorum is QuorumRule.IGNORE
                assert proved or (taken and now.quorum is Quorum.UNKNOWN), f"{entry} and no quorum"
            offset = bench.rules.table.num_offset
            lost = all(entry.num != one.id + offset and name != one.name for one in now.members)
            kept = now.two_node and bench.rules.removals.two_node is TwoNodeRule.WAIT
            if lost and (kept or minority_waits(now, bench.rules)):
                forgotten = name in FORGOTTEN
                assert entry.half_made or entry.local or forgotten, f"{entry} may be alive"
        case _:
            assert isinstance(step, CreateCluster)


FORGOTTEN: set[str] = set()
"""Whom the operator vouched for in the history at hand."""


def bench_on(now: Membership, its_rules: Rules, done: list[Written]) -> Bench:
    FORGOTTEN.clear()
    bench = Bench(now, its_rules)
    kernel = JudgedKernel()
    scribble(kernel, done)
    kernel.judge = lambda step, at: judge_step(bench, step, at)
    bench.kernel = kernel
    bench.start()
    return bench


def is_as_desired(bench: Bench) -> bool:
    wanted = desired_of(bench, bench.kernel)
    entries = entries_of(bench.kernel)
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
    bench = bench_on(now, its_rules, done)
    bench.step()
    bench.run_for(its_rules.removals.settle_us)
    assert bench.kernel.crimes == []
    if not gated(now, its_rules):
        assert is_as_desired(bench), bench.status
    assert (bench.status.state is State.SYNCED) == is_as_desired(bench)


@pytest.mark.row("replace")
@settings(max_examples=200, deadline=None)
@given(memberships(), writes, st.sets(st.sampled_from(NAMES)), st.booleans(), st.booleans())
def test_with_pins_a_replacement_that_begins_is_followed_and_all_else_is_done(
    now: Membership, done: list[Written], pinned: set[str], shown: bool, region: bool
) -> None:
    """Where debugfs shows the pins. Where nothing does, only a failed rmdir may leave one over."""
    quorate = replace(now, quorum=Quorum.QUORATE, two_node=False)
    bench = bench_on(quorate, TRUSTING, done)
    kernel = bench.kernel
    kernel.pinned = {name for name in pinned if name in kernel.nodes}
    if region:
        kernel.regions = (REGION,)
    nums = {one.name: one.num for one in entries_of(kernel) if not one.half_made}
    # A pin by name alone is a half-made entry's, which no heartbeat knows.
    kernel.pinned &= set(nums)
    if shown:
        kernel.live_nums = frozenset(nums[name] for name in kernel.pinned)
    before = {one.name: one for one in entries_of(kernel) if one.complete}
    bench.step()
    wanted = desired_of(bench, kernel)
    there = set(kernel.nodes)
    replaced = {
        step.node
        for step in kernel.journal
        if isinstance(step, RemoveNode) and step.node in wanted and step.node in before
    }
    failed = {one.node for one in bench.status.pending if one.why is Why.PINNED}
    if shown or not failed:
        assert replaced <= there
    waiting = {one.node for one in bench.status.pending}
    assert set(wanted) - there <= waiting
    for entry in entries_of(kernel):
        right = entry.name in wanted and is_right(entry, wanted[entry.name])
        assert right or entry.name in waiting, f"{entry} is wrong and nobody waits"
    for one in bench.status.pending:
        if one.why is Why.PINNED:
            assert one.node in kernel.pinned or shown
        if one.why is Why.REGION:
            assert region
    kernel.pinned.clear()
    kernel.live_nums, kernel.regions = None, ()
    bench.run_for(30 * SECOND_US)
    assert is_as_desired(bench)
    assert bench.kernel.crimes == []


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
    bench = bench_on(now, TRUSTING, [*done, *(one for one in others if one.name != name)])
    bench.step()
    bench.run_for(SECOND_US)
    assert bench.kernel.crimes == []
    assert bench.kernel.nodes[name].address == "0.0.0.0"
    assert name in {one.node for one in bench.status.pending}


# --- histories -----------------------------------------------------------------------------------

Action = Callable[[Bench], None]


def changes(now: Membership) -> Action:
    def act(bench: Bench) -> None:
        bench.manager.membership = now
        bench.manager.notices.append(StateChange(quorate=now.quorum is Quorum.QUORATE))

    return act


def passes(duration_us: int) -> Action:
    def act(bench: Bench) -> None:
        live(bench, duration_us)

    return act


def asks(bench: Bench) -> None:
    if bench.manager.open and not bench.manager.gone:
        bench.manager.notices.append(ShutdownAsked(forced=False, removed=False))


def configures(bench: Bench) -> None:
    bench.manager.notices.append(ConfigChange(version=2))


def dies(bench: Bench) -> None:
    bench.manager.die()


def dies_unnoticed(bench: Bench) -> None:
    bench.manager.gone = True
    configures(bench)


def returns(bench: Bench) -> None:
    bench.manager.connect_error = None


def fails_to_read(bench: Bench) -> None:
    bench.manager.read_errors.append(OSError(errno.EINVAL, "no"))


def holds(pid: int | None) -> Action:
    def act(bench: Bench) -> None:
        bench.hold.held_by = pid

    return act


def breaks_hold(bench: Bench) -> None:
    bench.hold.error = OSError(errno.ENOSPC, "full")


def mends_hold(bench: Bench) -> None:
    bench.hold.error = None


def breaks_tables(bench: Bench) -> None:
    bench.kernel.read_error = OSError(errno.EIO, "broken", "node")


def mends_tables(bench: Bench) -> None:
    bench.kernel.read_error = None


def refuses(kind: type, number: int, count: int | None) -> Action:
    def act(bench: Bench) -> None:
        bench.kernel.refusals.append(Refuse(step=kind, errno=number, count=count))

    return act


def relents(bench: Bench) -> None:
    bench.kernel.refusals.clear()


def pins(name: str) -> Action:
    def act(bench: Bench) -> None:
        bench.kernel.pinned ^= {name}

    return act


def mounts(bench: Bench) -> None:
    if bench.kernel.cluster is not None:
        bench.kernel.regions = () if bench.kernel.regions else (REGION,)
    bench.usage.usage = Usage(regions=bench.kernel.regions)


def forgets(name: str) -> Action:
    def act(bench: Bench) -> None:
        FORGOTTEN.add(name)
        bench.agent.forget(name)

    return act


def loses_its_address(bench: Bench) -> None:
    bench.kernel.set_addresses(())


def gets_its_address(bench: Bench) -> None:
    bench.kernel.set_addresses(None)


def loses_its_tables(bench: Bench) -> None:
    if not bench.kernel.regions:
        bench.kernel.lose_tables()


def killed(bench: Bench) -> None:
    bench.hold.ours = False
    bench.manager.open = 0
    bench.manager.notices.clear()
    bench.start()


def others_write(done: list[Written]) -> Action:
    def act(bench: Bench) -> None:
        judge, bench.kernel.judge = bench.kernel.judge, None  # type: ignore[attr-defined]
        after, bench.kernel.refusals = bench.kernel.refusals, []
        if not bench.kernel.regions:
            scribble(bench.kernel, done)
        bench.kernel.judge, bench.kernel.refusals = judge, after  # type: ignore[attr-defined]

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


def check_at_rest(bench: Bench) -> None:
    """Judge a moment after a full step: it always rests, and always for some time."""
    controller: Controller = bench.agent._controller
    assert controller.phase in {Phase.AWAY, Phase.IDLE, Phase.ENDED}
    deadline_us = controller.deadline_us
    assert deadline_us is None or deadline_us > bench.clock.now_us(), "it would spin"
    assert not bench.hold.ours
    assert bench.kernel.crimes == []
    assert bench.manager.open == (0 if controller.phase is not Phase.IDLE else 1)
    if bench.status.state is State.SYNCED:
        assert bench.status.pending == ()


def live(bench: Bench, duration_us: int) -> None:
    """Let time pass; count how often it wakes."""
    end_us = bench.clock.now_us() + duration_us
    wakes = 0
    while True:
        wait = bench.step()
        check_at_rest(bench)
        if wait.deadline_us is None or wait.deadline_us > end_us:
            break
        bench.clock.moment_us = wait.deadline_us
        wakes += 1
    bench.clock.moment_us = end_us
    # A hold and a first retry are looked at every 250 ms; nothing is looked at more often.
    assert wakes <= 2 + duration_us / 100_000


def heal(bench: Bench) -> None:
    """End all faults."""
    for mend in (returns, mends_hold, mends_tables, relents, gets_its_address, holds(None)):
        mend(bench)
    bench.manager.read_errors.clear()
    bench.kernel.pinned.clear()
    bench.kernel.regions = ()
    now = bench.manager.membership
    now = replace(now, quorum=Quorum.QUORATE, two_node=False, absentees=())
    changes(now)(bench)


@pytest.mark.row("level-triggered")
@settings(max_examples=150, deadline=None)
@given(memberships(), rules, writes, st.lists(actions, max_size=25))
def test_whatever_happens_it_never_spins_answers_once_and_is_right_in_the_end(
    now: Membership, its_rules: Rules, done: list[Written], history: list[Action]
) -> None:
    bench = bench_on(now, its_rules, done)
    live(bench, 1)
    for action in history:
        asked, alive = len(bench.manager.replies), not bench.manager.gone
        action(bench)
        questions = [one for one in bench.manager.notices if isinstance(one, ShutdownAsked)]
        bench.step()
        check_at_rest(bench)
        if questions and alive:
            assert len(bench.manager.replies) == asked + 1
            assert bench.manager.replies[-1] == (bench.usage.usage == Usage())
        else:
            assert len(bench.manager.replies) == asked
    heal(bench)
    live(bench, 120 * SECOND_US)
    assert bench.status.state is State.SYNCED, (bench.status.reason, bench.status.pending)
    assert is_as_desired(bench)


@settings(max_examples=50, deadline=None)
@given(memberships(), writes, st.lists(actions, max_size=8), st.booleans())
def test_whatever_happens_a_stop_ends_it_at_once_and_changes_nothing(
    now: Membership, done: list[Written], history: list[Action], dying: bool
) -> None:
    bench = bench_on(now, TRUSTING, done)
    for action in history:
        action(bench)
        bench.step()
    if dying:
        dies(bench)
    changed = len(bench.kernel.journal)
    bench.agent.stop()
    bench.step()
    assert bench.agent.exit_code == 0
    assert len(bench.kernel.journal) == changed
    assert (bench.manager.open, bench.hold.ours, bench.kernel.closed) == (0, False, True)
