"""The demo: its story holds, its verdict can be bad, its output is for people and for programs."""

import io
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from fakecluster.demo.board import Board
from fakecluster.demo.play import Player, run
from fakecluster.demo.story import Act, acts, new_world
from fakecluster.report.words import shown
from fakecluster.trace.events import Line
from fakecluster.trace.file import check_trace, parse_trace
from o2cbd.core.rules import SECOND_US


def test_every_check_of_the_story_holds() -> None:
    verdict = run(as_json=True, trace=None, fast=True, seed=0, out=io.StringIO())

    assert verdict.failed == ()
    assert verdict.violations == ()
    assert verdict.good


def test_the_same_seed_gives_the_same_trace_and_another_seed_a_good_one() -> None:
    traces = [io.StringIO(), io.StringIO(), io.StringIO()]
    for trace, seed in zip(traces, (3, 3, 4), strict=True):
        assert run(as_json=True, trace=trace, fast=True, seed=seed, out=io.StringIO()).good

    assert traces[0].getvalue() == traces[1].getvalue()
    assert traces[0].getvalue() != traces[2].getvalue()


def test_a_trace_keeps_to_the_schema_and_says_how_it_ended() -> None:
    trace = io.StringIO()
    verdict = run(as_json=True, trace=trace, fast=True, seed=0, out=io.StringIO())

    assert check_trace(trace.getvalue().splitlines()) == []
    read = parse_trace(trace.getvalue())
    assert len(read.lines) == verdict.events + 1
    assert (read.lines[-1].kind, read.lines[-1].what) == ("end", "good")


def test_the_timeline_is_written_beside_the_verdict() -> None:
    html, trace = io.StringIO(), io.StringIO()
    run(as_json=True, trace=trace, fast=True, seed=0, out=io.StringIO(), html=html)

    assert html.getvalue().startswith("<!doctype html>")
    told = json.loads(html.getvalue().split('type="application/json">')[1].split("</script>")[0])
    assert len(told["events"]) == len(shown(parse_trace(trace.getvalue()).lines))
    assert (told["outcome"], told["violations"]) == ("good", 0)


def test_a_check_that_does_not_hold_makes_the_verdict_bad() -> None:
    world = new_world()
    never = Act(
        title="never", do=lambda _: None, expect=lambda _: False, within_us=SECOND_US, linger_us=0
    )
    verdict = Player(world, Board(world, 1), lambda: None).play((*acts()[:2], never))

    assert not verdict.good
    assert verdict.failed == ("never",)
    assert json.loads(verdict.as_json())["checks_held"] == 2


def test_a_violation_makes_the_verdict_bad() -> None:
    verdict = run(as_json=True, trace=None, fast=True, seed=0, out=io.StringIO())

    assert not replace(verdict, violations=("node 1: something",)).good
    assert not replace(verdict, converged=False).good


def test_the_board_shows_nodes_states_and_events() -> None:
    from rich.console import Console  # noqa: PLC0415 - only this test draws

    world = new_world()
    board = Board(world, len(acts()))
    world.trace.listen(board.note)
    Player(world, board, lambda: None).play(tuple(acts()[:7]))
    out = io.StringIO()
    Console(file=out, width=140).print(board.render())

    text = out.getvalue()
    assert "node3: pinned" in text
    assert "off" in text
    assert "synced" in text
    assert "node node3 (id 3) left" in text


def test_the_lines_of_calls_stay_off_the_board() -> None:
    board = Board(new_world(), 1)
    board.note(Line(t_us=0, seq=1, host=1, kind="call", what="mkdir", detail={"path": "/hidden"}))

    from rich.console import Console  # noqa: PLC0415 - only these tests draw

    out = io.StringIO()
    Console(file=out, width=140).print(board.render())
    assert "/hidden" not in out.getvalue()


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_the_command_ends_well_without_a_terminal(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fakecluster", "demo", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert done.returncode == 0
    last = done.stdout.splitlines()[-1]
    if arguments:
        answer = json.loads(last)
        assert (answer["schema"], answer["nodes"], answer["converged"]) == (1, 5, True)
        assert answer["violations"] == 0
    else:
        assert last.startswith("good: 16 of 16 checks held")
