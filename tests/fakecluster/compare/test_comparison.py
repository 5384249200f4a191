"""What makes two runs differ, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from fakecluster.compare.comparable_events import spoken_as
from fakecluster.compare.comparison import ONLY_A, ONLY_B, ORDER, OUTCOME, UNTOLD, VERB


def told(comparison: Any) -> list[tuple[str, int, int]]:
    return [(one.kind, one.stage, one.host) for one in comparison.differences]


def test_other_times_make_no_difference(make_run: Any, real: Any, beside: Any) -> None:
    compared = beside(make_run().death(), real().death())

    assert compared.agree
    assert [[verb.what for verb in stage.verbs] for stage in compared.stages] == [
        ["daemon-start", "daemon-start"],
        ["kill"],
    ]
    assert compared.stages[1].settled_us == (3_000, 150_000)


def test_a_missing_step_differs(make_run: Any, real: Any, beside: Any) -> None:
    b = real().death()
    b.lines.pop()
    compared = beside(make_run().death(), b)

    assert told(compared) == [(ONLY_A, 1, 1)]
    assert compared.differences[0].a == "done: remove-node node2 10.0.0.2"


def test_a_step_too_many_differs(make_run: Any, real: Any, beside: Any) -> None:
    compared = beside(make_run().death(), real().death().step(1, "add-node", 2))

    assert told(compared) == [(ONLY_B, 1, 1)]


def test_another_errno_differs(make_run: Any, real: Any, beside: Any) -> None:
    a, b = make_run().begin(), real().begin()
    a.verb(2, "kill").step(1, "remove-node", 2, "EBUSY")
    b.verb(2, "kill").step(1, "remove-node", 2, "EIO")
    compared = beside(a, b)

    assert told(compared) == [(OUTCOME, 1, 1)]
    assert compared.differences[0].b == "failed: remove-node node2 10.0.0.2 [EIO]"


def test_another_reason_to_wait_differs(make_run: Any, real: Any, beside: Any) -> None:
    a, b = make_run().begin(), real().begin()
    a.verb(2, "kill").pending(1, "begin", "pinned")
    b.verb(2, "kill").pending(1, "begin", "inquorate")

    assert told(beside(a, b)) == [(OUTCOME, 1, 1)]


def test_another_order_on_one_host_differs(make_run: Any, real: Any, beside: Any) -> None:
    a = make_run().verb(1, "daemon-start").step(1, "add-node", 1).step(1, "add-node", 2)
    b = real().verb(1, "daemon-start").step(1, "add-node", 2).step(1, "add-node", 1)

    assert told(beside(a, b)) == [(ORDER, 0, 1)]


def test_another_order_among_hosts_does_not(make_run: Any, real: Any, beside: Any) -> None:
    a = make_run().verb(0, "heal").step(1, "add-node", 2).step(2, "add-node", 1)
    b = real().verb(0, "heal").step(2, "add-node", 1).step(1, "add-node", 2)

    assert beside(a, b).agree


def test_another_verb_and_another_argument_differ(make_run: Any, real: Any, beside: Any) -> None:
    a = make_run().begin().verb(0, "partition", groups="1/2").view(1, "1").verb(1, "mount")
    b = real().begin().verb(0, "partition", groups="2/1").view(1, "1").verb(1, "umount")

    assert told(beside(a, b)) == [(VERB, 1, 0), (VERB, 1, 1), (VERB, 1, 1)]


def test_what_one_run_did_not_write_down_of_a_verb_is_no_difference(
    make_run: Any, real: Any, beside: Any
) -> None:
    a = make_run().verb(1, "notice", count=1, delay_us=7).view(1, "1")
    b = real().verb(1, "notice", count=1).view(1, "1")

    assert beside(a, b).agree


def test_what_came_after_the_next_verb_is_shown_as_moved(
    make_run: Any, real: Any, beside: Any
) -> None:
    """The scenario went on before host 2 was through: that is time alone."""
    a = make_run().begin().verb(0, "partition").view(1, "1").view(2, "2")
    a.verb(0, "heal").view(1, "1-2").view(2, "1-2")
    b = real().begin().verb(0, "partition").view(1, "1")
    b.verb(0, "heal").view(2, "2").view(1, "1-2").view(2, "1-2")
    compared = beside(a, b)

    assert compared.agree
    assert compared.moved == 1


def test_verbs_at_one_go_are_one_stage_where_either_run_has_them_so(
    make_run: Any, real: Any, beside: Any
) -> None:
    a = make_run().verb(1, "daemon-start").verb(2, "daemon-start").view(1, "1").view(2, "1")
    b = real().verb(1, "daemon-start").view(1, "1").verb(2, "daemon-start").view(2, "1")
    compared = beside(a, b)

    assert (compared.agree, compared.moved, len(compared.stages)) == (True, 0, 1)


def test_a_killed_daemon_may_not_have_told_its_last_moves(
    make_run: Any, real: Any, beside: Any
) -> None:
    a, b = make_run().death(), real().death()
    b.lines = [line for line in b.lines if line.host != 2 or line.kind != "step"]
    compared = beside(a, b)

    assert (compared.agree, compared.untold) == (True, 2)
    rows = [pair.difference for pair in compared.pairs[2]]
    assert rows == ["", "", UNTOLD, UNTOLD, ""]


def test_a_simulated_daemon_tells_everything(make_run: Any, beside: Any) -> None:
    a, b = make_run().death(), make_run().death()
    b.lines = [line for line in b.lines if line.host != 2 or line.kind != "step"]

    assert told(beside(a, b)) == [(ONLY_A, 0, 2), (ONLY_A, 0, 2)]


@pytest.mark.parametrize(
    "line",
    [
        ("report", "synced", {"severity": "notice", "text": "in sync"}),
        ("notice", "state-change", {"quorate": True}),
        ("cman", "ring", {"detail": "8"}),
        ("cman", "unreachable", {"errno": "ENOENT"}),
        ("call", "mkdir", {"path": "/c", "value": "", "errno": ""}),
        ("verb", "set-rules", {}),
    ],
)
def test_what_is_no_move_is_not_compared(
    make_run: Any, real: Any, beside: Any, line: tuple[str, str, Any]
) -> None:
    kind, what, detail = line
    assert beside(make_run().death().add(1, kind, what, **detail), real().death()).agree


def test_a_view_that_says_nothing_new_is_no_move(make_run: Any, real: Any, beside: Any) -> None:
    assert beside(make_run().death().view(1, "1"), real().death()).agree


def test_a_host_that_fenced_itself_has_lost_its_tables(
    make_run: Any, real: Any, beside: Any
) -> None:
    """Only a simulation says so; a real daemon that starts again was killed before."""
    a, b = make_run().begin().verb(2, "stall-disk"), real().begin().verb(2, "stall-disk")
    a.add(2, "verb", "fenced-itself")
    for run in (a, b):
        run.add(2, "daemon", "killed").verb(1, "heal")
    compared = beside(a, b)

    assert compared.agree
    assert [(end[-1][2].state, end[-1][2].table) for end in compared.ends] == [
        ("no daemon", ()),
        ("no daemon", ()),
    ]


def test_how_every_host_stands_is_followed(make_run: Any, real: Any, beside: Any) -> None:
    a, b = make_run().death(), real().death()
    a.pending(1, "begin")
    first, second = beside(a, b).ends

    assert first[0][2].table == ("node1", "node2")
    assert (first[1][2].state, first[1][2].table) == ("no daemon", ())
    assert (first[1][1].state, second[1][1].state) == ("pending", "synced")
    assert (second[1][1].members, second[1][1].table) == ("1", ("node1",))


def test_other_addresses_differ_unless_they_are_said_to_be_the_same(
    make_run: Any, real: Any, beside: Any
) -> None:
    a, b = make_run().death(), real()
    b.network = "10.77.0"
    b.death()
    assert {one.kind for one in beside(a, b).differences} == {OUTCOME}

    _, lines = spoken_as(b.header, b.lines, {"10.77.0": "10.0.0"})
    b.lines = list(lines)
    assert beside(a, b).agree


def test_names_are_said_whole_or_not_at_all(make_run: Any) -> None:
    run = make_run().step(1, "add-node", 1)
    header, lines = spoken_as(run.header, run.lines, {"node": "x", "node1": "alpha", "10.0": "9"})

    assert header.nodes[0] == (1, "alpha")
    assert lines[0].detail["node"] == "alpha"
    assert lines[0].detail["address"] == "9.0.1"
    assert lines[0].detail["text"] == "add-node alpha 9.0.1"


def test_empty_runs_agree(make_run: Any, real: Any, beside: Any) -> None:
    assert beside(make_run(), real()).agree


def test_a_run_against_nothing_has_every_move_alone(make_run: Any, real: Any, beside: Any) -> None:
    compared = beside(make_run().death(), real())

    assert {one.kind for one in compared.differences} == {ONLY_A, VERB}
    assert len(compared.differences) == 8 + 3 + 3
