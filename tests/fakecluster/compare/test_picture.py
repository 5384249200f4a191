"""What the page of two runs draws: one place for what both did, a gap for what one did."""

from __future__ import annotations

from typing import Any

from fakecluster.compare.picture import data_of_both
from fakecluster.compare.stage_layout import PLACE, axis_of

X, LANE, KIND, GLYPH, TEXT, ERRNO, CAUSE = range(7)


def events(data: Any, glyph: str) -> list[Any]:
    return [event for event in data["events"] if data["glyphs"][event[GLYPH]] == glyph]


def test_what_both_did_stands_at_one_place(make_run: Any, real: Any, beside: Any) -> None:
    compared = beside(make_run().death(), real().death())
    axis = axis_of(compared)

    for pairs in compared.pairs.values():
        for pair in pairs:
            assert axis.moves[0][pair.a.index] == axis.moves[1][pair.b.index]


def test_what_only_one_did_leaves_a_gap(make_run: Any, real: Any, beside: Any) -> None:
    a = make_run().verb(0, "heal").step(1, "add-node", 1).step(1, "add-node", 2)
    b = real().verb(0, "heal").step(1, "add-node", 2)
    axis = axis_of(beside(a, b))

    assert axis.moves[0] == {1: PLACE, 2: 2 * PLACE}
    assert axis.moves[1] == {1: 2 * PLACE}


def test_moves_in_another_order_each_have_their_own_place(
    make_run: Any, real: Any, beside: Any
) -> None:
    a = make_run().verb(1, "x").step(1, "add-node", 1).step(1, "add-node", 2).step(1, "add-node", 3)
    b = real().verb(1, "x").step(1, "add-node", 3).step(1, "add-node", 1).step(1, "add-node", 2)
    axis = axis_of(beside(a, b))

    assert list(axis.moves[0].values()) == sorted(axis.moves[0].values())
    assert sorted(axis.moves[1].items()) == sorted(axis.moves[1].items(), key=lambda one: one[1])


def test_lanes_of_both_lie_above_each_other(make_run: Any, real: Any, beside: Any) -> None:
    data = data_of_both(beside(make_run().death(), real().death()))

    assert [lane["name"] for lane in data["lanes"]] == ["o2", "node1", "node2", "node1", "node2"]
    assert [(one["name"], one["first"], one["last"]) for one in data["compare"]["sides"]] == [
        ("sim", 1, 2),
        ("process", 3, 4),
    ]
    assert sorted({event[LANE] for event in events(data, "remove")}) == [1, 3]
    assert [stage["took"] for stage in data["compare"]["stages"]] == [
        ["9 ms", "450 ms"],
        ["3 ms", "150 ms"],
    ]
    assert data["compare"]["differences"] == []


def test_twins_find_each_other(make_run: Any, real: Any, beside: Any) -> None:
    data = data_of_both(beside(make_run().death(), real().death()))
    twins = data["compare"]["twins"]

    paired = [index for index, twin in enumerate(twins) if twin >= 0]
    assert len(paired) == 22
    for index in paired:
        assert twins[twins[index]] == index
        assert data["events"][index][TEXT] == data["events"][twins[index]][TEXT]


def test_a_missing_move_has_a_ghost_in_the_other_run(make_run: Any, real: Any, beside: Any) -> None:
    b = real().death()
    b.lines.pop()
    data = data_of_both(beside(make_run().death(), b))

    (ghost,) = events(data, "ghost")
    (step,) = events(data, "remove")
    assert ghost[TEXT] == "not here, only sim: done: remove-node node2 10.0.0.2"
    assert (ghost[LANE], ghost[X]) == (3, step[X])
    ((kind, marked),) = data["compare"]["differences"]
    assert kind == "only in the first"
    assert [data["events"][index][LANE] for index in marked] == [1, 3]


def test_causes_and_shapes_still_point_at_their_events(
    make_run: Any, real: Any, beside: Any
) -> None:
    data = data_of_both(beside(make_run().death(), real().death()))

    assert [event[X] for event in data["events"]] == sorted(event[X] for event in data["events"])
    for event in events(data, "remove"):
        cause = data["events"][event[CAUSE]]
        assert (cause[TEXT], cause[LANE]) == ("members 1, quorate", event[LANE])
    for lane, begin, _, _, members, index in data["bands"]:
        event = data["events"][index]
        assert (event[LANE], event[X]) == (lane, begin)
        assert f"members {members}," in event[TEXT]


def test_a_split_shades_the_lanes_of_its_own_run(make_run: Any, real: Any, beside: Any) -> None:
    def cut(run: Any) -> Any:
        return run.begin().verb(0, "partition", groups="1/2").view(1, "1").verb(0, "heal")

    data = data_of_both(beside(cut(make_run()), cut(real())))

    assert [split[2:] for split in data["splits"]] == [
        [[[1], [2]], 1, 2, 0],
        [[[3], [4]], 3, 4, 1],
    ]
    assert len(events(data, "verb")) == 2 + 4  # the network's verbs once, each host's twice


def test_real_times_stand_beside_the_places(make_run: Any, real: Any, beside: Any) -> None:
    data = data_of_both(beside(make_run().death(), real().death()))

    clocks = [
        clock
        for event, clock in zip(data["events"], data["clocks"], strict=True)
        if data["glyphs"][event[GLYPH]] == "remove"
    ]
    assert clocks == [13_000, 650_000]


def test_empty_runs_are_a_picture_too(make_run: Any, real: Any, beside: Any) -> None:
    data = data_of_both(beside(make_run(), real()))
    assert (data["events"], data["bands"]) == ([], [])
