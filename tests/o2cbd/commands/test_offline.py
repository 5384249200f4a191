"""The plan without a daemon: what a start would do, and why the rest would wait."""

from __future__ import annotations

import datetime as dt
import errno
import threading
from dataclasses import replace
from typing import Any

import pytest

from fakecluster.testing.scripted_libcman import ScriptedCman, node
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.commands import offline
from o2cbd.commands.common import Failure
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Entry,
    Holder,
    Member,
    Membership,
    Node,
    Quorum,
    RemoveNode,
    SetAttribute,
    State,
    Status,
    Step,
    Tables,
)
from o2cbd.core.rules import NodeOverride, Rules, TableRules
from o2cbd.core.view import View
from o2cbd.membership import libcman
from o2cbd.settings import DaemonSettings

ALPHA = Member(id=1, name="alpha", incarnation=1, addresses=("10.0.0.1",))
BETA = Member(id=2, name="beta", incarnation=1, addresses=("10.0.0.2",))
ALPHA_ENTRY = Entry(name="alpha", inode=1, num=1, address="10.0.0.1", port=7777, local=True)
BETA_ENTRY = Entry(name="beta", inode=2, num=2, address="10.0.0.2", port=7777, local=False)


def membership(*members: Member, quorum: Quorum = Quorum.QUORATE) -> Membership:
    return Membership(cluster="prod", local_id=1, quorum=quorum, two_node=False, members=members)


def view_of(*members: Member) -> View:
    return offline.view_of(membership(*members), Rules())


def compare(now: Membership, tables: Tables, rules: Rules) -> tuple[Status, tuple[Step, ...]]:
    view = offline.view_of(now, rules)
    assert not view.no_step()
    return offline.compare(view, tables, rules)


def test_first_start_is_planned_to_its_end() -> None:
    """An empty configfs needs the cluster, its attributes and all nodes, in order."""
    rules = Rules(attributes={"idle_timeout_ms": "60000"})
    status, steps = compare(membership(ALPHA, BETA), Tables(clusters=()), rules)
    node = Node(name="alpha", num=1, address="10.0.0.1", port=7777, local=True)
    other = Node(name="beta", num=2, address="10.0.0.2", port=7777, local=False)
    assert steps == (
        CreateCluster(cluster="prod"),
        SetAttribute(cluster="prod", node=None, attribute="idle_timeout_ms", value="60000"),
        AddNode(cluster="prod", node=node),
        SetAttribute(cluster="prod", node="alpha", attribute="local", value="1"),
        AddNode(cluster="prod", node=other),
    )
    assert (status.state, status.pending) == (State.PENDING, ())


def test_right_tables_need_nothing() -> None:
    """In sync is said when it is so."""
    tables = Tables(clusters=("prod",), entries=(ALPHA_ENTRY, BETA_ENTRY))
    status, steps = compare(membership(ALPHA, BETA), tables, Rules())
    assert (status.state, steps, status.fingerprint) == (State.SYNCED, (), "c67249c165348f2d")


def test_what_must_wait_is_pending_and_no_step() -> None:
    """Without quorum a removal waits, with the reason; with it, it is a step."""
    tables = Tables(clusters=("prod",), entries=(ALPHA_ENTRY, BETA_ENTRY))
    status, steps = compare(membership(ALPHA, quorum=Quorum.INQUORATE), tables, Rules())
    assert (steps, [pending.why.value for pending in status.pending]) == ((), ["inquorate"])
    _, steps = compare(membership(ALPHA), tables, Rules())
    assert steps == (RemoveNode(cluster="prod", node="beta"),)


def test_foreign_cluster_is_pending() -> None:
    """Ours is not created beside another one."""
    status, steps = compare(membership(ALPHA), Tables(clusters=("other",)), Rules())
    assert steps == ()
    assert status.pending[0].why.value == "foreign-cluster"


def test_problem_keeps_everything_from_being_planned() -> None:
    """What a daemon would wait for is the answer."""
    view = offline.view_of(membership(), Rules())
    view.block("no member")
    status, steps = offline.compare(view, None, Rules())
    assert (status.state, status.reason, steps) == (State.WAITING, "no member", ())


def test_what_waits_does_so_since_the_command_has_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not since the machine was booted."""
    tables = Tables(clusters=("other",))
    reading = offline._Reading(view=view_of(ALPHA), tables=tables)
    monkeypatch.setattr(offline, "_read", lambda _settings, _calls: reading)
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    (waits,) = offline.plan_here(DaemonSettings())["pending"]
    assert before <= dt.datetime.fromisoformat(waits["since"]) <= dt.datetime.now(dt.UTC)


@pytest.mark.parametrize(
    ("seen", "rules", "problem"),
    [
        (membership(ALPHA), Rules(), ""),
        (membership(ALPHA), Rules(cluster="prod"), ""),
        (membership(BETA), Rules(), "this node is not a member of its cluster"),
    ],
)
def test_problem_is_found(seen: Membership, rules: Rules, problem: str) -> None:
    """As the daemon itself would find it."""
    assert offline.view_of(seen, rules).no_step() == problem


def test_wrong_cluster_is_78() -> None:
    """The name that is set only confirms."""
    with pytest.raises(Failure, match="'prod' and not 'other'") as caught:
        offline.view_of(membership(ALPHA), Rules(cluster="other"))
    assert caught.value.code == 78


def test_reader_is_no_voter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever subscribes is asked before a shutdown, and this command would never answer."""
    cman = ScriptedCman([node(1, "alpha", "10.0.0.1")])
    monkeypatch.setattr(libcman, "load", lambda _path: cman)
    seen = offline._read_membership(DaemonSettings(), CallBoard(MonotonicClock()))
    assert [member.name for member in seen.members] == ["alpha"]
    assert cman.calls[-1] == "cman_finish"
    assert {"cman_start_notification", "cman_start_confchg"}.isdisjoint(cman.calls)


