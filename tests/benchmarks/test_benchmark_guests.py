"""What the spans of guests are taken from: traces of a join and of a death."""

from __future__ import annotations

from benchmarks import guests, tables
from benchmarks.guests import Figure, Floor, Guests, died, joined
from fakecluster.trace.events import Line
from o2cbd.core.records import Value


def line(t_us: int, host: int, kind: str, what: str, **detail: Value) -> Line:
    return Line(t_us=t_us, seq=0, host=host, kind=kind, what=what, detail=detail)


def test_a_join_is_measured_from_the_notice_before_the_view_that_has_it() -> None:
    lines = [
        line(1_000_000, 3, "verb", "daemon-start"),
        line(1_500_000, 1, "notice", "state-change"),
        line(2_000_000, 1, "notice", "state-change"),
        line(2_010_000, 1, "cman", "view", joined=[3]),
        line(2_000_000, 2, "notice", "state-change"),
        line(2_020_000, 2, "cman", "view", joined=[3]),
        line(2_100_000, 1, "report", "synced"),
        line(2_400_000, 2, "report", "synced"),
        line(3_000_000, 2, "notice", "state-change"),
        line(5_000_000, 3, "report", "synced"),
    ]
    assert joined(lines, 3, [1, 2]) == {guests.JOIN_OWN: 4.0, guests.JOIN_OTHERS: 0.4}


def test_a_death_ends_where_the_last_one_has_removed_the_entry() -> None:
    lines = [
        line(1_000_000, 3, "verb", "kill"),
        line(4_000_000, 1, "notice", "state-change"),
        line(4_500_000, 2, "notice", "state-change"),
        line(5_000_000, 1, "step", "remove-node", errno="EBUSY"),
        line(9_000_000, 1, "step", "remove-node", errno=""),
        line(9_500_000, 2, "step", "remove-node", errno=""),
    ]
    assert died(lines, 3, [1, 2]) == {guests.DEATH_WORD: 3.5, guests.DEATH_GONE: 8.5}


def test_a_figure_is_a_row_with_what_others_need_at_least() -> None:
    measured = Guests(
        members=3,
        acceleration="tcg",
        figures=(
            Figure(what="one", seconds=(3.0, 1.0, 2.0)),
            Figure(what="two", seconds=(9.0,), floor=Floor(seconds=6.0, whose="the heartbeat")),
        ),
    )
    assert tables.guests_rows(measured) == [
        ("3", "one", "2.0", "1.0", "-", "-"),
        ("3", "two", "9.0", "9.0", "6", "the heartbeat"),
    ]
