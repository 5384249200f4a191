"""What the daemon knows, and what that comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakecluster.testing.examples import CLUSTER, member, membership, tables
from o2cbd.core import reports
from o2cbd.core.model import Holder, Membership, Quorum, State, Status, Tables
from o2cbd.core.planner import Plan
from o2cbd.core.rules import RemovalRules, Rules
from o2cbd.core.view import View

NOTHING = Plan(steps=(), pending=())
NOW_US = 5_000_000
SETTLED_US = NOW_US + Rules().removals.settle_us


def settled(view: View, now: Membership, *entries: int) -> None:
    view.take(now, NOW_US)
    view.settled(view.compare(tables(*entries), {}, SETTLED_US))


def status(view: View, *, stopping: bool = False, lost: bool = False, held: bool = False) -> Status:
    hold = Holder(pid=7, since_us=1) if held else None
    return view.status(stopping=stopping, lost=lost, pending=(), hold=hold, vote=None, steps=())


@pytest.mark.parametrize("call", ["no_step", "compare", "own_name"])
def test_nothing_is_concluded_before_the_membership_was_read(call: str) -> None:
    view = View(Rules())
    with pytest.raises(LookupError):
        view.compare(tables(), {}, SETTLED_US) if call == "compare" else getattr(view, call)()


def test_before_the_first_reading_the_state_says_what_is_waited_for() -> None:
    found = status(View(Rules()))
    assert (found.state, found.reason) == (
        State.WAITING,
        "not connected to the cluster manager yet",
    )
    assert (found.quorum, found.local_id, found.cluster, found.members) == (None, None, None, ())
    assert not found.first_pass_done


def test_the_state_is_the_first_that_fits() -> None:
    view = View(Rules())
    settled(view, membership(1), 1)
    assert status(view).state is State.SYNCED
    view.differs()
    assert status(view).state is State.PENDING
    assert status(view, held=True).state is State.HELD
    view.block("a reason")
    assert status(view, held=True).state is State.WAITING
    assert status(view, held=True, lost=True).state is State.LOST
    assert status(view, held=True, lost=True, stopping=True).state is State.STOPPING


def test_a_reason_is_news_once() -> None:
    view = View(Rules())
    assert view.block("a reason")
    assert not view.block("a reason")
    assert view.block("another")


def test_in_sync_is_told_when_it_was_not_so_before() -> None:
    view = View(Rules())
    view.take(membership(1), NOW_US)
    told = view.settled(view.compare(tables(1), {}, SETTLED_US))
    assert told == [reports.Synced(nodes=1, fingerprint=status(view).fingerprint)]
    assert view.settled(NOTHING) == []
    view.differs()
    assert view.settled(NOTHING) == told


@pytest.mark.parametrize(
    "between", [membership(2), membership(1, 2, cluster="beta")], ids=["no member", "renamed"]
)
def test_excluded_own_node_is_so_again_after_a_reading_that_stopped_all(
    between: Membership,
) -> None:
    view = View(Rules(removals=RemovalRules(settle_us=0)))
    excluded = membership(member(1, addresses=("fd00::1",)), 2)
    settled(view, excluded, 2)
    before = status(view)
    assert before.state is State.PENDING
    view.take(between, NOW_US)
    assert view.block(view.no_step())
    view.desire()
    settled(view, excluded, 2)
    assert status(view) == before


def test_a_cluster_name_is_taken_once_and_only_if_ocfs2_takes_it() -> None:
    """A name that is empty while the manager starts must not block the right one later."""
    view = View(Rules())
    view.take(membership(1, cluster=""), NOW_US)
    seen = (view.cluster, "has no cluster name" in view.no_step())
    assert seen == (None, True)
    view.take(membership(1), NOW_US)
    assert (view.cluster, view.no_step()) == (CLUSTER, "")


def test_a_name_that_changes_under_a_running_daemon_is_never_followed() -> None:
    view = View(Rules())
    view.take(membership(1), NOW_US)
    view.take(membership(1, cluster="beta"), NOW_US)
    assert view.cluster == CLUSTER
    assert "changed from 'alpha' to 'beta'" in view.no_step()
    view.take(membership(1), NOW_US)
    assert view.no_step() == ""


@pytest.mark.parametrize("name", ["my-cluster", "a" * 17])
def test_a_name_that_ocfs2_cannot_have_is_the_reason_for_doing_nothing(name: str) -> None:
    view = View(Rules())
    view.take(membership(1, cluster=name), NOW_US)
    assert repr(name) in view.no_step()


def test_the_operators_name_only_confirms_the_managers() -> None:
    view = View(Rules(cluster="beta"))
    assert view.take(membership(1, cluster=""), NOW_US) is None
    expected = reports.WrongCluster(wanted="beta", found=CLUSTER)
    assert view.take(membership(1), NOW_US) == expected
    right = View(Rules(cluster=CLUSTER))
    assert right.take(membership(1), NOW_US) is None


def test_after_the_start_another_name_stops_nothing() -> None:
    view = View(Rules(cluster=CLUSTER))
    view.take(membership(1), NOW_US)
    assert view.take(membership(1, cluster="beta"), NOW_US) is None


@pytest.mark.row("not-a-member")
def test_who_is_no_member_of_the_cluster_does_nothing() -> None:
    view = View(Rules())
    view.take(membership(2, 3), NOW_US)
    assert view.no_step() == "this node is not a member of its cluster"
    assert view.own_name is None
    view.take(membership(), NOW_US)
    assert view.no_step() == "this node is not a member of its cluster"


def test_only_a_lost_node_of_the_table_can_be_forgotten() -> None:
    view = View(Rules())
    assert view.forget("n2") == "it is not in the table"
    settled(view, membership(1, 2), 1, 2)
    assert view.forget("n2") == "it is a member now"
    settled(view, membership(1), 1, 2)
    assert view.forget("n2") == ""
    assert view.forget("n9") == "it is not in the table"


def test_the_operators_word_ends_when_the_node_is_back() -> None:
    """The next time that it is lost, it may be alive: the word was about this time."""
    two_node = membership(1, two_node=True)
    view = View(Rules())
    settled(view, two_node, 1, 2)
    view.forget("n2")
    assert len(view.compare(tables(1, 2), {}, SETTLED_US).steps) == 1
    view.take(membership(2, two_node=True), NOW_US)  # it is back while we are no member ourselves
    view.take(two_node, NOW_US)
    assert view.compare(tables(1, 2), {}, SETTLED_US).steps == ()


def test_the_operators_word_ends_with_the_entry() -> None:
    two_node = membership(1, two_node=True)
    view = View(Rules())
    settled(view, two_node, 1, 2)
    view.forget("n2")
    view.compare(tables(1), {}, SETTLED_US)
    assert view.compare(tables(1, 2), {}, SETTLED_US).steps == ()


def test_the_status_shows_the_last_good_readings() -> None:
    view = View(Rules())
    settled(view, membership(1, 300), 1)
    found = status(view)
    assert [one.id for one in found.members] == [1, 300]
    assert [one.name for one in found.entries] == ["n1"]
    assert [left.id for left in found.left_out] == [300]
    assert (found.cluster, found.local_id, found.first_pass_done) == (CLUSTER, 1, True)


def excluded(now: Membership) -> Status:
    view = View(Rules())
    settled(view, now, 2)
    return status(view)


@pytest.mark.row("own-node")
def test_own_node_that_is_excluded_is_never_in_sync() -> None:
    """A mount that is let through without it fails, or worse."""
    found = excluded(membership(member(300), 2, local_id=300))
    assert found.state is State.PENDING
    reason = "this node (id 300) is excluded: its node id 300 is not an o2cb number"
    assert found.reason.startswith(reason)


def test_own_node_that_runs_under_another_id_than_the_list_says_is_never_in_sync() -> None:
    now = membership(replace(member(2), name="", listed=False), local_id=2)
    found = excluded(now)
    assert (found.state, [entry.name for entry in found.entries]) == (State.PENDING, ["n2"])
    assert found.reason.startswith("this node (id 2) is excluded: it runs as id 2, which the node")


@pytest.mark.row("own-node")
def test_cluster_is_not_made_for_nobody() -> None:
    view = View(Rules())
    view.take(membership(member(300), 2, local_id=300), NOW_US)
    found = view.compare(Tables(clusters=()), {}, SETTLED_US)
    assert (found.steps, found.pending) == ((), ())


def test_name_of_the_settings_takes_the_place_of_the_managers() -> None:
    view = View(Rules(cluster="my-cluster", o2cb_name="mycluster"))
    assert view.take(membership(1, cluster="my-cluster"), NOW_US) is None
    assert (view.cluster, view.no_step()) == ("mycluster", "")
    view.take(membership(1, cluster="other"), NOW_US)
    assert "the cluster's name changed from 'my-cluster' to 'other'" in view.no_step()
    assert "o2cbd flush --cluster mycluster" in view.no_step()


@pytest.mark.parametrize(
    ("name", "proposed"),
    [("my-cluster", "mycluster"), ("", "ocfs2"), ("a" * 20, "a" * 16), ("---", "ocfs2")],
)
def test_name_that_does_not_fit_gives_the_line_that_does(name: str, proposed: str) -> None:
    view = View(Rules())
    view.take(membership(1, cluster=name), NOW_US)
    line = f'write [cluster] o2cb_name = "{proposed}" in /etc/o2cbd/o2cbd.toml on all nodes'
    assert line in view.no_step()


@pytest.mark.row("all-reasons")
def test_all_reasons_are_given_at_once() -> None:
    """The name of the cluster does not hide what is wrong with the nodes."""
    view = View(Rules())
    view.take(membership(1, member(300), cluster="my-cluster"), NOW_US)
    view.block(view.no_step())
    view.desire()
    found = status(view)
    assert "o2cb_name" in found.reason
    assert "excluded" not in found.reason
    assert [one.id for one in found.left_out] == [300]
    assert [report.code for report in view.news()] == ["left-out"]
    assert view.news() == []


def test_removal_waits_from_each_change_of_members_or_quorum() -> None:
    view = View(Rules())
    settle_us = Rules().removals.settle_us
    view.take(membership(1, 2), 0)
    assert view.settled_us == settle_us
    view.take(membership(1, 2), 100)
    assert view.settled_us == settle_us
    view.take(membership(1, 2, quorum=Quorum.INQUORATE), 200)
    assert view.settled_us == settle_us + 200
    view.take(membership(1, member(2, incarnation=9), quorum=Quorum.INQUORATE), 300)
    assert view.settled_us == settle_us + 300
    view.unsettle()
    view.take(membership(1, member(2, incarnation=9), quorum=Quorum.INQUORATE), 400)
    assert view.settled_us == settle_us + 400


def test_state_that_waits_gives_the_reason_of_our_own_node_too() -> None:
    view = View(Rules())
    view.take(membership(member(300), cluster="my-cluster", local_id=300), NOW_US)
    view.block(view.no_step())
    view.desire()
    found = status(view)
    assert found.state is State.WAITING
    assert "o2cb_name" in found.reason
    assert "; this node (id 300) is excluded: its node id 300 is not an o2cb number" in found.reason
