"""`fakecluster compare A B`."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping

import click

from fakecluster.compare.comparable_events import spoken_as, story_of
from fakecluster.compare.comparison import Comparison, compare
from fakecluster.compare.render import as_data
from fakecluster.report.cli import load
from o2cbd.output import open_output


def _same(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> object:
    pairs = [one.partition("=") for one in given]
    if any(not there or not equals or not here for there, equals, here in pairs):
        raise click.BadParameter("give it as THEIRS=OURS")
    return {there: here for there, _, here in pairs}


@click.command("compare")
@click.argument("a")
@click.argument("b")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, schema 1.")
@click.option("--html", metavar="F", help="Draw both timelines there, one above the other.")
@click.option(
    "--same",
    multiple=True,
    metavar="THEIRS=OURS",
    callback=_same,
    help="What B calls THEIRS is OURS in A: a name, an address or the beginning of addresses"
    " (10.77.0=10.0.0); may be given several times.",
)
def compare_command(
    *, a: str, b: str, as_json: bool, html: str | None, same: Mapping[str, str]
) -> int:
    """Lay two TRACE files of one scenario side by side, as of a real and a simulated run.

    Verbs are matched in their order and cut both runs into stages; every host's steps, pending
    reasons, memberships, holds and votes are compared in their order. Exits with 0 when they agree,
    1 when not; times are shown and make no difference.
    """
    compared = compare_files(a, b, same)
    if html is not None:
        _draw(compared, html)
    if as_json:
        click.echo(json.dumps(as_data(compared), sort_keys=True))
    elif html is None:
        _print(compared)
    return 0 if compared.agree else 1


def compare_files(a: str, b: str, same: Mapping[str, str]) -> Comparison:
    """Read two trace files and compare them.

    Args:
        a: the first file.
        b: the second one.
        same: what the second one calls otherwise, see `spoken_as`.

    Raises:
        ShowError: one of them cannot be read, or is no trace.
    """
    first, second = load(a), load(b)
    for path, trace in ((a, first), (b, second)):
        if trace.cut:
            click.echo(f"{path}: the last line is cut and was left out", err=True)
    header, lines = spoken_as(second.header, second.lines, same)
    return compare(story_of(first.header, first.lines), story_of(header, lines))


def _draw(compared: Comparison, html: str) -> None:
    from fakecluster.compare.picture import page_of_both  # noqa: PLC0415 - drawing is rarely wanted

    with open_output(html) as file:
        file.write(page_of_both(compared))


def _print(compared: Comparison) -> None:
    if importlib.util.find_spec("rich") is None:
        raise click.ClickException("the table needs rich: pip install 'o2cbd[sim]' (or use --json)")
    from fakecluster.compare.terminal import print_comparison  # noqa: PLC0415 - rich is an extra

    print_comparison(compared, sys.stdout)
