"""`python -m fakecluster.mutants.page [--write FILE]`: the page of the known bugs.

It needs some minutes: every bug is put into the daemon and run until a drawn history shows it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fakecluster.mutants.known import KNOWN, SEEDS_EACH, Known
from fakecluster.mutants.score import Judged, Scorer

HEAD = """\
# Mutants

<!-- Made by `python -m fakecluster.mutants.page --write docs/mutants.md`; a test holds it true. -->

What judges the daemon must be judged too. `fakecluster mutants` changes the daemon's syntax trees
on purpose (its files stay as they are) and draws histories until a judge of the simulator notices:
no test of the project is run, so the score is that of the drawn histories and their judges alone.

```console
$ fakecluster mutants                          # the known bugs of the table below
$ fakecluster mutants votes-yes --diff         # one of them, and what it changes
$ fakecluster mutants --random 300 --seed 7    # slips at any place of the daemon
$ fakecluster mutants --random 300 --list      # which ones they are
$ fakecluster run --mutant votes-yes --seed 0 --count 1000
```

- `--seeds-each N` sets how many seeds a mutant may have (400 a known bug, 300 a random one). First
  the unchanged daemon runs all of them, which shows what each seed reaches. A mutant is given those
  that reach what it changes, the shortest histories first, until the first finding; the others
  cannot show it.
- Each mutant has a process of its own (`-j N`: so many at a time). What turns without end is ended
  after thirty times the turns of the unchanged daemon, and counts as noticed (`hung`), as does what
  crashes (`crash`) or cannot be loaded (`start`).
- A random mutant's name is its place, `FILE:LINE:COLUMN:OPERATOR`; `fakecluster run --mutant NAME`
  runs single seeds with it. Survivors are listed with their diffs, by kind: `reached` (no judge
  minds: equivalent, or a hole in the judges or draws), `text` (only what is said is changed), and
  `not-reached` (no history runs it).
- Ctrl-C ends a run and shows what is known by then. `--json` prints one line for machines.

The record of what samples gave, survivor by survivor, is in [mutants-record.md](mutants-record.md).

## The known bugs

A bug is described by what the code does ("in this function, the operand that reads this"), in
`fakecluster/mutants/known.py`. Where a description does not fit one place any more, the error says
what was looked for, what was found, and what to write. "2007" marks what the original daemon did,
or would do here.

| bug | what the daemon does | 2007 | noticed by | at seed | the first finding |
|---|---|---|---|---|---|
"""


def row_of(one: Judged) -> str:
    """Return a known bug's row of the table."""
    bug = KNOWN[one.mutant.name]
    seed = "**not noticed**" if one.seed is None else str(one.seed)
    original = "yes" if bug.original else ""
    finding = one.finding.replace("|", "\\|")
    return f"| {' | '.join((f'`{bug.name}`', bug.about, original, one.judge, seed, finding))} |"


def rows(seeds: Iterable[int], bugs: Iterable[Known], jobs: int = 1) -> Iterator[str]:
    """Judge bugs by seeds, and yield their rows, in the order of the bugs."""
    judged = {one.mutant.name: one for one in Scorer(seeds).judge(list(bugs), jobs)}
    yield from (row_of(judged[name]) for name in KNOWN if name in judged)


def main() -> int:
    """Print or write the page, or single rows of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--row", choices=tuple(KNOWN), help="print this row alone")
    parser.add_argument("--seed", type=int, help="of all seeds try this one alone")
    options = parser.parse_args()
    seeds = range(SEEDS_EACH) if options.seed is None else [options.seed]
    bugs = KNOWN.values() if options.row is None else [KNOWN[options.row]]
    text = "".join(f"{row}\n" for row in rows(seeds, bugs, options.jobs))
    page = text if options.row is not None else HEAD + text
    if options.write is None:
        sys.stdout.write(page)
    else:
        options.write.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
