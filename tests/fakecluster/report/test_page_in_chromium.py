"""The timeline in a real browser: it draws, answers the hand, and runs nobody else's script."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("chromium")]

COLORS = """(() => {
  const canvas = document.getElementById("canvas"), seen = new Set();
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  for (let at = 0; at < pixels.length; at += 4 * 7) {
    seen.add(pixels[at] << 16 | pixels[at + 1] << 8 | pixels[at + 2]);
  }
  return seen.size;
})()"""
GROUND = "getComputedStyle(document.body).backgroundColor"
LIGHT, DARK = "rgb(246, 247, 249)", "rgb(17, 21, 27)"


def span(page: Any) -> float:
    first, last = page.run("timeline.range()")
    return float(last - first)


def failed_step(trace: Any) -> int:
    errnos = [line.detail.get("errno") for line in trace.lines]
    return errnos.index("EBUSY")


def test_it_draws_without_a_complaint_and_without_a_network(open_page: Any, story: Any) -> None:
    page = open_page(story)

    assert page.run(COLORS) > 20
    assert page.text("#title") == "made"
    assert page.text("#facts").startswith("3 nodes")
    assert page.text("#outcome") == "good"
    assert [url.split(":")[0] for url in page.requests] == ["file"]
    assert page.complaints == []


def test_hovering_a_failed_step_shows_its_errno_and_what_led_to_it(
    open_page: Any, story: Any
) -> None:
    page = open_page(story)
    assert page.run("document.getElementById('tip').hidden")

    page.mouse("mouseMoved", *page.on_stage(failed_step(story)))

    assert page.text("#tip .errno") == "EBUSY"
    tip = page.text("#tip")
    assert "remove node node3" in tip
    assert "because: node1: members 1-2, quorate" in tip
    assert "because: made: == partition 1,2/3" in tip
    page.mouse("mouseMoved", 3, 3)
    assert page.run("document.getElementById('tip').hidden")


def test_the_wheel_zooms_around_the_pointer(open_page: Any, story: Any) -> None:
    page = open_page(story)
    index = failed_step(story)
    x, y = page.on_stage(index)
    before = span(page)
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)

    assert span(page) == pytest.approx(before / 2.718281828, rel=1e-6)
    assert page.on_stage(index) == pytest.approx((x, y), abs=1)

    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=3000)
    page.click_on("#fit")
    assert span(page) == pytest.approx(before)


def test_it_zooms_by_buttons_and_keys_and_never_past_its_ends(open_page: Any, story: Any) -> None:
    page = open_page(story)
    whole = span(page)
    page.click_on("#zoom-in")
    assert span(page) == pytest.approx(whole / 2)
    page.press("+")
    assert span(page) == pytest.approx(whole / 2 * 0.7)
    page.press("-")
    page.click_on("#zoom-out")
    page.click_on("#zoom-out")
    assert span(page) == pytest.approx(whole)
    for _ in range(40):
        page.click_on("#zoom-in")
    assert span(page) == 20  # microseconds
    page.press("0")
    assert span(page) == pytest.approx(whole)
    assert page.complaints == []


def test_dragging_and_arrow_keys_pan(open_page: Any, story: Any) -> None:
    page = open_page(story)
    page.click_on("#zoom-in")
    page.click_on("#zoom-in")
    first, last = page.run("timeline.range()")
    page.mouse("mousePressed", 600, 300, button="left", clickCount=1)
    page.mouse("mouseMoved", 500, 300, button="left", buttons=1)
    page.mouse("mouseReleased", 500, 300, button="left", clickCount=1)
    moved = page.run("timeline.range()")

    assert moved[0] > first
    assert moved[1] - moved[0] == pytest.approx(last - first)
    page.press("ArrowLeft")
    assert page.run("timeline.range()")[0] < moved[0]


@pytest.mark.parametrize(("scheme", "ground"), [("light", LIGHT), ("dark", DARK)])
def test_it_follows_the_readers_preference(
    open_page: Any, story: Any, scheme: str, ground: str
) -> None:
    page = open_page(story, scheme=scheme)
    assert page.run(GROUND) == ground
    assert page.run(COLORS) > 20

    other = {"light": "dark", "dark": "light"}[scheme]
    page.prefer(other)
    page.frame()
    assert page.run(GROUND) == {LIGHT: DARK, DARK: LIGHT}[ground]


def test_the_button_chooses_the_other_theme_for_good(open_page: Any, story: Any) -> None:
    page = open_page(story)
    page.click_on("#theme")
    assert page.run(GROUND) == DARK
    page.prefer("light")
    assert page.run(GROUND) == DARK
    page.press("t")
    assert page.run(GROUND) == LIGHT


def test_the_canvas_is_painted_in_the_theme(open_page: Any, story: Any) -> None:
    page = open_page(story)
    pixel = """(() => { const canvas = document.getElementById("canvas");
        return [...canvas.getContext("2d").getImageData(canvas.width - 3, 80, 1, 1).data]; })()"""
    light = page.run(pixel)
    page.click_on("#theme")
    dark = page.run(pixel)

    assert sum(light[:3]) > 600
    assert sum(dark[:3]) < 150


def test_a_row_of_the_list_marks_the_moment(open_page: Any, story: Any) -> None:
    page = open_page(story)
    index = failed_step(story)
    page.click_on(f'.row[data-index="{index}"]')

    assert page.run("document.querySelector('.row.now').dataset.index") == str(index)
    assert page.text("#detail .errno") == "EBUSY"


def test_a_click_in_the_picture_marks_the_row(open_page: Any, story: Any) -> None:
    page = open_page(story)
    index = failed_step(story)
    x, y = page.on_stage(index)
    page.mouse("mousePressed", x, y, button="left", clickCount=1)
    page.mouse("mouseReleased", x, y, button="left", clickCount=1)

    assert page.run("document.querySelector('.row.now').dataset.index") == str(index)


def test_keys_walk_from_event_to_event(open_page: Any, story: Any) -> None:
    page = open_page(story)
    page.press("n")
    page.press("n")
    page.press("p")
    assert page.run("document.querySelector('.row.now').dataset.index") == "0"
    page.press("p")
    assert page.run("document.querySelector('.row.now').dataset.index") == "0"


def test_the_filter_takes_words_and_errnos(open_page: Any, story: Any) -> None:
    page = open_page(story)
    everything = page.text("#count")
    page.run(
        "(() => { filter.value = 'NODE1 ebusy'; filter.dispatchEvent(new Event('input')); })()"
    )
    page.frame()

    assert page.text("#count") != everything
    assert page.run("[...document.querySelectorAll('.row .n')].map((one) => one.textContent)") == [
        "node1",
        "node1",
    ]
    assert page.complaints == []


def test_kinds_can_be_hidden_and_shown(open_page: Any, story: Any) -> None:
    page = open_page(story)
    messages = "[...document.querySelectorAll('#kinds button')].find((one) => one.textContent === "
    count = (
        "[...document.querySelectorAll('.row .w')]"
        ".filter((one) => one.textContent.startsWith('announcement')).length"
    )
    assert page.run(count) == 0
    page.run(messages + "'message').click()")
    assert page.run(count) == 1


def test_messages_can_be_put_away(open_page: Any, story: Any) -> None:
    page = open_page(story)
    x, y = page.on_stage(next(n for n, one in enumerate(story.lines) if one.kind == "message"))
    page.mouse("mouseMoved", x + 12, y + 12)
    page.click_on("#messages")
    assert page.run("document.getElementById('messages').getAttribute('aria-pressed')") == "false"
    page.click_on("#messages")
    assert page.complaints == []


def test_a_violation_is_loud_and_found_with_one_key(open_page: Any, story: Any) -> None:
    story.add(8_000_000, 1, "check", "violation", text="rmdir without quorum")
    story.lines.sort(key=lambda line: (line.t_us, line.seq))
    found = [line.kind for line in story.lines].index("check")
    page = open_page(story)

    assert page.text("#outcome") == "1 violation"
    assert page.run("document.getElementById('outcome').classList.contains('bad')")
    page.press("v")
    assert page.run("document.querySelector('.row.now').dataset.index") == str(found)
    x, y = page.on_stage(found)
    page.mouse("mouseMoved", x, y)
    assert "VIOLATION: rmdir without quorum" in page.text("#tip")


HOSTILE = '</script><script>window.hacked=1</script><img src=x onerror="window.hacked=1">'


def test_hostile_names_and_texts_are_only_texts(open_page: Any, make_trace: Any) -> None:
    nodes = ((1, HOSTILE), (2, "\u202e@script@\x00\n"))
    trace = make_trace(cluster=HOSTILE, arm=HOSTILE, nodes=nodes)
    trace.add(0, 1, "daemon", "start")
    trace.view(1, 1, "1-2")
    index = trace.step(5, 1, "add-node", HOSTILE, "EIO")
    trace.add(6, 0, "verb", HOSTILE, note=HOSTILE)
    trace.add(7, 1, "check", "violation", text=HOSTILE)
    page = open_page(trace)
    page.run(f"timeline.select({index})")
    page.mouse("mouseMoved", *page.on_stage(index))

    assert page.text("#title") == HOSTILE
    assert HOSTILE in page.text("#detail")
    assert page.run("window.hacked") is None
    assert page.run("document.images.length") == 0
    assert page.run("document.scripts.length") == 2
    assert page.complaints == []


def test_the_policy_lets_no_other_script_run(open_page: Any, story: Any) -> None:
    page = open_page(story)
    page.run(
        "(() => { const made = document.createElement('script');"
        " made.textContent = 'window.hacked = 1'; document.body.append(made); })()"
    )

    assert page.run("window.hacked") is None


def test_255_lanes_and_50000_events_are_drawn_and_listed(open_page: Any, make_trace: Any) -> None:
    """Only what is seen is in the document, and every part can be gone to."""
    trace = make_trace(nodes=255)
    for host in range(1, 256):
        trace.add(host, host, "daemon", "start")
        trace.view(host, host, f"1-{host}", quorate=host > 127)
    for number in range(50_000):
        host = number % 255 + 1
        if number % 7 == 0:
            trace.view(1000 + number * 100, host, "1-255", quorate=number % 3 > 0)
        elif number % 50 == 1:
            arrives_us = 1500 + number * 100
            trace.add(1000 + number * 100, host, "message", "x", to="1-255", arrives_us=arrives_us)
        else:
            what = "add-node" if number % 2 else "remove-node"
            trace.step(1000 + number * 100, host, what, "n", "" if number % 9 else "EBUSY")
    page = open_page(trace)

    assert page.run("timeline.events()") == 50_510
    assert page.run("document.querySelectorAll('.row').length") < 100
    assert page.run(COLORS) > 20
    assert page.text("#note") == "too many messages here: zoom in to see them"
    page.run("timeline.select(50509)")
    page.frame()
    assert page.run("document.querySelector('.row.now').dataset.index") == "50509"
    for _ in range(14):
        page.click_on("#zoom-in")
    x, y = page.on_stage(50_509)
    page.mouse("mouseMoved", x, y)
    assert "node" in page.text("#tip")
    assert page.run("document.getElementById('note').hidden")
    assert page.complaints == []


def test_an_empty_trace_is_a_page_too(open_page: Any, make_trace: Any) -> None:
    page = open_page(make_trace(nodes=1))

    assert page.text("#outcome") == "no end in this trace"
    page.press("n")
    assert page.complaints == []


def test_a_narrow_window_stacks_picture_and_list(open_page: Any, story: Any) -> None:
    page = open_page(story, size=(420, 800))
    boxes = "['stage', 'list'].map((id) => document.getElementById(id).getBoundingClientRect().top)"
    stage, rows = page.run(boxes)

    assert rows > stage
    assert page.run("document.documentElement.scrollWidth") <= 420
    assert page.complaints == []


def test_a_recorders_trace_shows_the_wall_clock(open_page: Any, make_trace: Any) -> None:
    trace = make_trace(nodes=2, arm="daemon", seed=None, utc="2026-02-03T04:05:06.000Z", lost=12)
    trace.view(1_000_000, 1, "1-2")
    index = trace.step(2_000_000, 1, "add-node", "node2")
    page = open_page(trace)
    page.run(f"timeline.select({index})")

    assert "2026-02-03 04:05:08.000Z" in page.text("#detail")
    assert "12 earlier records not kept" in page.text("#facts")


def test_marks_that_share_a_place_say_how_many_they_are(open_page: Any, make_trace: Any) -> None:
    trace = make_trace()
    trace.view(0, 1, "1-3")
    index = trace.step(5_000_000, 1, "add-node", "node1")
    for node in ("node2", "node3"):
        trace.step(5_000_010, 1, "add-node", node)
    trace.view(10_000_000, 1, "1-3")
    page = open_page(trace)
    page.mouse("mouseMoved", *page.on_stage(index))

    assert "2 more at this place: zoom in" in page.text("#tip")
