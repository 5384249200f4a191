"""The terminal grid: a column a node, a line an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fakecluster.report.grid import COLUMNS_MAX, Grid, grid, mark
from fakecluster.trace.events import Line


def rows(trace: Any, kinds: frozenset[str] | None = None) -> list[str]:
    """Return the lines below the head."""
    head = len(list(Grid(trace.header, trace.lines).head()))
    return list(grid(trace.header, trace.lines, kinds))[head:]


def cells(row: str, nodes: int) -> str:
    return row[14 : 14 + 2 * nodes].rstrip()


def test_a_story_reads_line_by_line(story: Any) -> None:
    shown = rows(story)

    assert shown[0] == "     0.000000 >      node1   == start"
    assert shown[-1] == "    10.000000 | | :  cluster end: good, 0 violations"
    assert "     6.000000 X | :  node1   failed: remove node node3 [EBUSY]" in shown
    assert "     9.700000 | N :  node2   votes no: OCFS2 is mounted" in shown


def test_the_columns_follow_each_nodes_state(make_trace: Any) -> None:
    trace = make_trace(nodes=1)
    states = []
    made = Grid(trace.header)
    moments: tuple[Callable[[], object], ...] = (
        lambda: trace.add(0, 1, "daemon", "start"),
        lambda: trace.view(1, 1, "1", quorate=None),
        lambda: trace.view(1, 1, "1", quorate=False),
        lambda: trace.view(1, 1, "1-2"),
        lambda: trace.pending(2, 1, "begin", "n"),
        lambda: trace.add(3, 1, "hold", "begin", by="another"),
        lambda: trace.add(4, 1, "hold", "end", by="another"),
        lambda: trace.pending(5, 1, "end", "n"),
        lambda: trace.add(6, 1, "cman", "gone", errno="EHOSTDOWN"),
        lambda: trace.add(7, 1, "daemon", "exit", code=0),
    )
    for what in moments:
        what()
        made.line(trace.lines[-1])
        heal = Line(t_us=9, seq=1, host=0, kind="cman", what="x", detail={"detail": ""})
        states.append(cells(made.line(heal), 1))

    assert states == ["o", "?", ":", "|", "P", "H", "P", "|", "o", ""]


def test_what_is_done_to_the_network_goes_through_all_columns(make_trace: Any) -> None:
    trace = make_trace()
    trace.add(0, 0, "verb", "partition", groups="1/2,3")

    assert rows(trace) == ["     0.000000 = = =  cluster == partition 1/2,3"]


@pytest.mark.parametrize(
    ("kind", "what", "detail", "expected"),
    [
        ("step", "add-node", {"errno": ""}, "+"),
        ("step", "remove-node", {"errno": ""}, "-"),
        ("step", "remove-node", {"errno": "EBUSY"}, "X"),
        ("step", "set-attribute", {"errno": ""}, "*"),
        ("call", "mkdir", {"errno": "EIO"}, "X"),
        ("call", "mkdir", {"errno": ""}, "."),
        ("vote", "yes", {}, "Y"),
        ("vote", "no", {}, "N"),
        ("notice", "shutdown-asked", {}, "a"),
        ("notice", "state-change", {}, "."),
        ("pending", "begin", {"errno": "EBUSY"}, "p"),
        ("pending", "end", {}, "d"),
        ("hold", "begin", {}, "h"),
        ("hold", "end", {}, "r"),
        ("cman", "view", {}, "m"),
        ("cman", "gone", {"errno": "EHOSTDOWN"}, "x"),
        ("check", "violation", {}, "!"),
        ("check", "anything", {}, "!"),
        ("verb", "kill", {}, ">"),
        ("dream", "x", {}, "."),
    ],
)
def test_every_event_has_its_mark(
    kind: str, what: str, detail: dict[str, Any], expected: str
) -> None:
    assert mark(Line(t_us=0, seq=1, host=1, kind=kind, what=what, detail=detail)) == expected


def test_the_head_names_the_columns(make_trace: Any) -> None:
    head = list(Grid(make_trace(nodes=12).header).head())

    assert head[-2] == " " * 14 + "                  1 1 1"
    assert head[-1] == " " * 14 + "1 2 3 4 5 6 7 8 9 0 1 2"
    assert "VIOLATION" in "".join(head)


def test_sixteen_and_more_nodes_stand_without_gaps(make_trace: Any) -> None:
    trace = make_trace(nodes=16)
    trace.view(0, 16, "1-16")

    assert rows(trace) == ["     0.000000 " + " " * 15 + "m  node16  members 1-16, quorate"]


def test_many_nodes_share_columns_and_the_worst_state_shows(make_trace: Any) -> None:
    trace = make_trace(nodes=255)
    for host in range(1, 256):
        trace.view(0, host, "1-255", quorate=host != 6)
    trace.add(1, 1, "verb", "kill")
    last = rows(trace)[-1]

    assert last[14:].startswith(">:" + "|" * (COLUMNS_MAX - 2) + "  node1")
    assert "4 nodes" in "".join(Grid(trace.header).head())


def test_quiet_kinds_are_printed_only_when_asked_for(story: Any) -> None:
    assert not any("announcement" in row for row in rows(story))
    assert any("may the cluster shut down?" in row for row in rows(story))
    (only,) = rows(story, frozenset({"message"}))
    assert only.endswith("node1   announcement to 2-3")


def test_failed_calls_are_printed_and_good_ones_not(make_trace: Any) -> None:
    trace = make_trace(nodes=1)
    trace.add(0, 1, "call", "mkdir", path="/cluster/c", value="", errno="ENOSPC")
    trace.add(0, 1, "call", "write:num", path="/cluster/c/node/n/num", value="1", errno="")

    assert rows(trace) == ["     0.000000 X  node1   mkdir /cluster/c [ENOSPC]"]


def test_hosts_that_the_header_does_not_know_get_a_column(make_trace: Any) -> None:
    trace = make_trace(nodes=1)
    trace.add(0, 8, "verb", "start")

    assert rows(trace) == ["     0.000000   >  node 8  == start"]


def test_a_name_cannot_move_the_cursor(make_trace: Any) -> None:
    trace = make_trace(nodes=((1, "a\x1b[2J\nb"),))
    trace.add(0, 1, "report", "x", severity="notice", text="c\r\x1bd\u202e")
    (row,) = rows(trace)

    assert row.isprintable()
    assert row.endswith("c\\r\\x1bd\\u202e")


def test_a_recorders_times_begin_at_its_first_line(make_trace: Any) -> None:
    trace = make_trace(nodes=1, arm="daemon")
    trace.view(5_000_000_000, 1, "1")
    trace.view(5_001_500_000, 1, "1", quorate=False)

    assert [row[:13] for row in rows(trace)] == ["     0.000000", "     1.500000"]
