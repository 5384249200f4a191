"""The command `fakecluster demo`."""

from __future__ import annotations

import importlib.util
import sys
from typing import TextIO

import click

EXIT_BAD = 1


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict only, as one JSON line.")
@click.option("--trace", type=click.File("w"), help="Write every event there, one JSON a line.")
@click.option("--html", type=click.File("w", encoding="utf-8"), help="Draw the timeline there.")
@click.option("--fast", is_flag=True, help="As fast as it goes, not paced for a reader.")
@click.option("--seed", default=0, show_default=True, help="Of what varies in a real cluster.")
def demo_command(
    *, as_json: bool, trace: TextIO | None, html: TextIO | None, fast: bool, seed: int
) -> int:
    """Show five nodes from join to shutdown, in virtual time.

    The real agent runs on each of them. Exits with 0 only when every check held.
    """
    if importlib.util.find_spec("rich") is None:
        raise click.ClickException("the demo needs rich: pip install 'o2cbd[sim]'")
    from fakecluster.demo.play import run  # noqa: PLC0415 - rich is an extra

    try:
        verdict = run(as_json=as_json, trace=trace, fast=fast, seed=seed, out=sys.stdout, html=html)
    except KeyboardInterrupt:
        raise click.Abort from None
    return 0 if verdict.good else EXIT_BAD
