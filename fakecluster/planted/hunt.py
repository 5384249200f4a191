"""Looks for the first seed that catches a planted bug, and writes the table of all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fakecluster.planted.bugs import BUGS

SEEDS_MAX = 1000
"""A bug that so many seeds do not catch is not caught."""
_ROOT = Path(__file__).parents[2]
_TIMEOUT_S = 900

_HEAD = """\
# Planted bugs

What judges the daemon must be judged too. Each bug of this table is planted into the daemon on
purpose (a few changed lines, `fakecluster/planted/bugs.py`; the daemon's files stay as they are),
and `fakecluster run` draws seeds from 0 on until one of them fails. A bug that 1000 seeds do not
catch would be a hole in the judges or in what is drawn.

Written by `python -m fakecluster.planted --write docs/planted-bugs.md`; the tests plant each bug
again and look whether its seed still catches it as the table says. To see one:

```sh
fakecluster run --planted votes-yes --seed 0 --count 1000
```

"2007" marks what the original daemon did, or would do here.

| bug | what the daemon does | 2007 | caught as | at seed | the first finding |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """How a bug was caught."""

    name: str
    seed: int | None
    """None: not at all."""
    outcome: str = ""
    finding: str = ""

    def row(self) -> str:
        """Return its row of the table."""
        bug = BUGS[self.name]
        seed = "**not caught**" if self.seed is None else str(self.seed)
        finding = self.finding.replace("|", "\\|")
        original = "yes" if bug.original else ""
        cells = (f"`{self.name}`", bug.about, original, self.outcome, seed, finding)
        return f"| {' | '.join(cells)} |"


def hunt(name: str, seeds: Iterable[int]) -> Caught:
    """Run seeds with a bug in the daemon, in a process of its own, until one catches it.

    Raises:
        RuntimeError: the process could not do it; what it said is in the text.
    """
    given = ",".join(map(str, seeds))
    command = [sys.executable, "-m", "fakecluster.planted.one", name, given]
    told = subprocess.run(
        command, cwd=_ROOT, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if told.returncode != 0:
        raise RuntimeError(f"{name}: {told.stderr[-2000:]}")
    return Caught(name=name, **json.loads(told.stdout))


def hunt_all(jobs: int, seeds: int = SEEDS_MAX) -> list[Caught]:
    """Look for every bug, from seed 0 on."""
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda name: hunt(name, range(seeds)), BUGS))


def table(found: Sequence[Caught]) -> str:
    """Return the page."""
    return _HEAD + "".join(f"{one.row()}\n" for one in found)
