"""What the timeline draws of a trace, worked out without a browser."""

from __future__ import annotations

from typing import Any

from fakecluster.report.timeline import (
    BAR_ROWS_MAX,
    INQUORATE,
    LOST,
    NO_CAUSE,
    QUORATE,
    UNKNOWN,
    timeline_of,
)
from fakecluster.report.timeline_data import as_data


def drawn(trace: Any) -> Any:
    return timeline_of(trace.header, trace.lines)


def test_lane_0_is_the_cluster_and_the_others_are_the_nodes_by_id(make_trace: Any) -> None:
    trace = make_trace(nodes=((9, "nine"), (2, "two")))
    trace.add(0, 5, "verb", "start")

    assert drawn(trace).lanes == ((0, "made"), (2, "two"), (5, "node 5"), (9, "nine"))


def test_a_band_lasts_until_the_next_view(make_trace: Any) -> None:
    trace = make_trace(nodes=1)
    trace.view(100, 1, "1", quorate=False)
    trace.view(300, 1, "1-2")
    trace.view(400, 1, "1-3", quorate=None)
    trace.add(900, 0, "verb", "heal")

    bands = [(one.begin_us, one.end_us, one.state, one.members) for one in drawn(trace).bands]
    assert bands == [
        (0, 200, INQUORATE, "1"),
        (200, 300, QUORATE, "1-2"),
        (300, 800, UNKNOWN, "1-3"),
    ]


def test_a_lost_manager_is_a_band_of_its_own(make_trace: Any) -> None:
    trace = make_trace(nodes=1)
    trace.view(0, 1, "1")
    trace.add(10, 1, "cman", "gone", errno="EHOSTDOWN")
    trace.view(30, 1, "1")
    trace.add(40, 1, "daemon", "killed")

    assert [(one.begin_us, one.end_us, one.state) for one in drawn(trace).bands] == [
        (0, 10, QUORATE),
        (10, 30, LOST),
        (30, 40, QUORATE),
    ]


def test_a_killed_daemon_ends_its_band_its_bars_and_its_life(make_trace: Any) -> None:
    trace = make_trace(nodes=1)
    trace.add(0, 1, "daemon", "start")
    trace.view(5, 1, "1-2")
    trace.pending(10, 1, "begin", "node2", "EBUSY")
    trace.add(12, 1, "hold", "begin", by="another")
    trace.add(20, 1, "daemon", "killed")
    trace.add(50, 0, "verb", "heal")
    timeline = drawn(trace)

    assert timeline.lives == [(1, 0, 20)]
    assert [(one.begin_us, one.end_us) for one in timeline.bands] == [(5, 20)]
    assert [(one.begin_us, one.end_us, one.hold) for one in timeline.bars] == [
        (10, 20, False),
        (12, 20, True),
    ]


def test_what_is_open_at_the_end_lasts_to_the_end(make_trace: Any) -> None:
    trace = make_trace(nodes=2)
    trace.add(0, 1, "daemon", "start")
    trace.pending(10, 1, "begin", "node2")
    trace.add(10, 0, "cman", "partition", detail="1/2")
    trace.add(10, 0, "cman", "cut", detail="1->2")
    trace.add(99, 0, "end", "good", code=0, lines=1, violations=0)
    timeline = drawn(trace)

    assert (timeline.end_us, timeline.outcome) == (99, "good")
    assert [one.end_us for one in timeline.bars] == [99]
    assert [one.end_us for one in timeline.splits] == [99]
    assert timeline.cuts == [(10, 99, 1, 2)]
    assert timeline.lives == [(1, 0, 99)]


def test_bars_lie_below_each_other_and_use_free_rows_again(make_trace: Any) -> None:
    trace = make_trace(nodes=1)
    trace.pending(0, 1, "begin", "a")
    trace.pending(1, 1, "begin", "b")
    trace.pending(2, 1, "end", "a")
    trace.pending(3, 1, "begin", "c")
    trace.pending(4, 1, "begin", "d")
    trace.add(9, 0, "verb", "heal")

    bars = sorted(drawn(trace).bars, key=lambda one: one.begin_us)
    assert [(one.begin_us, one.end_us, one.row) for one in bars] == [
        (0, 2, 0),
        (1, 9, 1),
        (3, 9, 0),
        (4, 9, 2),
    ]


def test_more_bars_than_rows_share_the_last_one(make_trace: Any) -> None:
    trace = make_trace(nodes=1)
    for number in range(BAR_ROWS_MAX + 3):
        trace.pending(number, 1, "begin", f"n{number}")
    timeline = drawn(trace)

    assert max(one.row for one in timeline.bars) == BAR_ROWS_MAX - 1
    assert timeline.bar_rows == BAR_ROWS_MAX


def test_a_pending_step_with_another_reason_is_another_bar(make_trace: Any) -> None:
    trace = make_trace(nodes=1)
    trace.pending(0, 1, "begin", "a")
    trace.pending(5, 1, "begin", "a", "EBUSY")
    trace.pending(9, 1, "end", "a")

    assert [(one.begin_us, one.end_us) for one in drawn(trace).bars] == [(0, 5), (5, 9)]


