"""One run and its output: the verdict, the line that repeats it, trace, timeline, file."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from fakecluster.commands.run_options import RunOptions
from fakecluster.explore.shrink import shrunk
from fakecluster.explore.swarm import draw_scenario
from fakecluster.report.grid import grid
from fakecluster.report.page import write_page
from fakecluster.scenario.file import read_scenario, scenario_text
from fakecluster.scenario.model import Scenario, ScenarioError
from fakecluster.scenario.run import Outcome, Result, run
from fakecluster.sim.trace_header import header_of
from fakecluster.sim.world import World
from fakecluster.trace.events import Line, Sink
from fakecluster.trace.file import TraceWriter, end_line
from fakecluster.trace.hash import TraceHash
from o2cbd.core.records import Header
from o2cbd.core.rules import SECOND_US
from o2cbd.output import open_output

FINDINGS_SHOWN = 8


class BadScenarioError(click.ClickException):
    """The file is no scenario: sysexits' EX_DATAERR."""

    exit_code = 65


def replay_seed(seed: int, options: RunOptions | None = None) -> int:
    """Run what a seed draws and print the verdict; returns the exit code."""
    options = options or RunOptions()
    again = f"fakecluster run --seed {seed}{options.suffix}"
    small = Path(f"seed-{seed}.toml") if options.shrink is not False else None
    return _run_and_print(draw_scenario(seed), again, small, options)


def run_file(path: Path, options: RunOptions | None = None) -> int:
    """Run a scenario file and print the verdict; returns the exit code.

    Raises:
        BadScenarioError: it is none.
    """
    options = options or RunOptions()
    try:
        scenario = read_scenario(path)
    except OSError as error:
        raise BadScenarioError(f"{path}: {error.strerror}") from None
    except ScenarioError as error:
        problems = "".join(f"\n  {problem}" for problem in error.problems)
        raise BadScenarioError(f"{path} is no scenario:{problems}") from None
    small = path.with_suffix(".small.toml") if options.shrink else None
    return _run_and_print(scenario, f"fakecluster run {path}{options.suffix}", small, options)


def _run_and_print(scenario: Scenario, again: str, small: Path | None, options: RunOptions) -> int:
    if options.save is not None:
        _write(options.save, scenario_text(scenario))
    recorder = _Recorder(options)
    with recorder:
        result = run(scenario, listen=recorder.listen)
        recorder.end(result)
    written = None
    if result.outcome is not Outcome.GOOD and small is not None:
        written = save_shrunk(scenario, result.outcome, small)
    if options.as_json:
        click.echo(_as_json(scenario, result, again, recorder.digest))
        return result.outcome.code
    if recorder.digest:
        click.echo(recorder.digest)
        return result.outcome.code
    for line in verdict_lines(scenario.title, result, again):
        click.echo(line)
    if written is not None:
        click.echo(f"  cut down:  fakecluster run {written}{options.suffix}")
    return result.outcome.code


def save_shrunk(scenario: Scenario, outcome: Outcome, path: Path) -> Path:
    """Cut a failing scenario down and write it; returns where it is."""
    _write(str(path), scenario_text(shrunk(scenario, outcome)))
    return path


def verdict_lines(title: str, result: Result, again: str) -> list[str]:
    """Return the verdict on a run for a person, line by line."""
    made = f"{result.actions} actions ({result.refused} not applicable), {result.lines} lines"
    seconds = result.virtual_us // SECOND_US
    lines = [f"{title or 'scenario'}: {result.outcome.value}, {made} in {seconds} virtual seconds"]
    if result.outcome is Outcome.GOOD:
        return lines
    lines += [f"  {finding}" for finding in result.findings[:FINDINGS_SHOWN]]
    if len(result.findings) > FINDINGS_SHOWN:
        lines.append(f"  and {len(result.findings) - FINDINGS_SHOWN} more")
    return [*lines, f"  again:     {again}"]


def _as_json(scenario: Scenario, result: Result, again: str, digest: str) -> str:
    row = {
        "schema": 1,
        "title": scenario.title,
        "seed": scenario.seed,
        "outcome": result.outcome.value,
        "code": result.outcome.code,
        "findings": list(result.findings),
        "again": again,
        "events": result.lines,
        "virtual_us": result.virtual_us,
        "deeds": result.actions,
        "refused": result.refused,
        "probes": dict(result.probes),
        **({"hash": digest} if digest else {}),
    }
    return json.dumps(row, sort_keys=True)


def _write(path: str, text: str) -> None:
    with open_output(path) as file:
        file.write(text)


class _Recorder:
    """Records a run as trace, timeline, grid or hash, as the options ask."""

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._files = contextlib.ExitStack()
        self._lines: list[Line] = []
        self._header: Header | None = None
        self._writer: TraceWriter | None = None
        self._hash = TraceHash()

    def __enter__(self) -> None:
        """Nothing is open yet."""

    def __exit__(self, *_exception: object) -> None:
        """Close what was opened."""
        self._files.close()

    @property
    def digest(self) -> str:
        """Of the trace; empty where nobody wants it."""
        return self._hash.hexdigest() if self._options.hashed else ""

    def listen(self, world: World) -> Sequence[Sink]:
        """Return the sinks of the world's trace."""
        options, sinks = self._options, list[Sink]()
        self._header = header_of(world)
        if options.trace is not None:
            out = self._files.enter_context(open_output(options.trace))
            self._writer = TraceWriter(out, self._header)
            sinks.append(self._writer)
        if options.html is not None or options.grid:
            sinks.append(self._lines.append)
        if options.hashed:
            sinks.append(self._hash)
        return sinks

    def end(self, result: Result) -> None:
        """Write down what was heard."""
        outcome = result.outcome.value
        if self._writer is not None:
            self._writer.end(outcome, result.virtual_us)
        if self._header is None or not self._lines:
            return
        count = sum(line.kind == "check" for line in self._lines)
        self._lines.append(end_line(outcome, result.virtual_us, result.lines, count))
        if self._options.html is not None:
            with open_output(self._options.html) as page:
                write_page(page, self._header, self._lines)
        if self._options.grid:
            for text in grid(self._header, self._lines, frozenset(self._options.kinds) or None):
                print(text, file=sys.stdout)
