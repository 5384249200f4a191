"""Plays the story: virtual time paced for a reader, or as fast as it goes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from fakecluster.demo.board import Board, is_shown
from fakecluster.demo.story import NODES, Act, acts, in_sync, new_world
from fakecluster.report.page import write_page
from fakecluster.report.words import words
from fakecluster.sim.trace_header import header_of
from fakecluster.sim.world import World
from fakecluster.trace.events import Line
from fakecluster.trace.file import TraceWriter, end_line
from o2cbd.core.rules import SECOND_US

PACE = 1.25
"""Virtual seconds a real second: the story of about 25 s is told in about 20."""
_FRAME_US = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryVerdict:
    """What came of it."""

    checks: int
    held: int
    events: int
    violations: tuple[str, ...]
    converged: bool
    virtual_us: int
    failed: tuple[str, ...]
    """The titles of the acts whose check did not hold."""

    @property
    def good(self) -> bool:
        """True only when every check held, nobody violated anything, and all came to rest."""
        return self.checks == self.held and not self.violations and self.converged

    def as_json(self) -> str:
        """Return it as one line."""
        return json.dumps(
            {
                "schema": 1,
                "nodes": NODES,
                "converged": self.converged,
                "events": self.events,
                "violations": len(self.violations),
                "checks": self.checks,
                "checks_held": self.held,
                "virtual_s": self.virtual_us / SECOND_US,
                "failed": list(self.failed),
                "violation_texts": list(self.violations),
            },
            sort_keys=True,
        )


class Player:
    """Plays the acts one after the other in one world."""

    def __init__(self, world: World, board: Board, frame: Callable[[], None]) -> None:
        """Make it.

        Args:
            world: where it happens.
            board: what is shown.
            frame: called whenever a frame's virtual time has passed; shows and paces.
        """
        self._world = world
        self._board = board
        self._frame = frame

    def play(self, story: tuple[Act, ...]) -> StoryVerdict:
        """Play the whole story."""
        failed = [act.title for act in story if not self._play(act)]
        converged = self._wait(lambda: in_sync(self._world), 5 * SECOND_US)
        return StoryVerdict(
            checks=len(story),
            held=len(story) - len(failed),
            events=self._world.trace.count,
            violations=tuple(self._world.violations),
            converged=converged,
            virtual_us=self._world.now_us(),
            failed=tuple(failed),
        )

    def _play(self, act: Act) -> bool:
        self._board.title = act.title
        act.do(self._world)
        held = self._wait(lambda: act.expect(self._world), act.within_us)
        self._board.done.append(held)
        self._wait(lambda: False, act.linger_us)
        return held

    def _wait(self, condition: Callable[[], bool], within_us: int) -> bool:
        end_us = self._world.now_us() + within_us
        while self._world.now_us() < end_us:
            span_us = min(_FRAME_US, end_us - self._world.now_us())
            if self._world.run_until(condition, within_us=span_us):
                return True
            self._frame()
        return condition()


def run(
    *,
    as_json: bool,
    trace: TextIO | None,
    fast: bool,
    seed: int,
    out: TextIO,
    html: TextIO | None = None,
) -> StoryVerdict:
    """Play the demo.

    Args:
        as_json: print nothing but the verdict, as JSON.
        trace: where the trace goes.
        fast: do not pace.
        seed: of the manager's draws.
        out: a terminal gets the live table, anything else one line an event.
        html: where the timeline goes.
    """
    world = new_world(seed)
    story = tuple(acts())
    board = Board(world, len(story))
    world.trace.listen(board.note)
    written = [] if trace is None else [TraceWriter(trace, header_of(world))]
    for writer in written:
        world.trace.listen(writer)
    drawn: list[Line] = []
    header = header_of(world)
    if html is not None:
        world.trace.listen(drawn.append)
    console = Console(file=out)
    live: AbstractContextManager[Live | None] = nullcontext(None)
    if not as_json and console.is_terminal:
        live = Live(board.render(), console=console, auto_refresh=False)
    elif not as_json:
        world.trace.listen(lambda line: _print_line(out, line))
    with live as shown:
        verdict = Player(world, board, _pacer(world, board, shown, fast=fast)).play(story)
        if shown is not None:
            shown.update(board.render(), refresh=True)
    outcome = "safety" if verdict.violations else "good" if verdict.good else "liveness"
    for writer in written:
        writer.end(outcome, world.now_us())
    if html is not None:
        drawn.append(end_line(outcome, world.now_us(), verdict.events, len(verdict.violations)))
        write_page(html, header, drawn)
    if as_json:
        print(verdict.as_json(), file=out)
    else:
        _print_verdict(console, verdict)
    return verdict


def _pacer(world: World, board: Board, live: Live | None, *, fast: bool) -> Callable[[], None]:
    """Return what shows a frame, and holds virtual time to the reader's pace on a terminal."""
    began = time.monotonic()

    def frame() -> None:
        if live is None:
            return
        live.update(board.render(), refresh=True)
        ahead_s = world.now_us() / SECOND_US / PACE - (time.monotonic() - began)
        if not fast and ahead_s > 0:
            time.sleep(ahead_s)

    return frame


def _print_line(out: TextIO, line: Line) -> None:
    if is_shown(line):
        who = f"node{line.host}" if line.host else "cluster"
        print(f"{line.t_us / SECOND_US:8.3f}  {who:<8}{words(line)}", file=out)


def _print_verdict(console: Console, verdict: StoryVerdict) -> None:
    for title in verdict.failed:
        console.print(f"[red]did not hold:[/] {escape(title)}", highlight=False, soft_wrap=True)
    for text in verdict.violations:
        console.print(f"[red]violation:[/] {escape(text)}", highlight=False, soft_wrap=True)
    style, word = ("green", "good") if verdict.good else ("red", "BAD")
    console.print(
        f"[bold {style}]{word}[/]: {verdict.held} of {verdict.checks} checks held,"
        f" {len(verdict.violations)} violations, {verdict.events} events"
        f" in {verdict.virtual_us / SECOND_US:.1f} virtual seconds,"
        f" {'all in sync' if verdict.converged else 'NOT in sync at the end'}",
        highlight=False,
        soft_wrap=True,
    )
    sys.stdout.flush()
