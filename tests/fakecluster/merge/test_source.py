"""One host's lines: journals and dumps become records, and nothing is lost without a word."""

from __future__ import annotations

from typing import Any

import pytest

from fakecluster.merge.source import MAX_PROBLEMS, join_boots, read_source
from o2cbd.core import reports
from o2cbd.core.model import CreateCluster, Pending, RemoveNode, SetAttribute, Why
from o2cbd.core.reports import Report
from o2cbd.service.reports import AgentCrashed, Started, StopAsked, StoppedWhileStuck

END = reports.PendingEnded(
    pending=Pending(
        step=RemoveNode(cluster="o2", node="node3"), why=Why.PINNED, reason="", errno=16
    ),
    done=True,
)


def kinds(source: Any) -> list[tuple[str, str]]:
    return [(one.kind, one.what) for one in source.records if one.kind != "report"]


def test_a_journal_tells_the_life_of_a_daemon(make_lines: Any) -> None:
    source = read_source(make_lines().life(0).rows)

    assert source.problems == source.remarks == []
    assert kinds(source) == [
        ("daemon", "start"),
        ("cman", "connected"),
        ("cman", "view"),
        ("step", "create-cluster"),
        ("step", "add-node"),
    ]
    assert source.names == {1: "node1", 3: "node3"}
    assert source.clusters == ["o2"]
    view = next(one for one in source.records if one.what == "view")
    assert (view.detail["members"], view.detail["quorate"]) == ("1,3", True)
    add = source.records[-1].detail
    assert (add["num"], add["address"], add["port"]) == (3, "10.0.0.3", 7777)
    assert add["text"] == "add node node3 (3, 10.0.0.3:7777)"


def test_reports_that_are_no_records_stay_as_reports(make_lines: Any) -> None:
    source = read_source(make_lines().life(0).rows)

    told = [one.what for one in source.records if one.kind == "report"]
    assert told == ["started", "manager-reached", "quorum", "member-joined", "member-joined"]


def test_an_errno_of_a_pending_step_says_that_it_was_tried(
    make_lines: Any, pinned_report: Any
) -> None:
    source = read_source(make_lines().tell(0, pinned_report(16), END).rows)

    assert kinds(source) == [("step", "remove-node"), ("pending", "begin"), ("pending", "end")]
    assert [one.detail["errno"] for one in source.records] == ["EBUSY"] * 3


def test_a_step_that_was_not_even_tried_did_not_fail(make_lines: Any, pinned_report: Any) -> None:
    assert kinds(read_source(make_lines().tell(0, pinned_report(None)).rows)) == [
        ("pending", "begin")
    ]


SET = SetAttribute(cluster="o2", node="odd name", attribute="local", value="1")


@pytest.mark.parametrize(
    "report",
    [
        Started(version="1", configfs="/c", runtime_dir="/r"),
        StopAsked(signal="SIGTERM"),
        reports.ManagerAwaited(errno=111, detail="words"),
        reports.ManagerReached(again=True),
        reports.ManagerGone(errno=112),
        reports.MembershipUnreadable(errno=5),
        reports.Blocked(reason="a reason"),
        reports.HoldSeen(pid=7, steps=1),
        reports.HoldGone(),
        reports.HoldUnusable(errno=13, detail="a detail"),
        reports.HoldOld(pid=7, seconds=60, waiting=("a", "b")),
        reports.StepApplied(step=CreateCluster(cluster="o2")),
        reports.StepApplied(step=SET),
        reports.PendingBegan(pending=Pending(step=SET, why=Why.REGION, reason="a reason")),
        reports.PendingEnded(pending=Pending(step=SET, why=Why.HELD, reason=""), done=False),
        reports.Voted(yes=False, reason="mounted", forced=True),
        reports.Forgotten(node="node3"),
        reports.ForgetRefused(node="node3", reason="a member"),
        reports.Synced(nodes=2, fingerprint="f"),
    ],
    ids=lambda report: report.code,
)
def test_a_line_of_the_log_has_its_reports_records(make_lines: Any, report: Report) -> None:
    source = read_source(make_lines().tell(0, report).rows)

    records = [(one.kind, one.what, one.detail) for one in source.records]
    assert (source.problems, records) == ([], list(report.records))


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (reports.Stopping(in_use=""), 0),
        (StoppedWhileStuck(call="", state="stuck", steps_waiting=0), 0),
        (AgentCrashed(), 70),
        (reports.WrongCluster(wanted="a", found="b"), 78),
    ],
    ids=lambda value: getattr(value, "code", str(value)),
)
def test_the_last_report_of_a_life_has_its_exit(make_lines: Any, report: Report, code: int) -> None:
    source = read_source(make_lines().life(0).tell(9_000, report).rows)

    assert [one.detail for one in source.records if one.what == "exit"] == [{"code": code}]


