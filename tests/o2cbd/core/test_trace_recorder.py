"""What a whole agent on a single host sees and does becomes records of a trace."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from fakecluster.testing.examples import CLUSTER, membership
from fakecluster.testing.single_host import Refuse, SingleHost
from o2cbd.core import effects, events, reports
from o2cbd.core.model import (
    CreateCluster,
    Membership,
    Pending,
    Quorum,
    Region,
    RemoveNode,
    SetAttribute,
    Usage,
    Why,
)
from o2cbd.core.records import Record, Value
from o2cbd.core.rules import Rules
from o2cbd.core.trace_recorder import TraceRecorder, in_use, traced_rules
from o2cbd.service.view import NOT_BEGUN

PID = 424_242
PATH = "/a/path/of/this/machine"


class Desk:
    """A single host whose agent is recorded."""

    def __init__(self, now: Membership | None = None) -> None:
        self.host = SingleHost(now)
        self.records: list[Record] = []
        self.recorder = TraceRecorder(self._emit)
        self.host.start(observer=self.recorder.note)

    def _emit(self, now_us: int, kind: str, what: str, detail: dict[str, Value]) -> None:
        seq = len(self.records) + 1
        self.records.append(
            Record(t_us=now_us, seq=seq, host=1, kind=kind, what=what, detail=detail)
        )

    def of(self, kind: str, what: str | None = None) -> list[dict[str, Value]]:
        """Return the fields of all records of a kind."""
        return [
            dict(one.detail)
            for one in self.records
            if one.kind == kind and what in {None, one.what}
        ]

    def words(self, *kinds: str) -> list[str]:
        """Return what happened, of these kinds."""
        return [one.what for one in self.records if one.kind in kinds]

    def change(self, now: Membership, *notices: events.Notice) -> None:
        """Let the manager say another thing, and tell the agent."""
        self.host.manager.membership = now
        self.host.manager.notices = list(notices) or [events.StateChange(quorate=True)]
        self.host.settle()


def test_a_start_is_a_view_and_its_steps() -> None:
    desk = Desk(membership(1, 2))
    desk.host.settle()

    assert [(one.kind, one.what) for one in desk.records[:2]] == [
        ("cman", "connected"),
        ("report", "manager-reached"),
    ]
    (view,) = desk.of("cman", "view")
    assert (view["members"], view["quorate"], view["two_node"]) == ("1-2", True, False)
    assert view["joined"] == [1, 2]
    assert view["left"] == []
    assert desk.words("step") == ["create-cluster", "add-node", "set-attribute", "add-node"]
    added = desk.of("step", "add-node")[1]
    assert (added["node"], added["num"], added["errno"], added["took_us"]) == ("n2", 2, "", 0)
    assert desk.of("step", "set-attribute")[0]["attribute"] == "local"
    assert desk.words("report")[-1] == "synced"


def test_a_view_says_who_came_and_went_and_which_incarnation() -> None:
    before = membership(1, 2, 3)
    desk = Desk(before)
    desk.host.settle()
    back = replace(before.members[1], incarnation=77)
    desk.change(replace(before, members=(before.members[0], back)))

    view = desk.of("cman", "view")[-1]
    assert (view["members"], view["joined"], view["incarnations"]) == ("1-2", [2], [77])
    assert view["left"] == [3]


def test_the_same_view_is_written_once() -> None:
    desk = Desk()
    desk.host.settle()
    desk.change(desk.host.manager.membership)

    assert len(desk.of("cman", "view")) == 1
    assert desk.of("notice", "state-change") == [{"quorate": True}]


def test_lost_quorum_alone_is_another_view() -> None:
    desk = Desk()
    desk.host.settle()
    now = desk.host.manager.membership
    desk.change(replace(now, quorum=Quorum.INQUORATE))
    desk.change(replace(now, quorum=Quorum.UNKNOWN))

    assert [view["quorate"] for view in desk.of("cman", "view")] == [True, False, None]


def test_after_a_lost_connection_the_view_is_written_whole_again() -> None:
    desk = Desk()
    desk.host.settle()
    desk.host.manager.die()
    desk.host.run_for(2_000_000)
    desk.host.manager.connect_error = None
    desk.host.run_for(20_000_000)

    assert [word for word in desk.words("cman") if word != "view"] == [
        "connected",
        "gone",
        "unreachable",
        "connected",
    ]
    assert desk.of("cman", "gone") == [{"errno": "EHOSTDOWN"}]
    assert desk.of("cman", "unreachable") == [{"errno": "ECONNREFUSED"}]
    assert desk.of("cman", "view")[-1]["joined"] == [1, 2, 3]


def test_a_pinned_node_is_one_failed_step_and_one_bar() -> None:
    """The retries in between say nothing new."""
    desk = Desk()
    desk.host.settle()
    desk.host.kernel.pinned.add("n3")
    desk.change(membership(1, 2))
    desk.host.run_for(5_000_000)
    desk.host.kernel.pinned.clear()
    desk.host.run_for(5_000_000)

    removals = [step for step in desk.of("step", "remove-node") if step["node"] == "n3"]
    assert [step["errno"] for step in removals] == ["EBUSY", ""]
    (began,) = desk.of("pending", "begin")
    assert (began["step"], began["node"], began["why"]) == ("remove-node", "n3", "pinned")
    (ended,) = desk.of("pending", "end")
    assert (ended["node"], ended["done"]) == ("n3", True)


def test_a_failure_with_another_errno_is_written() -> None:
    desk = Desk(membership(1, 2))
    step = CreateCluster(cluster=CLUSTER)
    desk.host.kernel.refusals = [
        Refuse(step=step, errno=errno.EIO, count=2),
        Refuse(step=step, errno=errno.ENOSPC, count=1),
    ]
    desk.host.run_for(30_000_000)

    assert [one["errno"] for one in desk.of("step", "create-cluster")] == ["EIO", "ENOSPC", ""]


def test_a_hold_of_another_is_a_bar_without_a_pid() -> None:
    desk = Desk()
    desk.host.settle()
    desk.host.hold.held_by = PID
    desk.change(membership(1, 2))
    desk.host.run_for(2_000_000)
    desk.host.hold.held_by = None
    desk.host.run_for(2_000_000)

    assert desk.words("hold") == ["begin", "end"]
    assert desk.of("hold", "begin") == [{"by": "another"}]
    assert str(PID) not in "".join(one.as_json() for one in desk.records)


def test_a_hold_ends_when_nothing_waits_for_it_any_more() -> None:
    """Nobody reports that, so it comes from the status."""
    desk = Desk()
    desk.host.settle()
    everybody = desk.host.manager.membership
    desk.host.hold.held_by = PID
    desk.change(membership(1, 2))
    desk.change(everybody)

    assert desk.words("hold") == ["begin", "end"]


def test_an_old_hold_is_told_without_its_pid() -> None:
    desk = Desk()
    desk.host.settle()
    desk.host.hold.held_by = PID
    desk.change(membership(1, 2))
    desk.host.run_for(70_000_000)

    (old,) = desk.of("report", "hold-old")
    assert str(old["text"]).startswith("an unknown process has held the semaphore for 60 s")
    assert str(PID) not in "".join(one.as_json() for one in desk.records)


def test_a_vote_says_why_in_general_words() -> None:
    desk = Desk()
    desk.host.settle()
    desk.host.usage.usage = Usage(
        regions=(Region(name="A" * 32, pid=PID),),
        mounts=(PATH,),
        held_by=PID,
        unreadable=(f"{PATH}: EIO",),
    )
    desk.host.manager.notices = [events.ShutdownAsked(forced=True, removed=False)]
    desk.host.settle()

    assert desk.of("notice", "shutdown-asked") == [{"forced": True, "removed": False}]
    assert desk.of("vote", "no") == [
        {
            "forced": True,
            "reason": "heartbeat runs in 1 region(s); OCFS2 is mounted at 1 place(s); another"
            " process holds the semaphore; 1 fact(s) cannot be read",
        }
    ]


def test_a_free_host_votes_yes_and_ends_quietly() -> None:
    desk = Desk()
    desk.host.settle()
    desk.host.manager.notices = [events.ShutdownAsked(forced=False, removed=False)]
    desk.host.settle()
    desk.host.agent.stop()
    desk.host.agent.step()

    assert desk.of("vote", "yes") == [
        {"forced": False, "reason": "no heartbeat, no mount, no hold"}
    ]
    assert desk.words("daemon") == ["stop-asked", "exit"]
    assert desk.of("daemon", "exit") == [{"code": 0}]
    assert desk.of("report", "stopping")[0]["text"] == "stopping; keeping the node tables"


def test_an_end_in_use_names_no_mount_point() -> None:
    desk = Desk()
    desk.host.settle()
    desk.host.usage.usage = Usage(mounts=(PATH,))
    desk.host.agent.stop()
    desk.host.agent.step()

    (told,) = desk.of("report", "stopping")
    assert "OCFS2 is mounted at 1 place(s)" in str(told["text"])
    assert PATH not in str(told["text"])


def test_tables_that_cannot_be_read_are_told_once_and_without_the_path() -> None:
    desk = Desk()
    desk.host.kernel.read_error = OSError(errno.EIO, "words", PATH)
    desk.host.run_for(3_000_000)
    desk.host.kernel.read_error = OSError(errno.EACCES, "words", PATH)
    desk.host.run_for(20_000_000)

    assert desk.of("table", "unread") == [{"errno": "EIO"}, {"errno": "EACCES"}]
    assert [one["text"] for one in desk.of("report", "blocked")] == [
        "making no changes: cannot read configfs (EIO)",
        "making no changes: cannot read configfs (EACCES)",
    ]


def test_a_manager_that_is_not_there_is_told_by_errno_alone() -> None:
    desk = Desk()
    desk.host.manager.connect_error = OSError(errno.ENOENT, "words of this system", PATH)
    desk.host.run_for(5_000_000)

    (told,) = desk.of("report", "manager-awaited")
    assert str(told["text"]).startswith("cannot reach the cluster manager: ENOENT;")


def test_readings_that_fail_are_one_record_an_errno() -> None:
    desk = Desk()
    desk.host.manager.read_errors = [
        OSError(errno.EIO, "x"),
        OSError(errno.EIO, "x"),
        OSError(errno.ENOMEM, "x"),
    ]
    desk.host.run_for(20_000_000)

    assert desk.of("cman", "unread") == [{"errno": "EIO"}, {"errno": "ENOMEM"}]


def test_a_semaphore_that_cannot_be_used_is_one_record() -> None:
    desk = Desk()
    desk.host.hold.error = OSError(errno.EACCES, "x")
    desk.host.run_for(5_000_000)

    assert desk.of("hold") == [{"errno": "EACCES"}]


def test_a_request_to_forget_is_written() -> None:
    desk = Desk()
    desk.host.settle()
    desk.host.agent.forget("n3")
    desk.host.settle()

    assert desk.of("daemon", "forget-asked") == [{"node": "n3"}]
    assert desk.words("report")[-1] == "forget-refused"


def test_a_changed_configuration_is_a_notice() -> None:
    desk = Desk()
    desk.host.settle()
    desk.change(desk.host.manager.membership, events.ConfigChange(version=9))

    assert desk.of("notice", "config-change") == [{"version": 9}]


def test_all_names_that_were_ever_seen_are_known() -> None:
    desk = Desk()
    desk.host.settle()
    desk.change(membership(1, 2))

    assert desk.recorder.names == {1: "n1", 2: "n2", 3: "n3"}


def test_reports_that_have_records_of_their_own_are_not_doubled() -> None:
    desk = Desk()
    desk.host.settle()

    assert "step" in {one.code for one in desk.host.reports}
    assert "step" not in desk.words("report")


def test_failing_steps_without_number_do_not_fill_the_memory() -> None:
    """What is kept to tell repetitions apart is bounded."""
    records: list[str] = []
    recorder = TraceRecorder(lambda _now, _kind, what, _detail: records.append(what))
    for number in range(3000):
        step = RemoveNode(cluster=CLUSTER, node=f"n{number}")
        recorder.note(events.StepFailed(step=step, errno=errno.EBUSY, detail=""), NOT_BEGUN, 0)

    assert len(records) == 3000
    assert len(recorder._failing_steps) <= 1000


@pytest.mark.parametrize(
    ("step", "word"),
    [
        (CreateCluster(cluster=CLUSTER), "create-cluster"),
        (RemoveNode(cluster=CLUSTER, node="n1"), "remove-node"),
        (SetAttribute(cluster=CLUSTER, node=None, attribute="x", value="1"), "set-attribute"),
    ],
)
def test_every_step_has_a_word(step: CreateCluster | RemoveNode | SetAttribute, word: str) -> None:
    assert step.word == word


def test_the_rules_that_a_trace_tells_are_those_that_decide_removals_and_entries() -> None:
    assert traced_rules(Rules()) == {
        "scope": "members",
        "port": "7777",
        "quorum": "require",
        "two_node": "wait",
    }


def test_nothing_in_use_is_the_empty_text() -> None:
    assert in_use(Usage()) == ""


def test_a_step_kept_back_by_a_hold_names_no_pid() -> None:
    records: list[dict[str, Value]] = []
    recorder = TraceRecorder(lambda _now, _kind, _what, detail: records.append(detail))
    step = RemoveNode(cluster=CLUSTER, node="n1")
    pending = Pending(step=step, why=Why.HELD, reason=f"process {PID} holds the semaphore")
    recorder.note(effects.Tell(report=reports.PendingBegan(pending=pending)), NOT_BEGUN, 0)

    expected = "another process holds the semaphore; waiting for its release"
    assert records[0]["reason"] == expected


def test_a_hold_that_failed_keeps_its_reason_in_a_pending_step() -> None:
    records: list[dict[str, Value]] = []
    recorder = TraceRecorder(lambda _now, _kind, _what, detail: records.append(detail))
    pending = Pending(
        step=RemoveNode(cluster=CLUSTER, node="n1"),
        why=Why.HELD,
        reason="cannot take the semaphore (EACCES)",
        errno=errno.EACCES,
    )
    told = effects.Tell(report=reports.PendingBegan(pending=pending))
    recorder.note(told, NOT_BEGUN, 0)

    assert (records[0]["reason"], records[0]["errno"]) == (pending.reason, "EACCES")
