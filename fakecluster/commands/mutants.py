"""The command `fakecluster mutants`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from fakecluster.commands.mutant_score import Fate, Judged, MutantError, Scorer
from fakecluster.mutants.edits import EditError
from fakecluster.mutants.install import Mutant
from fakecluster.mutants.known import KNOWN, SEEDS_EACH
from fakecluster.mutants.lookup import UnknownMutantError, mutant_of
from fakecluster.mutants.operators import Slipped, draw_mutants
from fakecluster.mutants.trees import difference

_RANDOM_SEEDS_EACH = 300
_EXIT_SURVIVED = 1
"""A known bug was not noticed."""
_EXIT_INTERRUPTED = 130


@click.command("mutants")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--random", "count", type=click.IntRange(1), help="So many random ones.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the random ones.")
@click.option(
    "--seeds-each",
    type=click.IntRange(1),
    help=f"Histories for each: {SEEDS_EACH} a known bug, {_RANDOM_SEEDS_EACH} a random one.",
)
@click.option("-j", "--jobs", type=click.IntRange(1), default=1, help="Processes at a time.")
@click.option("--list", "listed", is_flag=True, help="List them; nothing is run.")
@click.option(
    "--diff", "diffs", is_flag=True, help="Show every mutant's diff, not survivors' alone."
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def mutants_command(
    *,
    names: tuple[str, ...],
    count: int | None,
    seed: int,
    seeds_each: int | None,
    jobs: int,
    listed: bool,
    diffs: bool,
    as_json: bool,
) -> int:
    """Put bugs into the daemon and see whether drawn histories notice them.

    Without a NAME all known bugs, with --random drawn slips at any place of the daemon. Each is
    judged by the simulator's own judges, in histories that seeds draw; no test of the project is
    run. Ctrl-C ends it and shows what is known by then.

    Exits with 0; with 1 when one that was asked for by name, or a known bug, was not noticed.
    """
    if names and count is not None:
        raise click.UsageError("give either names or --random")
    try:
        mutants = _chosen(names, count, seed)
        if listed:
            _list(mutants, diffs=diffs, as_json=as_json)
            return 0
        scorer = Scorer(range(seeds_each or (SEEDS_EACH if count is None else _RANDOM_SEEDS_EACH)))
    except (UnknownMutantError, EditError) as error:
        raise click.UsageError(str(error)) from None
    except MutantError as error:
        raise click.ClickException(str(error)) from None
    found: list[Judged] = []
    code = 0
    try:
        for one in scorer.judge(mutants, jobs):
            found.append(one)
            if count is None and one.verdict is not Fate.NOTICED:
                code = _EXIT_SURVIVED
            if not as_json:
                click.echo("\n".join(lines_of(one, diffs=diffs)))
    except KeyboardInterrupt:
        code = _EXIT_INTERRUPTED
    if as_json:
        click.echo(json_of(found, len(mutants), seed, scorer.seeds))
    else:
        click.echo("\n".join(summary_lines(found, len(mutants), scorer.seeds)))
    return code


def _chosen(names: Sequence[str], count: int | None, seed: int) -> Sequence[Mutant]:
    if count is not None:
        return draw_mutants(count, seed)
    return [mutant_of(name) for name in names or KNOWN]


def kind_of(one: Judged) -> str:
    """Return what kind of a survivor a mutant is; `noticed` when it is none."""
    if one.verdict is Fate.NOTICED:
        return "noticed"
    if isinstance(one.mutant, Slipped) and one.mutant.text:
        return "text"
    return "not-reached" if one.verdict is Fate.NOT_REACHED else "reached"


_KINDS = {
    "reached": "a history runs what is changed, and no judge minds",
    "text": "only what is said is changed, not what is done",
    "not-reached": "no history runs what is changed",
}


def about(mutant: Mutant) -> str:
    """Return what a mutant is, on one line."""
    if isinstance(mutant, Slipped):
        return f"{mutant.name} in {mutant.function or 'the module'}"
    return f"{mutant.name}: {KNOWN[mutant.name].about}"


def lines_of(one: Judged, *, diffs: bool) -> Iterator[str]:
    """Tell a person what became of a mutant."""
    if one.verdict is Fate.NOTICED:
        where = "" if one.seed is None else f" at seed {one.seed}"
        yield f"noticed by {one.judge}{where}: {about(one.mutant)}"
        yield f"    {one.finding}"
    else:
        yield f"SURVIVED {one.seeds} seeds ({kind_of(one)}): {about(one.mutant)}"
    if diffs or one.verdict is not Fate.NOTICED:
        yield from (f"    {line}" for line in diff_of(one.mutant).splitlines())


def diff_of(mutant: Mutant) -> str:
    """Return what a mutant changes."""
    return "\n".join(difference(module, tree) for module, tree in sorted(mutant.trees().items()))


def summary_lines(found: Sequence[Judged], wanted: int, seeds: int) -> Iterator[str]:
    """Tell a person what became of all of them."""
    noticed = [one for one in found if one.verdict is Fate.NOTICED]
    judges = Counter(one.judge for one in noticed)
    by = ", ".join(f"{count} by {judge}" for judge, count in judges.most_common())
    share = f" ({100 * len(noticed) // len(found)} %)" if found else ""
    yield f"{len(noticed)} of {len(found)} mutants noticed{share}, {seeds} seeds each: {by or '-'}"
    if len(found) < wanted:
        yield f"interrupted: {wanted - len(found)} of {wanted} were not judged"
    for kind, text in _KINDS.items():
        names = [one.mutant.name for one in found if kind_of(one) == kind]
        if names:
            yield f"{len(names)} survived, {kind} ({text}):"
            yield from (f"    {name}" for name in names)


def json_of(found: Sequence[Judged], wanted: int, seed: int, seeds: int) -> str:
    """Return the same as one line of JSON."""
    row = {
        "schema": 1,
        "seed": seed,
        "seeds_each": seeds,
        "wanted": wanted,
        "judged": len(found),
        "noticed": sum(one.verdict is Fate.NOTICED for one in found),
        "mutants": [
            {
                **_json_about(one.mutant),
                "kind": kind_of(one),
                "judge": one.judge or None,
                "seed": one.seed,
                "finding": one.finding,
                "seeds": one.seeds,
                "diff": diff_of(one.mutant),
            }
            for one in found
        ],
    }
    return json.dumps(row, sort_keys=True)


def _json_about(mutant: Mutant) -> dict[str, object]:
    if not isinstance(mutant, Slipped):
        return {"name": mutant.name}
    return {
        "name": mutant.name,
        "file": mutant.file,
        "line": mutant.line,
        "function": mutant.function,
        "operator": mutant.operator,
    }


def _list(mutants: Sequence[Mutant], *, diffs: bool, as_json: bool) -> None:
    if as_json:
        rows = [{**_json_about(one), "diff": diff_of(one)} for one in mutants]
        click.echo(json.dumps({"schema": 1, "mutants": rows}, sort_keys=True))
        return
    for one in mutants:
        click.echo(about(one))
        if diffs:
            click.echo(diff_of(one))
