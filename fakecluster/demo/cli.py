"""The command `fakecluster demo`."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import ExitStack

import click

from o2cbd.output import open_output

EXIT_BAD = 1


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict only, as one JSON line.")
@click.option("--trace", metavar="F", help="Write every event there, one JSON a line.")
@click.option("--html", metavar="F", help="Draw the timeline there.")
@click.option("--fast", is_flag=True, help="As fast as it goes, not paced for a reader.")
@click.option("--seed", default=0, show_default=True, help="Of what varies in a real cluster.")
def demo_command(
    *, as_json: bool, trace: str | None, html: str | None, fast: bool, seed: int
) -> int:
    """Show five nodes from join to shutdown, in virtual time.

    The real agent runs on each of them. Exits with 0 only when every check held.
    """
    if importlib.util.find_spec("rich") is None:
        raise click.ClickException("the demo needs rich: pip install 'o2cbd[sim]'")
    from fakecluster.demo.play import run  # noqa: PLC0415 - rich is an extra

    with ExitStack() as files:
        written, drawn = (
            None if path is None else files.enter_context(open_output(path))
            for path in (trace, html)
        )
        try:
            verdict = run(
                as_json=as_json, trace=written, fast=fast, seed=seed, out=sys.stdout, html=drawn
            )
        except KeyboardInterrupt:
            raise click.Abort from None
    return 0 if verdict.good else EXIT_BAD
