"""The schema: every kind is described, and what does not fit is found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fakecluster.trace.schema import ANY, COMMON, HEADER, SHAPES, header_problems, problems

PAGE = (Path(__file__).parents[3] / "docs" / "trace.md").read_text(encoding="utf-8")

STEP: dict[str, Any] = {
    "t_us": 1,
    "seq": 1,
    "host": 1,
    "kind": "step",
    "what": "remove-node",
    "node": "n1",
    "errno": "EBUSY",
    "text": "remove node n1",
    "took_us": 0,
}
HEAD: dict[str, Any] = {
    "kind": "header",
    "schema": 1,
    "cluster": "c",
    "nodes": [{"id": 1, "name": "n1"}],
    "arm": "sim",
    "seed": 7,
    "rules": {},
    "options": {},
    "utc": None,
    "lost": 0,
}


def test_the_page_describes_every_kind_and_field() -> None:
    sections = {part.split(":", 1)[0].strip(): part for part in PAGE.split("\n### ")[1:]}
    assert set(sections) == set(SHAPES)
    for kind, shapes in SHAPES.items():
        rows = [line for line in sections[kind].splitlines() if line.startswith("| `")]
        described = {
            what: line.split("|", 2)[2]
            for line in rows
            for what in re.findall(r"`([^`]+)`", line.split("|")[1])
        }
        assert set(described) == set(shapes), kind
        for what, shape in shapes.items():
            told = dict(re.findall(r"`(\w+)` ([a-z]+(?: or null)?)", described[what]))
            assert told == {**shape.fields, **shape.optional} or shape.open, (kind, what)


def test_the_page_describes_the_common_fields_and_the_header() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| ([a-z ]+?) \|", PAGE, re.MULTILINE))
    assert {name: told[name] for name in COMMON} == dict(COMMON)
    assert {name: told[name] for name in HEADER} == dict(HEADER)
    assert {"nodes", "rules", "options"} <= set(told)


def test_a_right_line_has_no_problems() -> None:
    assert problems(STEP, strict=True) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"t_us": 1.5}, "t_us is no int"),
        ({"t_us": True}, "t_us is no int"),
        ({"seq": "1"}, "seq is no int"),
        ({"kind": None}, "kind is no text"),
        ({"t_us": -1}, "t_us is -1"),
        ({"host": -4}, "host is -4"),
        ({"errno": "no such file"}, "errno is no errno"),
        ({"errno": 16}, "errno is no errno"),
        ({"node": 7}, "node is no text or null"),
        ({"took_us": None}, "took_us is no int"),
        ({"port": "7777"}, "port is no int"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], problem: str) -> None:
    assert problems({**STEP, **change}) == [problem]


def test_a_missing_field_is_named() -> None:
    row = {name: value for name, value in STEP.items() if name != "text"}
    assert problems(row) == ["text is missing"]
    assert problems({"kind": "step"}) == [
        "t_us is no int",
        "seq is no int",
        "host is no int",
        "what is no text",
    ]


@pytest.mark.parametrize("errno", ["", "EBUSY", "ETIMEDOUT", "4095"])
def test_an_errno_is_a_symbol_digits_or_nothing(errno: str) -> None:
    assert problems({**STEP, "errno": errno}, strict=True) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "dream"}, "kind 'dream' is unknown"),
        ({"what": "sing"}, "step 'sing' is unknown"),
        ({"color": "red"}, "color is unknown"),
    ],
)
def test_the_unknown_passes_a_reader_and_no_writer(change: dict[str, Any], problem: str) -> None:
    assert problems({**STEP, **change}) == []
    assert problems({**STEP, **change}, strict=True) == [problem]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (0.5, "x is a float"),
        ([1, "2"], "x is no ints"),
        ({"a": 1}, "x is an object"),
        ("<thing at 0x7f0000aa>", "x holds an address in memory"),
    ],
)
def test_what_no_field_may_be_is_found_in_open_kinds_too(value: object, problem: str) -> None:
    verb = {"t_us": 0, "seq": 1, "host": 0, "kind": "verb", "what": "kill"}
    assert problems({**verb, "x": value}, strict=True) == [problem]


def test_a_member_list_must_be_spelled_as_one() -> None:
    view = {"t_us": 0, "seq": 1, "host": 1, "kind": "cman", "what": "view"}
    fields = {"quorate": None, "two_node": False, "joined": [1], "incarnations": [4], "left": []}
    assert problems({**view, **fields, "members": "1-3,7"}, strict=True) == []
    assert problems({**view, **fields, "members": "many"}) == ["members is no ids"]
    assert problems({**view, **fields, "members": 7}) == ["members is no ids"]
    assert problems({**view, **fields, "members": "", "joined": "1"}) == ["joined is no ints"]


def test_what_is_not_named_falls_under_any() -> None:
    row = {"t_us": 0, "seq": 1, "host": 1, "kind": "cman", "what": "ring", "detail": "4: +[1]"}
    assert ANY in SHAPES["cman"]
    assert problems(row, strict=True) == []


def test_a_right_header_has_no_problems() -> None:
    assert header_problems(HEAD) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "step"}, "the first line is no header"),
        ({"schema": 2}, "schema 2 is not 1"),
        ({"seed": "x"}, "seed is no int or null"),
        ({"cluster": None}, "cluster is no text"),
        ({"rules": []}, "rules is no object"),
        ({"nodes": {}}, "nodes is no list of objects with id and name"),
        ({"nodes": [{"id": 1}]}, "nodes is no list of objects with id and name"),
        ({"nodes": [{"id": -1, "name": "x"}]}, "nodes is no list of objects with id and name"),
        ({"nodes": [{"id": 1, "name": "a"}] * 2}, "nodes holds an id twice"),
    ],
)
def test_a_wrong_header_is_refused(change: dict[str, Any], problem: str) -> None:
    assert header_problems({**HEAD, **change}) == [problem]
