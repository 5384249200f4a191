"""A process with one bug in its daemon: `python -m fakecluster.planted.one BUG SEED,SEED,...`.

Prints one line of JSON: the first of the seeds that catches it, and how.
"""

from __future__ import annotations

import json
import sys

from fakecluster.planted.plant import plant


def main(name: str, seeds: str) -> None:
    """Plant the bug, then run the seeds."""
    plant(name)
    # Not before: the bug is planted while the daemon's modules are loaded.
    from fakecluster.explore.many import run_seed  # noqa: PLC0415
    from fakecluster.scenario.run import Outcome  # noqa: PLC0415

    caught: dict[str, int | str | None] = {"seed": None}
    for seed in map(int, seeds.split(",")):
        result = run_seed(seed).result
        if result.outcome is not Outcome.GOOD:
            outcome = result.outcome.value
            caught = {"seed": seed, "outcome": outcome, "finding": result.findings[0]}
            break
    print(json.dumps(caught, sort_keys=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
