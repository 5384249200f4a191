"""Several hosts and a verb log become one trace of the written schema."""

from __future__ import annotations

from typing import Any

import pytest

from fakecluster.clock import VirtualClock
from fakecluster.merge.merge import MergeError, merge
from fakecluster.merge.verb_log import PriorTrace, VerbLog
from fakecluster.trace.file import check_trace, parse_trace
from fakecluster.verbs import Kill, Partition, Start


def lives(trace: Any, host: int) -> list[tuple[int, str]]:
    return [
        (line.t_us, line.what)
        for line in trace.lines
        if line.host == host and line.kind in {"daemon", "verb"}
    ]


def account_of(make_lines: Any, *verbs: tuple[int, int, str]) -> Any:
    """Return the log of verbs: when, to whom, what."""
    lines = make_lines().header(arm="process", nodes=((1, "node1"), (3, "node3")))
    for t_us, host, what in verbs:
        lines.record(t_us, "verb", what)
        lines.rows[-1] = lines.rows[-1].replace('"host": 1', f'"host": {host}')
    return parse_trace("\n".join(lines.rows) + "\n")


def test_hosts_and_verbs_are_in_one_order_of_time_and_fit_the_schema(make_lines: Any) -> None:
    verb_log = account_of(make_lines, (500, 3, "kill"))
    records = {1: make_lines().life(1_000).rows, 3: make_lines().life(2_000).rows}
    trace = merge(records, verb_log, outcome="good").trace

    assert check_trace(trace.as_text().splitlines()) == []
    assert [line.t_us for line in trace.lines] == sorted(line.t_us for line in trace.lines)
    assert (trace.lines[0].kind, trace.lines[0].host, trace.lines[0].t_us) == ("verb", 3, 0)
    assert (trace.header.arm, trace.header.cluster) == ("process", "o2")
    assert trace.header.nodes == ((1, "node1"), (3, "node3"))
    assert trace.lines[-1].what == "good"


def test_clocks_are_set_by_their_offsets(make_lines: Any, noon_us: int) -> None:
    """Host 3 is 10 s ahead: what it tells happened 10 s before that."""
    records = {1: make_lines().life(0).rows, 3: make_lines().life(10_500_000).rows}
    trace = merge(records, offsets_us={3: 10_000_000}).trace

    starts = {line.host: line.t_us for line in trace.lines if line.what == "start"}
    assert starts == {1: 0, 3: 500_000}


def test_without_an_account_it_is_an_incident(make_lines: Any) -> None:
    trace = merge({1: make_lines().life(0).rows}).trace

    assert (trace.header.arm, trace.header.cluster) == ("daemon", "o2")
    assert trace.header.options == {"hosts": "1"}
    assert trace.header.utc is not None


def test_the_same_records_give_the_same_bytes(make_lines: Any) -> None:
    records = {1: make_lines().life(0).rows, 3: make_lines().life(0).rows}
    assert merge(records).trace.as_text() == merge(dict(reversed(records.items()))).trace.as_text()


def test_a_daemon_ends_where_it_was_killed(make_lines: Any) -> None:
    verb_log = account_of(make_lines, (1_000_000, 3, "daemon-kill"))
    trace = merge({3: make_lines().life(0).life(2_000_000).rows}, verb_log).trace

    assert lives(trace, 3) == [
        (0, "start"),
        (1_000_000, "daemon-kill"),
        (1_000_000, "killed"),
        (2_000_000, "start"),
    ]


def test_a_last_word_after_the_verb_is_still_its_own(make_lines: Any) -> None:
    verb_log = account_of(make_lines, (3_500, 3, "kill"))
    trace = merge({3: make_lines().life(0).rows}, verb_log).trace

    assert lives(trace, 3)[-1] == (4_000, "killed")
    assert trace.lines[-1].what == "killed"


def test_a_daemon_that_starts_again_without_an_end_was_killed(make_lines: Any) -> None:
    trace = merge({3: make_lines().life(0).life(2_000_000).rows}).trace

    assert lives(trace, 3) == [(0, "start"), (2_000_000, "killed"), (2_000_000, "start")]


def test_a_verb_kills_nobody_who_is_not_there(make_lines: Any) -> None:
    verb_log = account_of(make_lines, (0, 3, "kill"))
    trace = merge({3: make_lines().life(1_000_000).rows}, verb_log).trace

    assert lives(trace, 3) == [(0, "kill"), (1_000_000, "start")]


def test_what_systemd_says_before_a_start_is_no_life(make_lines: Any) -> None:
    rows = make_lines().entry(0, "Starting o2cbd.service...", _PID="1").life(1_000_000).rows
    trace = merge({3: rows}).trace

    assert lives(trace, 3) == [(1_000_000, "start")]
    assert (trace.lines[0].kind, trace.lines[0].what) == ("report", "systemd")


def test_everything_that_is_wrong_is_told_at_once(make_lines: Any) -> None:
    records = {1: ["nonsense"], 2: make_lines().life(0).rows, 3: ["more of it"]}
    with pytest.raises(MergeError) as caught:
        merge(records, offsets_us={9: 1})

    node1, node3, offset = caught.value.problems
    assert node1.startswith("node1: no line")
    assert node3.startswith("node3: no line")
    assert offset == "no records of node 9, which an offset is given for"


def test_remarks_name_their_node(make_lines: Any) -> None:
    rows = make_lines().life(0).rows
    merged = merge({1: [*rows, '{"code": "st'], 3: rows})

    assert merged.remarks[0].startswith("node1: a line is cut")


def test_an_account_is_kept_in_the_words_of_a_trace() -> None:
    clock = VirtualClock()
    verb_log = VerbLog(clock)
    verb_log.verb(Kill(node=3))
    clock.advance_to(2_000_000)
    verb_log.verb(Partition(groups=((1,), (2,))))
    verb_log.note(1, "check", "violation", text="a step while held")
    trace = verb_log.trace(arm="vm-corosync", cluster="o2", nodes={1: "a", 3: "c"})

    assert check_trace(trace.as_text().splitlines()) == []
    assert [(line.t_us, line.what) for line in trace.lines] == [
        (0, "kill"),
        (2_000_000, "partition"),
        (2_000_000, "violation"),
    ]
    assert trace.lines[1].detail == {"groups": "1/2"}
    assert merge({}, trace, outcome="safety").trace.lines[-1].detail["violations"] == 1


def test_an_account_goes_on_with_the_past_of_another() -> None:
    first = VirtualClock()
    before = VerbLog(first)
    before.verb(Start(node=3))
    first.advance_to(7_000_000)
    past = before.as_prior()
    later = VirtualClock(90_000_000)
    verb_log = VerbLog(later, past, went_on_us=later.now_us())
    later.advance_by(1_000_000)
    verb_log.verb(Kill(node=3))
    trace = verb_log.trace(arm="vm-corosync", cluster="o2", nodes={3: "c"})

    assert check_trace(trace.as_text().splitlines()) == []
    assert [(line.t_us, line.what) for line in trace.lines] == [(0, "start"), (8_000_000, "kill")]
    assert verb_log.as_prior() == PriorTrace(lines=trace.lines, ended_us=8_000_000)
    merged = merge({}, trace).trace
    assert [line.t_us for line in merged.lines] == [0, 8_000_000]
