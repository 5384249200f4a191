"""The commands `fakecluster run` and `fakecluster replay`."""

from __future__ import annotations

from pathlib import Path

import click

from fakecluster.commands.run_options import RunOptions
from fakecluster.trace.schema import SHAPES


@click.command("run")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--seed", type=click.IntRange(0), help="Draw the scenario from this seed.")
@click.option("--count", type=click.IntRange(1), help="So many seeds, from --seed (or 0) on.")
@click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; 0: one a core.")
@click.option("--trace", type=click.Path(dir_okay=False), help="Write everything there.")
@click.option("--html", type=click.Path(dir_okay=False), help="Draw the timeline there.")
@click.option("--save", type=click.Path(dir_okay=False), help="Write the scenario there.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.option("--hash", "hashed", is_flag=True, help="Print one sha256 over all traces.")
@click.option(
    "--shrink/--no-shrink",
    default=None,
    help="Cut the first failure down to a smaller scenario file; seeds: yes, a FILE: no.",
)
@click.option("--probes", "need_probes", is_flag=True, help="Fail when a probe was never hit.")
@click.option("--mutant", "--planted", metavar="NAME", help="With this mutant of the daemon.")
def run_command(
    *,
    file: str | None,
    seed: int | None,
    count: int | None,
    jobs: int,
    trace: str | None,
    html: str | None,
    save: str | None,
    as_json: bool,
    hashed: bool,
    shrink: bool | None,
    need_probes: bool,
    mutant: str | None,
) -> int:
    """Run a scenario FILE, or what a seed draws, and judge it.

    Exits with 0 when all is well, 127 after a crash, 128 when the world did not come to rest, 129
    when something was done that must never be done.
    """
    if (file is None) == (seed is None and count is None):
        raise click.UsageError("give either a FILE or --seed and --count")
    if count is not None and (trace or html or save):
        raise click.UsageError("--trace, --html and --save are for one run, not for --count")
    _install(mutant)
    options = RunOptions(
        trace=trace,
        html=html,
        save=save,
        as_json=as_json,
        hashed=hashed,
        shrink=shrink,
        mutant=mutant,
        need_probes=need_probes,
        jobs=jobs,
    )
    # What runs a cluster is imported late: a mutant must be installed before, help be quick.
    if count is not None:
        from fakecluster.commands.run_many import run_many  # noqa: PLC0415

        return run_many(range(seed or 0, (seed or 0) + count), options)
    from fakecluster.commands import run_one  # noqa: PLC0415

    if file is not None:
        return run_one.run_file(Path(file), options)
    return run_one.replay_seed(seed or 0, options)


def _install(mutant: str | None) -> None:
    if mutant is None:
        return
    from fakecluster.mutants.edits import EditError  # noqa: PLC0415 - rarely wanted
    from fakecluster.mutants.lookup import UnknownMutantError, install_named  # noqa: PLC0415

    try:
        install_named(mutant)
    except (UnknownMutantError, EditError) as error:
        raise click.UsageError(str(error)) from None


@click.command("replay")
@click.argument("target", metavar="TRACE|SEED|SCENARIO")
@click.option("--html", metavar="F", help="Draw the timeline there instead of printing the grid.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    type=click.Choice(sorted(SHAPES)),
    help="Print only these kinds (may be given several times).",
)
def replay_command(*, target: str, html: str | None, kinds: tuple[str, ...]) -> int:
    """Show what happened: a TRACE file as it is, a SEED or a SCENARIO file (.toml) by running it.

    A trace is one of a simulated cluster, or of `o2cbd dump`.
    """
    if not target.isdecimal() and not target.endswith(".toml"):
        from fakecluster.report.cli import show_trace  # noqa: PLC0415 - nothing is run

        show_trace(target, html=html, kinds=kinds)
        return 0
    from fakecluster.commands import run_one  # noqa: PLC0415 - see above

    options = RunOptions(html=html, grid=html is None, kinds=kinds, shrink=False)
    if target.isdecimal():
        return run_one.replay_seed(int(target), options)
    return run_one.run_file(Path(target), options)
