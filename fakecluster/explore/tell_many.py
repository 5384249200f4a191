"""Many runs and what is told of them: the sums, the probes, each failure with its line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from fakecluster.explore.many import SeedResult, Summary, run_seeds
from fakecluster.explore.swarm import draw_scenario
from fakecluster.explore.tell_one import save_shrunk, told
from fakecluster.explore.wishes import Wishes
from fakecluster.oracles.probes import PROBES
from fakecluster.scenario.run import Outcome

HOUR_US = 3_600_000_000
FAILURES_SHOWN = 20

EXIT_PROBES = 1
"""All seeds were good, and yet something was never tried."""


def run_many(seeds: Sequence[int], wishes: Wishes) -> int:
    """Run many seeds and tell of them; returns the exit code: the worst seed's."""
    summary = Summary()
    prepare = None
    if wishes.mutant:
        from fakecluster.mutants.lookup import install_named  # noqa: PLC0415 - rarely wanted

        prepare = (install_named, wishes.mutant)
    for one in run_seeds(seeds, jobs=wishes.jobs, hashed=wishes.hashed, prepare=prepare):
        summary.add(one)
        if one.result.outcome is not Outcome.GOOD and not wishes.as_json:
            _tell_failure(one, len(summary.failed), wishes)
    if wishes.as_json:
        click.echo(as_json(seeds, summary, wishes))
    elif wishes.hashed:
        click.echo(summary.digest)
    else:
        for line in summary_lines(seeds, summary):
            click.echo(line)
    if summary.outcome is Outcome.GOOD and wishes.need_probes and summary.never_hit:
        if not wishes.as_json:
            click.echo(f"never hit and not rare: {', '.join(summary.never_hit)}", err=True)
        return EXIT_PROBES
    return summary.outcome.code


def _tell_failure(one: SeedResult, number: int, wishes: Wishes) -> None:
    if number > FAILURES_SHOWN:
        return
    for line in told(f"seed {one.seed}", one.result, again(one.seed, wishes)):
        click.echo(line)
    if number == 1 and wishes.shrink is not False:
        small = Path(f"seed-{one.seed}.toml")
        save_shrunk(draw_scenario(one.seed), one.result.outcome, small)
        click.echo(f"  cut down:  fakecluster run {small}{wishes.suffix}")


def again(seed: int, wishes: Wishes) -> str:
    """Return the command line that repeats a seed."""
    return f"fakecluster run --seed {seed}{wishes.suffix}"


def summary_lines(seeds: Sequence[int], summary: Summary) -> list[str]:
    """Return the sums for a person, line by line."""
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(summary.outcomes.items()))
    hit = len(set(summary.probes) & set(PROBES))
    lines = [
        f"seeds {seeds[0]}..{seeds[-1]}: {outcomes}",
        f"{summary.virtual_us / HOUR_US:.1f} simulated hours, {summary.lines} lines of trace",
        f"{summary.deeds} deeds, of which {summary.refused} made no sense when it came to them",
        f"{hit} of {len(PROBES)} probes hit",
    ]
    missing = sorted(set(PROBES) - set(summary.probes))
    if missing:
        rare = set(missing) - set(summary.never_hit)
        names = (f"{name} (rare)" if name in rare else name for name in missing)
        lines.append(f"never hit: {', '.join(names)}")
    return lines


def as_json(seeds: Sequence[int], summary: Summary, wishes: Wishes) -> str:
    """Return the sums as one line of JSON."""
    row = {
        "schema": 1,
        "first": seeds[0],
        "seeds": summary.seeds,
        "outcomes": dict(summary.outcomes),
        "code": summary.outcome.code,
        "events": summary.lines,
        "deeds": summary.deeds,
        "refused": summary.refused,
        "virtual_us": summary.virtual_us,
        "probes": dict(summary.probes),
        "never_hit": list(summary.never_hit),
        "failed": [
            {
                "seed": one.seed,
                "outcome": one.result.outcome.value,
                "findings": list(one.result.findings),
                "again": again(one.seed, wishes),
            }
            for one in summary.failed
        ],
        **({"hash": summary.digest} if wishes.hashed else {}),
    }
    return json.dumps(row, sort_keys=True)
