"""The trace: numbered lines of JSON with sorted keys."""

import json

from fakecluster.trace.events import Line, Trace


def test_lines_are_numbered_and_carry_the_virtual_time() -> None:
    lines: list[Line] = []
    now = [5]
    trace = Trace(lambda: now[0])
    trace.listen(lines.append)

    trace.add(1, "verb", "kill")
    now[0] = 9
    trace.add(0, "verb", "heal")

    assert [(line.t_us, line.seq, line.host, line.what) for line in lines] == [
        (5, 1, 1, "kill"),
        (9, 2, 0, "heal"),
    ]
    assert trace.count == 2


def test_a_line_is_one_json_object_with_sorted_keys() -> None:
    line = Line(
        t_us=7, seq=1, host=2, kind="call", what="mkdir", detail={"path": "/a", "errno": ""}
    )

    assert line.as_json() == (
        '{"errno": "", "host": 2, "kind": "call", "path": "/a",'
        ' "seq": 1, "t_us": 7, "what": "mkdir"}'
    )


def test_a_detail_cannot_hide_when_and_where_it_happened() -> None:
    line = Line(t_us=7, seq=1, host=2, kind="call", what="mkdir", detail={"t_us": 0, "host": 9})

    assert json.loads(line.as_json())["t_us"] == 7
    assert json.loads(line.as_json())["host"] == 2


def test_every_listener_hears_every_line() -> None:
    first: list[Line] = []
    second: list[Line] = []
    trace = Trace(lambda: 0)
    trace.listen(first.append)
    trace.add(1, "verb", "start")
    trace.listen(second.append)
    trace.add(1, "verb", "kill")

    assert [line.what for line in first] == ["start", "kill"]
    assert [line.what for line in second] == ["kill"]
