"""The comparison in the terminal: a table a stage, a row a move, the times of both runs in it."""

from __future__ import annotations

from typing import Final, TextIO

from rich.console import Console
from rich.table import Table

from fakecluster.compare.comparison import (
    ONLY_A,
    ONLY_B,
    ORDER,
    OUTCOME,
    UNTOLD,
    Comparison,
    EventPair,
    HostDifference,
)
from fakecluster.compare.hosts import HostSummary
from fakecluster.compare.render import labels, span, stage_text, verdict
from fakecluster.report.words import plain

_MARKS: Final = {ONLY_A: "<", ONLY_B: ">", ORDER: "~", OUTCOME: "!", UNTOLD: "?", "": ""}
LEGEND: Final = (
    "<  only in the first      >  only in the second      ~  other order      !  other outcome",
    "?  not told: its daemon was killed   +1  after a later verb: time alone   =  how it stands",
)


def print_comparison(comparison: Comparison, out: TextIO, *, width: int | None = None) -> None:
    """Print all of it.

    Args:
        comparison: what to print.
        out: where to.
        width: in columns; None: the terminal's, and 120 where there is none.
    """
    if width is None and not out.isatty():
        width = 120
    console = Console(file=out, width=width, highlight=False, emoji=False, markup=False)
    for line in LEGEND:
        console.print(line, style="dim")
    for number in range(len(comparison.stages)):
        _print_stage(console, comparison, number)
    _print_differences(console, comparison)
    console.print()
    console.print(verdict(comparison), style="bold green" if comparison.agree else "bold red")


def _print_stage(console: Console, comparison: Comparison, number: int) -> None:
    stage = comparison.stages[number]
    names = labels(comparison)
    console.print()
    console.print(f"{number}  {stage_text(stage.verbs, comparison.names)}", style="bold")
    settled = (
        f"{name} after {span(took)}" for name, took in zip(names, stage.settled_us, strict=True)
    )
    console.print(f"   settled: {', '.join(settled)}", style="dim")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", width=1)
    table.add_column("host", no_wrap=True)
    table.add_column("", width=2, no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", ratio=1, overflow="fold")
    for host, name in comparison.names.items():
        _add_host(table, comparison, number, host, plain(name))
    if table.row_count:
        console.print(table)


def _add_host(table: Table, comparison: Comparison, number: int, host: int, name: str) -> None:
    before = table.row_count
    for pair in comparison.pairs[host]:
        if pair.stages[0] == number:
            _add_pair(table, comparison, pair, "" if table.row_count > before else name)
    a, b = (side[number][host] for side in comparison.ends)
    if not host or (table.row_count == before and a == b):
        return
    name = "" if table.row_count > before else name
    if a == b:
        table.add_row("", name, "=", "", "", _standing(a), style="cyan")
    else:
        table.add_row("", name, "<=", "", "", _standing(a), style="yellow")
        table.add_row("", "", ">=", "", "", _standing(b), style="yellow")


def _add_pair(table: Table, comparison: Comparison, pair: EventPair, name: str) -> None:
    mark = _MARKS[pair.difference]
    style = "" if not pair.difference else "dim" if pair.difference == UNTOLD else "bold red"
    if not mark and pair.moved:
        mark, style = f"{pair.stages[1] - pair.stages[0]:+d}", "yellow"
    after = [
        "" if move is None else span(max(0, move.t_us - comparison.stages[stage].begin_us[side]))
        for side, (move, stage) in enumerate(zip((pair.a, pair.b), pair.stages, strict=True))
    ]
    if pair.a is not None and pair.b is not None and pair.difference == OUTCOME:
        table.add_row("", name, "!<", after[0], "", pair.a.text, style=style)
        table.add_row("", "", "!>", "", after[1], pair.b.text, style=style)
        return
    move = pair.a or pair.b
    table.add_row("", name, mark, *after, "" if move is None else move.text, style=style)


def _standing(one: HostSummary) -> str:
    if one.state == "no daemon":
        said = one.state
    else:
        quorum = {True: ", quorate", False: ", inquorate", None: ""}[one.quorate]
        said = f"{one.state}, members {one.members or 'none'}{quorum}"
    return f"{said}; table: {' '.join(map(plain, one.table)) or 'empty'}"


def _print_differences(console: Console, comparison: Comparison) -> None:
    if not comparison.differences:
        return
    a, b = labels(comparison)
    console.print()
    console.print("what differs", style="bold")
    for one in comparison.differences:
        name = plain(comparison.names.get(one.host, f"node {one.host}")) if one.host else "cluster"
        console.print(f"  stage {one.stage}, {name}: {_said(one, a, b)}", style="red")


def _said(one: HostDifference, a: str, b: str) -> str:
    if not one.b:
        return f"only {a}: {one.a}"
    if not one.a:
        return f"only {b}: {one.b}"
    if one.kind == ORDER:
        return f"{one.kind}: {one.a}"
    return f"{one.kind}: {a}: {one.a} | {b}: {one.b}"