def test_partitions_follow_each_other_and_heal(make_trace: Any) -> None:
    trace = make_trace()
    trace.add(0, 0, "cman", "partition", detail="1,2/3")
    trace.add(5, 0, "cman", "partition", detail="1/2,3")
    trace.add(9, 0, "cman", "heal", detail="")
    trace.add(20, 0, "verb", "x")

    assert [(one.begin_us, one.end_us, one.groups) for one in drawn(trace).splits] == [
        (0, 5, ("1,2", "3")),
        (5, 9, ("1", "2,3")),
    ]


def test_one_way_cuts_last_until_they_are_mended_or_healed(make_trace: Any) -> None:
    trace = make_trace()
    trace.add(0, 0, "cman", "cut", detail="1->2")
    trace.add(1, 0, "cman", "cut", detail="2->3")
    trace.add(4, 0, "cman", "mend", detail="1->2")
    trace.add(6, 0, "cman", "heal", detail="")
    trace.add(7, 0, "cman", "cut", detail="nonsense")
    trace.add(8, 0, "cman", "mend", detail="3->1")

    assert drawn(trace).cuts == [(0, 4, 1, 2), (1, 6, 2, 3)]


def test_arrows_go_to_the_lanes_that_there_are(make_trace: Any) -> None:
    trace = make_trace(nodes=((4, "a"), (7, "b")))
    trace.add(10, 4, "message", "goodbye", to="7,99", arrives_us=25)

    (arrow,) = drawn(trace).arrows
    assert (arrow.lane, arrow.to, arrow.sent_us, arrow.arrives_us) == (1, (2,), 0, 15)


def test_a_step_is_led_back_to_the_view_and_that_to_the_verb(make_trace: Any) -> None:
    trace = make_trace()
    killed = trace.add(0, 3, "verb", "kill")
    view = trace.view(5, 1, "1-2")
    step = trace.step(6, 1, "remove-node", "node3", "EBUSY")
    elsewhere = trace.step(7, 2, "remove-node", "node3")
    events = drawn(trace).events

    assert events[step].cause == view
    assert events[view].cause == killed
    assert events[killed].cause == NO_CAUSE
    assert events[elsewhere].cause == killed


def test_events_have_glyphs_and_errnos(story: Any) -> None:
    timeline = drawn(story)
    glyphs = {event.glyph for event in timeline.events}

    assert glyphs == {"", "verb", "add", "failed", "asked", "no"}
    assert [one.errno for one in timeline.events if one.glyph == "failed"] == ["EBUSY"]


def test_loud_reports_and_failed_calls_are_marked(make_trace: Any) -> None:
    trace = make_trace()
    trace.add(0, 1, "report", "x", severity="error", text="bad")
    trace.add(0, 1, "report", "x", severity="notice", text="good")
    trace.add(0, 1, "call", "mkdir", path="/a", value="", errno="EIO")
    trace.add(0, 1, "call", "mkdir", path="/a", value="", errno="")
    trace.add(0, 1, "check", "violation", text="no")
    timeline = drawn(trace)

    assert [event.glyph for event in timeline.events] == ["error", "", "failed", "", "violation"]
    assert timeline.violations == 1


def test_a_recorders_daemon_lives_from_the_first_line(make_trace: Any) -> None:
    trace = make_trace(arm="daemon")
    trace.view(500, 2, "1-2")
    trace.add(900, 2, "notice", "state-change", quorate=True)
    timeline = drawn(trace)

    assert timeline.lives == [(2, 0, 400)]
    assert timeline.origin_us == 500


def test_an_empty_trace_can_be_drawn(make_trace: Any) -> None:
    timeline = drawn(make_trace(nodes=2))

    assert (timeline.events, timeline.bands, timeline.end_us) == ([], [], 0)
    assert as_data(timeline)["lanes"][0] == {"id": 0, "name": "made"}


def test_the_data_names_lanes_where_the_trace_names_nodes(make_trace: Any) -> None:
    trace = make_trace(nodes=((10, "a"), (20, "b")))
    trace.add(0, 0, "cman", "partition", detail="10/20,99")
    trace.add(5, 0, "cman", "heal", detail="")

    assert as_data(drawn(trace))["splits"] == [[0, 5, [[1], [2]]]]


def test_a_real_partition_is_shaded_though_only_the_verb_tells_of_it(make_trace: Any) -> None:
    trace = make_trace(arm="process", utc="2026-02-03T04:05:06.000000Z")
    trace.add(0, 1, "daemon", "start")
    trace.add(5, 0, "verb", "partition", groups="1,2/3")
    trace.add(6, 0, "verb", "cut", speaker=1, listener=2)
    trace.add(9, 0, "verb", "heal")
    made = timeline_of(trace.header, trace.lines)

    assert [(one.begin_us, one.end_us, one.groups) for one in made.splits] == [(5, 9, ("1,2", "3"))]
    assert made.cuts == [(6, 9, 1, 2)]


def test_a_partition_that_is_told_twice_is_one(story: Any) -> None:
    assert len(timeline_of(story.header, story.lines).splits) == 1


def test_a_real_daemon_that_is_met_in_mid_life_lived_before(make_trace: Any) -> None:
    trace = make_trace(arm="process", utc="2026-02-03T04:05:06.000000Z")
    trace.add(0, 2, "verb", "daemon-start")
    trace.view(10, 1, "1-2")
    trace.add(20, 2, "daemon", "start")
    trace.view(30, 2, "1-2")

    assert sorted(timeline_of(trace.header, trace.lines).lives) == [(1, 0, 30), (2, 20, 30)]
