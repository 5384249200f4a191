"""Prints one sha256 over the whole traces of some seeds and scenario files.

`python -m fakecluster.explore.hashing FIRST COUNT [FILE ...]`. Standard library only, so that any
Python can be asked without its own environment.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fakecluster.explore.swarm import draw_scenario
from fakecluster.scenario.file import read_scenario, scenario_text
from fakecluster.scenario.model import Scenario
from fakecluster.scenario.run import run
from fakecluster.trace_hash import TraceHash


def digest_of(scenarios: Iterator[Scenario]) -> str:
    """Return one number for what the scenarios say and what comes of them, in their order."""
    total = hashlib.sha256()
    for scenario in scenarios:
        total.update(scenario_text(scenario).encode())
        total.update(_run(scenario).encode())
    return total.hexdigest()


def _run(scenario: Scenario) -> str:
    heard = TraceHash()
    result = run(scenario, listen=lambda _world: [heard])
    return f"{heard.hexdigest()} {result}\n"


def main(arguments: Sequence[str]) -> None:
    """Print the digest."""
    first, count, *files = arguments
    seeds = range(int(first), int(first) + int(count))
    drawn = (draw_scenario(seed) for seed in seeds)
    read = (read_scenario(Path(file)) for file in sorted(files))
    print(digest_of(scenario for each in (drawn, read) for scenario in each))


if __name__ == "__main__":
    main(sys.argv[1:])
