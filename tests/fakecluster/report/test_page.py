"""The page as text: one file, one script, nothing of a trace that could be more than text."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from typing import Any

import pytest

from fakecluster.report.page import page_of, write_page


def page(trace: Any) -> str:
    return page_of(trace.header, trace.lines)


def data_of(text: str) -> Any:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_same_trace_gives_the_same_bytes(story: Any) -> None:
    assert page(story) == page(story)
    out = io.StringIO()
    write_page(out, story.header, story.lines)
    assert out.getvalue() == page(story)


def test_it_needs_nothing_else(story: Any) -> None:
    text = page(story)

    assert re.findall(r"\b(?:src|href)\s*=", text) == []
    assert re.findall(r"https?:|//[a-z]+\.|@import|url\(|\bfetch\(|XMLHttp|WebSocket", text) == []
    assert "default-src 'none'" in text


@pytest.mark.parametrize(("tag", "source"), [("style", "style-src"), ("script", "script-src")])
def test_the_policy_names_exactly_what_is_in_it(story: Any, tag: str, source: str) -> None:
    text = page(story)
    (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()

    assert f"{source} 'sha256-{digest}'" in text


@pytest.mark.parametrize(
    "hostile",
    [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        "<img src=x onerror=alert(1)>",
        "@style@ @script@ @data@",
        '"; alert(1); "',
        "&lt;b&gt; &amp;",
        "\\u003c/script>",
    ],
)
def test_what_a_trace_holds_stays_a_text(make_trace: Any, hostile: str) -> None:
    clean = page(make_trace(nodes=1))
    trace = make_trace(nodes=((1, hostile),), cluster=hostile, arm=hostile)
    trace.add(0, 1, "report", "x", severity="notice", text=hostile)
    text = page(trace)
    told = data_of(text)

    assert (told["cluster"], told["arm"], told["lanes"][1]["name"]) == (hostile,) * 3
    assert told["events"][0][4] == hostile
    for mark in ("<script", "</script", "<style", "<img", "<!--"):
        assert text.count(mark) == clean.count(mark)


def test_control_characters_and_undecodable_bytes_are_spelled_out(make_trace: Any) -> None:
    trace = make_trace(nodes=((1, "a\udcffb\x1b[31m\u202e"),))
    told = data_of(page(trace))

    assert told["lanes"][1]["name"] == "a\\udcffb\\x1b[31m\\u202e"


def test_it_says_what_the_header_says(make_trace: Any) -> None:
    trace = make_trace(utc="2026-01-01T00:00:00.000Z", lost=3)
    trace.add(77, 1, "verb", "start")
    told = data_of(page(trace))

    assert (told["seed"], told["arm"], told["lost"], told["origin"]) == (7, "sim", 3, 77)
    assert told["utc"] == "2026-01-01T00:00:00.000Z"
