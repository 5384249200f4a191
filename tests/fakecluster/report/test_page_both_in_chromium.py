"""Two runs in one page, in a real browser: lanes of both, stages, differences."""

from __future__ import annotations

import copy
from typing import Any

import pytest

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("chromium")]

ROW = "document.querySelector('.row.now').dataset.index"
COLOR_OF_DIFFERENCES = """(() => {
  const canvas = document.getElementById("canvas"), wanted = [%s];
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    if (wanted.every((value, place) => Math.abs(pixels[at + place] - value) < 6)) count += 1;
  }
  return count;
})()"""

FIRST = """(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  return data.events.findIndex((event) => %s);
})()"""


@pytest.fixture
def other(story: Any) -> Any:
    """The same story with real daemons, where one failed step has another errno."""
    made = copy.deepcopy(story)
    for line in made.lines:
        if line.detail.get("errno") == "EBUSY" and line.kind == "step":
            line.detail["errno"] = "EIO"
    return made


def marked(page: Any, rgb: str) -> int:
    return int(page.run(COLOR_OF_DIFFERENCES % rgb))


@pytest.mark.parametrize(("scheme", "rgb"), [("light", "192,16,72"), ("dark", "255,107,149")])
def test_what_differs_is_marked_in_both_themes(
    open_page: Any, story: Any, other: Any, scheme: str, rgb: str
) -> None:
    assert marked(open_page(story, story, scheme=scheme), rgb) == 0
    page = open_page(story, other, scheme=scheme)

    assert marked(page, rgb) > 100
    assert page.text("#outcome") == "1 difference"
    assert page.run("document.getElementById('outcome').classList.contains('bad')")
    assert page.complaints == []


def test_runs_that_agree_say_so_and_have_no_difference_to_go_to(open_page: Any, story: Any) -> None:
    page = open_page(story, story)

    assert page.text("#outcome") == "the steps agree"
    assert "sim A and sim B" in page.text("#facts")
    assert page.run("document.getElementById('difference').hidden")
    assert page.run("document.getElementById('messages').hidden")
    assert [url.split(":")[0] for url in page.requests] == ["file"]


def test_one_key_goes_to_the_next_difference(open_page: Any, story: Any, other: Any) -> None:
    page = open_page(story, other)
    (found,) = page.run("timeline.differences()")
    page.press("d")

    assert page.run(ROW) == str(found)
    assert "remove node node3 [EBUSY]" in page.text("#detail")
    assert "other outcome" in page.text("#detail")
    assert "sim B node1, stage 3" in page.text("#detail")
    assert "failed: remove node node3 [EIO]" in page.text("#detail")
    page.press("d")
    assert page.run(ROW) == str(found)
    page.click_on("#difference")
    assert page.complaints == []


def test_hovering_tells_the_stage_and_what_the_other_run_did(open_page: Any, story: Any) -> None:
    page = open_page(story, story)
    index = page.run(FIRST % "event[4].startsWith('failed: remove node node3')")
    page.mouse("mouseMoved", *page.on_stage(index))

    tip = page.text("#tip")
    assert "stage 3, 2.000000 s after its begin" in tip
    assert "sim B node1, stage 3, 2.000000 s after its begin: the same" in tip


def test_a_missing_move_can_be_hovered_where_it_is_not(open_page: Any, story: Any) -> None:
    less = copy.deepcopy(story)
    less.lines = [line for line in less.lines if line.kind != "vote"]
    page = open_page(story, less)
    ghost = page.run(FIRST % "data.glyphs[event[3]] === 'ghost'")
    page.mouse("mouseMoved", *page.on_stage(ghost))

    assert "not here, only sim A: votes no" in page.text("#tip")


def test_many_lanes_scroll_and_every_one_can_be_gone_to(open_page: Any, make_trace: Any) -> None:
    trace = make_trace(nodes=60)
    for host in range(1, 61):
        trace.add(host, host, "verb", "daemon-start")
    for host in range(1, 61):
        trace.add(1_000 + host, host, "daemon", "start")
        trace.view(2_000 + host, host, "1-60")
    page = open_page(trace, trace)
    last = page.run("timeline.events()") - 1
    page.run(f"timeline.select({last})")
    page.frame()
    _, y = page.on_stage(last)

    assert 0 < y < 800
    assert page.run(ROW) == str(last)
    assert page.complaints == []