def test_manager_that_is_stuck_is_left(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    """The time over, the command ends with 75 and says in which call; nothing waits for it."""
    release = threading.Event()
    calls = CallBoard(MonotonicClock())
    ended: list[int] = []

    def end(code: int) -> None:
        ended.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(offline, "PATIENCE_S", 0.05)
    monkeypatch.setattr("os._exit", end)
    sitting = threading.Event()

    def sit() -> Any:
        with calls.declare("cman_get_nodes"):
            sitting.set()
            release.wait(20)
        raise Failure(1, "late")

    with pytest.raises(SystemExit):
        offline._with_patience(sit, calls)
    release.set()
    assert ended == [75]
    assert sitting.is_set()
    assert "no answer for 0.05 s in cman_get_nodes" in capfd.readouterr().err


def test_failure_of_the_reader_is_the_commands() -> None:
    """What the reading thread cannot read ends the command as usual."""

    def fail() -> Any:
        raise Failure(69, "no manager")

    with pytest.raises(Failure, match="no manager"):
        offline._with_patience(fail, CallBoard(MonotonicClock()))


def test_a_replacement_is_planned_to_its_end() -> None:
    """The add that follows a removal is a part of it, and what it waited for is no pending."""
    moved = replace(BETA, addresses=("10.0.0.3",))
    gamma = Entry(name="gamma", inode=3, num=3, address="10.0.0.3", port=7777, local=False)
    tables = Tables(clusters=("prod",), entries=(ALPHA_ENTRY, BETA_ENTRY, gamma))
    status, steps = compare(membership(ALPHA, moved), tables, Rules())
    assert steps == (
        RemoveNode(cluster="prod", node="gamma"),
        RemoveNode(cluster="prod", node="beta"),
        AddNode(cluster="prod", node=Node(name="beta", num=2, address="10.0.0.3", port=7777)),
    )
    assert (status.state, status.pending) == (State.PENDING, ())


def test_num_0_is_planned_once() -> None:
    """Whoever writes it knows that it is written."""
    rules = Rules(table=TableRules(nodes={"beta": NodeOverride(num=0)}))
    _, steps = compare(membership(ALPHA, BETA), Tables(clusters=("prod",)), rules)
    zero = Node(name="beta", num=0, address="10.0.0.2", port=7777)
    assert steps[2:] == (AddNode(cluster="prod", node=zero),)
    doubtful = replace(BETA_ENTRY, num=0)
    tables = Tables(clusters=("prod",), entries=(ALPHA_ENTRY, doubtful))
    _, steps = compare(membership(ALPHA, BETA), tables, rules)
    assert steps == (SetAttribute(cluster="prod", node="beta", attribute="num", value="0"),)


def test_half_made_entry_is_planned_to_its_end() -> None:
    """Each value that is missing is written."""
    half = Entry(name="beta", inode=2, num=0, address="0.0.0.0", port=0, local=False)
    tables = Tables(clusters=("prod",), entries=(ALPHA_ENTRY, half))
    _, steps = compare(membership(ALPHA, BETA), tables, Rules())
    assert [(one.attribute, one.value) for one in steps if isinstance(one, SetAttribute)] == [
        ("ipv4_port", "7777"),
        ("ipv4_address", "10.0.0.2"),
        ("num", "2"),
    ]
    assert len(steps) == 3


def test_what_somebody_holds_back_is_pending_and_names_him(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon would do nothing now, and so says the plan."""
    tables = Tables(clusters=("prod",), entries=(ALPHA_ENTRY, BETA_ENTRY))
    reading = offline._Reading(view=view_of(ALPHA), tables=tables, holder=77)
    monkeypatch.setattr(offline, "_read", lambda _settings, _calls: reading)
    plan = offline.plan_here(DaemonSettings())
    (waits,) = plan["pending"]
    assert (plan["state"], plan["steps"], plan["hold"]["pid"]) == ("held", [], 77)
    assert (waits["step"], waits["node"], waits["why"]) == ("remove-node", "beta", "held")
    assert waits["reason"] == "process 77 holds the semaphore; waiting for its release"


def test_who_holds_where_nothing_is_to_be_done_changes_nothing() -> None:
    holder = Holder(pid=7, since_us=1)
    tables = Tables(clusters=("prod",), entries=(ALPHA_ENTRY, BETA_ENTRY))
    status, steps = compare(membership(ALPHA, BETA), tables, Rules())
    kept, none = offline.kept_back(status, steps, holder)
    assert (kept.state, kept.hold, kept.pending, none) == (State.SYNCED, holder, (), ())


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, 77), (errno.EINVAL, 69)])
def test_semaphore_that_cannot_be_read_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    def refuse(_hold: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr("o2cbd.hold.semaphore.SysvHold.holder", refuse)
    with pytest.raises(Failure, match="cannot read the semaphore: no") as caught:
        offline._read_holder(DaemonSettings(), "prod")
    assert caught.value.code == code
