"""Many runs and their output: the sums, the probes, each failure with its line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from fakecluster.commands.run_one import save_shrunk, verdict_lines
from fakecluster.commands.run_options import RunOptions
from fakecluster.explore.many import SeedResult, Summary, run_seeds
from fakecluster.explore.swarm import draw_scenario
from fakecluster.oracles.probes import PROBES
from fakecluster.scenario.run import Outcome

HOUR_US = 3_600_000_000
FAILURES_SHOWN = 20

EXIT_PROBES = 1
"""All seeds were good, and yet something was never tried."""


def run_many(seeds: Sequence[int], options: RunOptions) -> int:
    """Run many seeds and print the sums; returns the exit code: the worst seed's."""
    summary = Summary()
    prepare = None
    if options.mutant:
        from fakecluster.mutants.lookup import install_named  # noqa: PLC0415 - rarely wanted

        prepare = (install_named, options.mutant)
    for one in run_seeds(seeds, jobs=options.jobs, hashed=options.hashed, prepare=prepare):
        summary.add(one)
        if one.result.outcome is not Outcome.GOOD and not options.as_json:
            _print_failure(one, len(summary.failed), options)
    if options.as_json:
        click.echo(as_json(seeds, summary, options))
    elif options.hashed:
        click.echo(summary.digest)
    else:
        for line in summary_lines(seeds, summary):
            click.echo(line)
    if summary.outcome is Outcome.GOOD and options.need_probes and summary.never_hit:
        if not options.as_json:
            click.echo(f"never hit and not rare: {', '.join(summary.never_hit)}", err=True)
        return EXIT_PROBES
    return summary.outcome.code


def _print_failure(one: SeedResult, number: int, options: RunOptions) -> None:
    if number > FAILURES_SHOWN:
        return
    for line in verdict_lines(f"seed {one.seed}", one.result, again(one.seed, options)):
        click.echo(line)
    if number == 1 and options.shrink is not False:
        small = Path(f"seed-{one.seed}.toml")
        save_shrunk(draw_scenario(one.seed), one.result.outcome, small)
        click.echo(f"  cut down:  fakecluster run {small}{options.suffix}")


def again(seed: int, options: RunOptions) -> str:
    """Return the command line that repeats a seed."""
    return f"fakecluster run --seed {seed}{options.suffix}"


def summary_lines(seeds: Sequence[int], summary: Summary) -> list[str]:
    """Return the sums for a person, line by line."""
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(summary.outcomes.items()))
    hit = len(set(summary.probes) & set(PROBES))
    lines = [
        f"seeds {seeds[0]}..{seeds[-1]}: {outcomes}",
        f"{summary.virtual_us / HOUR_US:.1f} simulated hours, {summary.lines} lines of trace",
        f"{summary.actions} actions, of which {summary.refused} were not applicable",
        f"{hit} of {len(PROBES)} probes hit",
    ]
    missing = sorted(set(PROBES) - set(summary.probes))
    if missing:
        rare = set(missing) - set(summary.never_hit)
        names = (f"{name} (rare)" if name in rare else name for name in missing)
        lines.append(f"never hit: {', '.join(names)}")
    return lines


def as_json(seeds: Sequence[int], summary: Summary, options: RunOptions) -> str:
    """Return the sums as one line of JSON."""
    row = {
        "schema": 1,
        "first": seeds[0],
        "seeds": summary.seeds,
        "outcomes": dict(summary.outcomes),
        "code": summary.outcome.code,
        "events": summary.lines,
        "deeds": summary.actions,
        "refused": summary.refused,
        "virtual_us": summary.virtual_us,
        "probes": dict(summary.probes),
        "never_hit": list(summary.never_hit),
        "failed": [
            {
                "seed": one.seed,
                "outcome": one.result.outcome.value,
                "findings": list(one.result.findings),
                "again": again(one.seed, options),
            }
            for one in summary.failed
        ],
        **({"hash": summary.digest} if options.hashed else {}),
    }
    return json.dumps(row, sort_keys=True)