def test_the_sentence_of_another_version_stays_and_other_data_are_no_problem(
    make_lines: Any,
) -> None:
    reached = make_lines().tell(0, reports.ManagerReached(again=False)).rows[0]
    synced = make_lines().tell(0, reports.Synced(nodes=1, fingerprint="f")).rows[0]
    rows = [
        reached.replace("connected to the cluster manager", "an older sentence"),
        synced.replace('"nodes"', '"entries"'),
    ]
    source = read_source(rows)

    assert source.problems == []
    assert [one.detail["text"] for one in source.records if one.kind == "report"] == [
        "an older sentence",
        "in sync: 1 node, fingerprint f",
    ]


def test_what_is_told_together_is_one_view_and_later_it_is_another(make_lines: Any) -> None:
    lines = make_lines().joined(0, 1, 2).joined(50_000, 3).joined(900_000, 4)
    lines.tell(1_900_000, reports.MemberLeft(id=2, name="node2"))
    views = [one for one in read_source(lines.rows).records if one.what == "view"]

    assert [one.detail["members"] for one in views] == ["1-3", "1-4", "1,3-4"]
    assert views[-1].detail["left"] == [2]


# --- journalctl ---------------------------------------------------------------------------------

EXITED = "98e322203f7a4ed290d09fe03c09fe15"


def test_entries_of_journalctl_hold_the_daemons_lines(make_lines: Any, noon_us: int) -> None:
    inner = make_lines().life(0).rows
    wrapped = make_lines()
    for row in inner:
        wrapped.entry(77_000, row, _PID="12", PRIORITY="6")
    wrapped.entry(80_000, "Main process exited", _PID="1", MESSAGE_ID=EXITED, EXIT_CODE="killed")
    source = read_source(wrapped.rows)

    assert source.records[0].t_us == noon_us  # the daemon's own time, not journald's
    assert kinds(source)[-1] == ("daemon", "killed")


def test_systemds_word_counts_only_where_the_daemon_has_not_said_it(make_lines: Any) -> None:
    lines = make_lines().life(0).tell(10_000, reports.Stopping(in_use=""))
    lines.entry(11_000, "exited", MESSAGE_ID=EXITED, EXIT_CODE="exited", EXIT_STATUS="0", _PID="1")

    assert kinds(read_source(lines.rows)).count(("daemon", "exit")) == 1


def test_an_exit_code_is_kept(make_lines: Any) -> None:
    lines = make_lines().life(0)
    lines.entry(11_000, "exited", MESSAGE_ID=EXITED, EXIT_CODE="exited", EXIT_STATUS="70", _PID="1")

    assert read_source(lines.rows).records[-1].detail == {"code": 70}


def test_texts_alone_are_kept_and_it_is_said_what_would_be_better(make_lines: Any) -> None:
    source = read_source(make_lines().entry(0, "in sync: 3 nodes", PRIORITY="5", _PID="9").rows)

    assert source.records[0].detail == {"severity": "notice", "text": "in sync: 3 nodes"}
    assert 'with [log] format = "json"' in source.remarks[0]


def test_a_message_in_bytes_is_text(make_lines: Any) -> None:
    source = read_source(make_lines().entry(0, [104, 105, 255]).rows)

    assert source.records[0].detail["text"] == "hi\\xff"


def test_a_log_for_people_is_kept_as_texts() -> None:
    source = read_source(["2026-11-28T06:50:45.401Z notice  in sync: 3 nodes"])

    assert source.records[0].detail == {"severity": "notice", "text": "in sync: 3 nodes"}
    assert len(source.remarks) == 1


# --- dumps and journals together ----------------------------------------------------------------


def test_a_dump_is_preferred_and_the_journal_tells_the_rest(make_lines: Any) -> None:
    """The first life has a journal alone, the second one both."""
    lines = make_lines().life(0).life(5_000_000)
    dump = make_lines().header(zero_us=4_000_000)
    dump.record(1_000_000, "daemon", "start").record(1_002_000, "cman", "connected")
    dump.record(1_009_000, "notice", "state-change", quorate=True)
    source = read_source(lines.rows, dump.rows)

    told = kinds(source)
    assert told.count(("daemon", "start")) == 2
    assert told[-3:] == [("daemon", "start"), ("cman", "connected"), ("notice", "state-change")]
    assert told.count(("step", "add-node")) == 1


