"""`python -m fakecluster.commands.mutants_page [--write FILE]`: the page of the known bugs.

It needs some minutes: every bug is put into the daemon and run until a drawn history shows it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fakecluster.commands.mutant_score import Judged, Scorer
from fakecluster.mutants.known import KNOWN, SEEDS_EACH

HEAD = """\
# Mutants

<!-- Made by `python -m fakecluster.commands.mutants_page --write docs/mutants.md`; a test
     holds it true. -->

The judges of the daemon must be judged too. `fakecluster mutants` changes the daemon's syntax trees
on purpose (its files stay unchanged) and draws histories until a judge of the simulator notices. No
test of the project runs, so the score is that of the drawn histories and their judges alone.

```console
$ fakecluster mutants                          # the known bugs of the table below
$ fakecluster mutants votes-yes --diff         # one of them, and what it changes
$ fakecluster mutants --random 300 --seed 7    # random slips anywhere in the daemon
$ fakecluster mutants --random 300 --list      # which ones they are
$ fakecluster run --mutant votes-yes --seed 0 --count 1000
```

- `--seeds-each N` sets the seeds of a mutant (400 for a known bug, 300 for a random one). First the
  unchanged daemon runs all of them, which shows what each seed reaches. A mutant runs only seeds
  that reach its change, the shortest histories first, until the first finding.
- Each mutant has its own process (`-j N` at a time). One that never ends is stopped after thirty
  times the turns of the unchanged daemon, and counts as noticed (`hung`), like one that crashes
  (`crash`) or cannot be loaded (`start`).
- A random mutant's name is its place, `FILE:LINE:COLUMN:OPERATOR`; `fakecluster run --mutant NAME`
  runs single seeds with it. Survivors are listed with their diffs, by kind: `reached` (no judge
  notices: equivalent, or a hole in the judges or draws), `text` (only a text changes), and
  `not-reached` (no history runs it).
- Ctrl-C ends a run and shows the results so far. `--json` prints one line for machines.

What samples gave, survivor by survivor: [mutants-record.md](mutants-record.md).

## The known bugs

A bug is described by the code's structure ("in this function, the operand that reads this"), in
`fakecluster/mutants/known.py`. Where a description no longer fits exactly one place, the error says
what was searched, what was found, and what to write. "2007" marks what the original daemon did, or
would do here.

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


def rows(seeds: Iterable[int], jobs: int = 1) -> Iterator[str]:
    """Judge the bugs by seeds, and yield their rows, in the order of the bugs."""
    judged = {one.mutant.name: one for one in Scorer(seeds).judge(KNOWN.values(), jobs)}
    yield from (row_of(judged[name]) for name in KNOWN)


def main() -> int:
    """Print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--seeds",
        type=lambda text: [int(seed) for seed in text.split(",")],
        default=range(SEEDS_EACH),
        help="of all seeds try these alone: those of the page give the page again",
    )
    options = parser.parse_args()
    page = HEAD + "".join(f"{row}\n" for row in rows(options.seeds, options.jobs))
    if options.write is None:
        sys.stdout.write(page)
    else:
        options.write.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
