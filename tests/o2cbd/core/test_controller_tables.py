"""The controller in an agent on a single host: who is in the tables."""

from __future__ import annotations

import errno

import pytest

from fakecluster.testing.examples import CLUSTER, absentee, member, membership
from fakecluster.testing.single_host import (
    CREATE,
    LOCAL,
    RESYNC_US,
    SingleHost,
    add,
    filled,
    remove,
)
from o2cbd.core import reports
from o2cbd.core.events import ManagerLost
from o2cbd.core.model import (
    Quorum,
    State,
    Step,
)
from o2cbd.core.rules import SECOND_US, Rules, Scope, TableRules

# --- who is in the table -------------------------------------------------------------------------


@pytest.mark.row("scope-configured")
def test_scope_configured_keeps_lost_nodes_in_the_table() -> None:
    rules = Rules(table=TableRules(scope=Scope.CONFIGURED))
    host = SingleHost(membership(1, absentee(2, addresses=("10.0.0.2",))), rules)
    host.settle()
    assert list(host.kernel.nodes) == ["n1", "n2"]


@pytest.mark.row("left-out")
def test_who_is_left_out_is_told_once_and_shown() -> None:
    host = SingleHost(membership(1, 300))
    host.settle()
    host.run_for(2 * RESYNC_US)
    assert [one.id for one in host.reported(reports.NodeLeftOut)] == [300]
    assert [one.id for one in host.status.left_out] == [300]
    assert host.status.state is State.SYNCED


@pytest.mark.row("incarnation")
def test_a_new_incarnation_is_noticed_and_the_right_entry_left_alone() -> None:
    host = filled(1, 2)
    host.manager.membership = membership(1, member(2, incarnation=9))
    host.notify()
    assert host.kernel.journal == []
    assert host.reported(reports.MemberRejoined) == [
        reports.MemberRejoined(id=2, name="n2", was=4, incarnation=9)
    ]


@pytest.mark.row("incarnation")
def test_a_new_incarnation_under_a_hold_is_noticed_too() -> None:
    host = filled(1, 2)
    host.hold.held_by = 7
    host.manager.membership = membership(1, member(2, incarnation=9), 3)
    host.notify()
    host.hold.held_by = None
    host.run_for(SECOND_US)
    assert host.kernel.journal == [add(3)]
    assert len(host.reported(reports.MemberRejoined)) == 1


@pytest.mark.row("stale-entry")
def test_a_stale_entry_is_removed_like_a_departed_node() -> None:
    host = SingleHost(membership(1, quorum=Quorum.INQUORATE))
    host.kernel.make_cluster(CLUSTER)
    host.kernel.put("stale", num=9, address="10.0.0.9", port=7777)
    host.settle()
    assert "stale" in host.kernel.nodes
    host.manager.membership = membership(1)
    host.notify()
    assert list(host.kernel.nodes) == ["n1"]


# --- what is still to be done --------------------------------------------------------------------


def test_the_status_shows_the_steps_that_are_left_while_they_are_done() -> None:
    """For who asks while a step is slow, or stuck."""
    host = SingleHost(membership(1, 2))
    seen: list[tuple[Step, ...]] = []
    host.kernel.after = lambda _step: seen.append(host.status.steps)
    host.settle()
    assert seen == [(CREATE,), (add(1), LOCAL, add(2)), (LOCAL, add(2)), (add(2),)]
    assert host.status.steps == ()


def test_no_step_is_left_that_waits_for_a_release_a_manager_or_nothing_any_more() -> None:
    held = filled(1, 2)
    held.hold.held_by = 7
    held.manager.membership = membership(1)
    held.notify()
    assert (held.status.steps, list(held.pending)) == ((), [remove(2)])
    lost = SingleHost(membership(1, 2))

    def die(_step: Step) -> None:
        lost.manager.notices.append(ManagerLost(errno=errno.EHOSTDOWN))
        lost.manager.connect_error = OSError(errno.ECONNREFUSED, "nobody listens")

    lost.kernel.after = die
    lost.settle()
    assert (lost.kernel.journal, lost.status.state, lost.status.steps) == (
        [CREATE],
        State.LOST,
        (),
    )
    stopped = SingleHost(membership(1, 2, 3))
    stopped.kernel.make_cluster(CLUSTER)
    stopped.kernel.after = lambda _step: stopped.agent.stop()
    stopped.settle()
    assert (stopped.kernel.journal, stopped.status.steps) == ([add(1)], ())
