"""The steps of one pass."""

from __future__ import annotations

import errno

from fakecluster.testing.examples import CLUSTER, node
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Pending,
    RemoveNode,
    SetAttribute,
    Step,
    Why,
)
from o2cbd.core.planner import Plan, Replacing
from o2cbd.core.refusal import Refusal
from o2cbd.core.work import ROUNDS_MAX, Work

CREATE = CreateCluster(cluster=CLUSTER)
ADD2 = AddNode(cluster=CLUSTER, node=node(2))
ADD3 = AddNode(cluster=CLUSTER, node=node(3))
ADD1 = AddNode(cluster=CLUSTER, node=node(1))
LOCAL = SetAttribute(cluster=CLUSTER, node="n1", attribute="local", value="1")
REMOVE2 = RemoveNode(cluster=CLUSTER, node="n2")
REMOVE3 = RemoveNode(cluster=CLUSTER, node="n3")
REMOVE4 = RemoveNode(cluster=CLUSTER, node="n4")
REMOVE5 = RemoveNode(cluster=CLUSTER, node="n5")


def plan(*steps: Step, **replacing: Replacing) -> Plan:
    return Plan(steps=steps, pending=(), replacing=replacing)


def replacing(name: str, *after: str) -> Replacing:
    return Replacing(node=name, after=frozenset(after))


def drain(work: Work) -> list[Step]:
    left = []
    while (step := work.next()) is not None:
        left.append(step)
        work.succeeded(step)
    return left


def test_the_steps_of_a_round_come_in_order() -> None:
    work = Work()
    assert work.begin_round(plan(REMOVE2, ADD3))
    assert work.steps == (REMOVE2, ADD3)
    assert drain(work) == [REMOVE2, ADD3]
    assert work.next() is None


def test_a_round_shows_what_its_plan_could_not_do() -> None:
    work = Work()
    waits = Pending(step=ADD2, why=Why.FAILED, reason="")
    work.begin_round(Plan(steps=(ADD3,), pending=(waits,)))
    assert work.waiting == (waits,)


def test_without_steps_there_is_no_round() -> None:
    assert not Work().begin_round(plan())


def test_a_pass_has_only_so_many_rounds() -> None:
    """Somebody who undoes every step must not keep us for ever."""
    work = Work()
    rounds = sum(work.begin_round(plan(ADD2)) for _ in range(2 * ROUNDS_MAX))
    assert rounds == ROUNDS_MAX


def test_what_was_done_is_not_done_twice_in_a_pass() -> None:
    work = Work()
    work.begin_round(plan(ADD2))
    work.succeeded(ADD2)
    assert work.tried == {ADD2: Refusal(errno=None)}


def test_what_failed_is_not_tried_twice_in_a_pass() -> None:
    work = Work()
    work.begin_round(plan(ADD2))
    assert work.failed(ADD2, errno.EIO, "node/n2") is None
    assert work.tried == {ADD2: Refusal(errno=errno.EIO, detail="node/n2")}


def test_what_needs_a_failed_step_is_dropped_from_the_round() -> None:
    work = Work()
    work.begin_round(plan(ADD1, LOCAL, ADD2))
    work.failed(ADD1, errno.EIO, "")
    assert drain(work) == [ADD2]
    work.begin_round(plan(LOCAL))
    assert drain(work) == [LOCAL]


def test_the_failure_of_a_clusters_own_step_stops_no_other() -> None:
    work = Work()
    attributes = [
        SetAttribute(cluster=CLUSTER, node=None, attribute=name, value="1") for name in "ab"
    ]
    work.begin_round(plan(*attributes, ADD2))
    assert work.next() == attributes[0]
    work.failed(attributes[0], errno.EINVAL, "a")
    assert drain(work) == [attributes[1], ADD2]


def test_a_removal_frees_failed_adds_and_not_failed_removals() -> None:
    """The add may have met the num or address of the entry that went."""
    work = Work()
    work.begin_round(plan(REMOVE2, REMOVE3))
    work.failed(ADD2, errno.EEXIST, "")
    work.failed(REMOVE3, errno.EBUSY, "")
    work.succeeded(CREATE)
    work.succeeded(REMOVE4)
    assert set(work.tried) == {REMOVE3, CREATE, REMOVE4}


def test_an_add_that_fails_after_its_removal_gets_one_second_chance() -> None:
    work = Work()
    work.begin_round(plan(REMOVE2, n2=replacing("n2")))
    work.succeeded(REMOVE2)
    work.begin_round(plan(ADD2))
    assert work.failed(ADD2, errno.EIO, "") == "n2"
    assert ADD2 not in work.tried
    assert work.failed(ADD2, errno.EIO, "") is None
    assert ADD2 in work.tried


def test_a_rename_is_followed_to_the_new_name() -> None:
    work = Work()
    new = AddNode(cluster=CLUSTER, node=node(2, name="new"))
    work.begin_round(plan(REMOVE2, n2=replacing("new")))
    work.succeeded(REMOVE2)
    assert work.failed(new, errno.EIO, "") == "new"


def test_an_add_without_a_removal_before_it_has_no_second_chance() -> None:
    work = Work()
    work.begin_round(plan(REMOVE2, ADD3))
    work.succeeded(REMOVE2)
    assert work.failed(ADD3, errno.EIO, "") is None


def test_when_an_entry_stays_the_replacements_that_needed_it_gone_are_not_begun() -> None:
    """Nor those that needed these; everything else goes on."""
    work = Work()
    work.begin_round(
        plan(
            *(REMOVE4, REMOVE3, REMOVE2, REMOVE5, ADD1),
            n3=replacing("n3", "n4"),
            n2=replacing("n2", "n3"),
            n5=replacing("n5"),
        )
    )
    assert work.next() == REMOVE4
    work.failed(REMOVE4, errno.EBUSY, "")
    assert drain(work) == [REMOVE5, ADD1]


def test_what_is_left_begins_with_the_step_under_way() -> None:
    """And a node whose step failed is left alone for the round."""
    work = Work()
    seen = [work.left]
    work.begin_round(plan(ADD2, ADD1, LOCAL, ADD3))
    seen.append(work.left)
    assert work.next() == ADD2
    seen.append(work.left)
    work.succeeded(ADD2)
    assert work.next() == ADD1
    work.failed(ADD1, errno.EIO, "")
    seen.append(work.left)
    work.next()
    work.succeeded(ADD3)
    every = (ADD2, ADD1, LOCAL, ADD3)
    assert [*seen, work.left] == [(), every, every, (ADD3,), ()]


def test_what_a_pass_had_no_round_for_is_left() -> None:
    work = Work()
    for _ in range(ROUNDS_MAX):
        work.begin_round(plan(ADD2))
        drain(work)
        work.succeeded(ADD2)
    assert not work.begin_round(plan(ADD3))
    assert work.left == (ADD3,)