def test_two_readings_of_one_clock_may_be_apart(make_lines: Any) -> None:
    """A busy machine: the dump names the same moments 80 ms later than the journal."""
    dump = make_lines().header().record(80_000, "daemon", "start")
    dump.record(90_000, "notice", "state-change", quorate=True)
    source = read_source(make_lines().life(0).rows, dump.rows)

    assert kinds(source) == [("daemon", "start"), ("notice", "state-change")]


def test_records_that_a_recorder_lost_are_taken_from_the_journal(make_lines: Any) -> None:
    dump = make_lines().header(lost=9).record(1_000_000, "notice", "config-change", version=2)
    source = read_source(dump.rows, make_lines().life(0).rows)

    assert kinds(source)[0] == ("daemon", "start")
    assert source.lost == 9
    assert source.remarks == ["9 earlier records were not kept by the flight recorder"]


# --- what is wrong ------------------------------------------------------------------------------


def test_a_cut_last_line_is_said_and_survived(make_lines: Any) -> None:
    rows = make_lines().life(0).rows
    rows[-1] = rows[-1][:70]
    source = read_source(rows)

    assert source.problems == []
    assert source.remarks == [f"a line is cut and was left out: {rows[-1][:60]!r}"]
    assert kinds(source)[-1] == ("step", "create-cluster")


def test_a_cut_dump_is_survived(make_lines: Any) -> None:
    dump = make_lines().header().record(1, "daemon", "start").record(2, "cman", "connected")
    dump.rows[-1] = dump.rows[-1][:20]
    source = read_source(dump.rows)

    assert (source.problems, kinds(source)) == ([], [("daemon", "start")])
    assert len(source.remarks) == 1


def test_a_traceback_between_reports_is_kept(make_lines: Any, noon_us: int) -> None:
    lines = make_lines()
    lines.rows.append("before anything")
    lines.life(0).rows.append("Traceback (most recent call last):")
    told = [one for one in read_source(lines.rows).records if one.what == "stderr"]

    assert [one.detail["text"] for one in told] == [
        "before anything",
        "Traceback (most recent call last):",
    ]
    assert [one.t_us - noon_us for one in told] == [0, 4_000]


def test_what_told_nothing_is_said() -> None:
    source = read_source(["", "\n"])

    assert (source.problems, source.remarks) == ([], ["no records in it"])


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (["just words"], "no line of it is a record of a dump or a line of a log"),
        (['{"answer": 42}'], "it has neither a MESSAGE nor code, severity and text"),
        (['{"MESSAGE": "x"}'], "it has no __REALTIME_TIMESTAMP"),
        (['{"code": "x", "severity": "info", "text": "", "time": "noon"}'], "its time 'noon'"),
        (['{"t_us": 1, "seq": 1, "host": 1, "kind": "daemon", "what": "start"}'], "no header"),
        (
            [
                '{"code":"step","severity":"info","text":"","data":{"step":5},"time":"2026-01-01T00Z"}'
            ],
            "the data of 'step' are not as it has them",
        ),
    ],
)
def test_what_is_no_record_is_told(rows: list[str], problem: str) -> None:
    (told,) = read_source(rows).problems
    assert problem in told


def test_a_dump_of_virtual_time_cannot_be_merged(make_lines: Any) -> None:
    (told,) = read_source(make_lines().header(utc=None).rows).problems
    assert "only a real clock can be merged" in told


def test_a_wrong_record_and_a_wrong_line_in_a_dump_are_told(make_lines: Any) -> None:
    lines = make_lines().header().record(5, "daemon", "exit")
    lines.rows += ["what is this", *make_lines().record(1, "daemon", "start").rows]
    told = read_source(lines.rows).problems

    assert "code is missing" in told[0]
    assert "'what is this' within a dump is no JSON object" in told[1]


def test_not_all_of_a_wrong_file_is_told() -> None:
    assert len(read_source(['{"answer": 42}'] * 50).problems) == MAX_PROBLEMS


def test_boots_have_clocks_of_their_own(make_lines: Any, noon_us: int) -> None:
    first = read_source(make_lines().life(0).rows)
    first.remarks.append("cut")
    second = read_source(make_lines().life(9_000_000).rows)

    whole = join_boots([(second, 4_000_000), (first, -2_000_000)])

    starts = [one.t_us - noon_us for one in whole.records if one.kind == "daemon"]
    assert starts == [2_000_000, 5_000_000]
    assert [one.t_us for one in whole.records] == sorted(one.t_us for one in whole.records)
    assert (whole.names, whole.clusters) == ({1: "node1", 3: "node3"}, ["o2", "o2"])
    assert whole.remarks == ["cut"]
