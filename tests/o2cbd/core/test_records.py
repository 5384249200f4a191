"""Records: one JSON object a line, and ids in few letters."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o2cbd.core.records import SCHEMA, Header, Record, Value, ids_of, ranges


def test_a_record_is_one_json_object_with_sorted_keys() -> None:
    record = Record(
        t_us=7, seq=1, host=2, kind="call", what="mkdir", detail={"path": "/a", "errno": ""}
    )

    assert record.as_json() == (
        '{"errno": "", "host": 2, "kind": "call", "path": "/a",'
        ' "seq": 1, "t_us": 7, "what": "mkdir"}'
    )


def test_a_field_cannot_hide_when_and_where_it_happened() -> None:
    hidden: dict[str, Value] = {"t_us": 0, "seq": 0, "host": 9, "kind": "x", "what": "y"}
    record = Record(t_us=7, seq=1, host=2, kind="call", what="mkdir", detail=hidden)

    row = json.loads(record.as_json())
    assert row == {"t_us": 7, "seq": 1, "host": 2, "kind": "call", "what": "mkdir"}


def test_a_line_is_ascii_whatever_a_name_holds() -> None:
    record = Record(t_us=0, seq=1, host=1, kind="x", what="y", detail={"node": "\udcff\n\u2028é"})

    assert record.as_json().isascii()
    assert "\n" not in record.as_json()


def test_a_header_is_a_record_before_all_others() -> None:
    header = Header(
        cluster="web",
        nodes=((1, "a"), (2, "é")),
        arm="sim",
        seed=7,
        rules={"port": "7777"},
        options={"nodes": 2},
    )

    line = header.as_json()
    assert line.isascii()
    assert json.loads(line) == {
        "t_us": 0,
        "seq": 0,
        "host": 0,
        "kind": "header",
        "what": "trace",
        "schema": SCHEMA,
        "cluster": "web",
        "nodes": [{"id": 1, "name": "a"}, {"id": 2, "name": "é"}],
        "arm": "sim",
        "seed": 7,
        "rules": {"port": "7777"},
        "options": {"nodes": 2},
        "utc": None,
        "lost": 0,
    }


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([], ""),
        ([5], "5"),
        ([0], "0"),
        ([1, 2], "1-2"),
        ([3, 1, 2, 7], "1-3,7"),
        ([1, 3, 5], "1,3,5"),
        ([1, 2, 2, 4, 5], "1-2,4-5"),
        (range(1, 256), "1-255"),
    ],
)
def test_ids_are_spelled_as_ranges(ids: list[int], text: str) -> None:
    assert ranges(ids) == text


@given(st.sets(st.integers(min_value=0, max_value=2**31 - 1)))
def test_what_is_spelled_can_be_read_back(ids: set[int]) -> None:
    assert ids_of(ranges(ids)) == tuple(sorted(ids))


@pytest.mark.parametrize("text", ["x", "1-", "-1", "1,,2", "2-1", "1-2-3", "0-4000000000", " 1"])
def test_what_is_no_list_of_ids_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no list of ids"):
        ids_of(text)
