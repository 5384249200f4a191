"""The proof that a seed is one history: the same traces under every Python and every hash seed.

`python -m fakecluster.determinism` runs histories and prints their digests; with `--compare` it
lets every Python that is there do so, under two hash seeds each, and compares. Nothing but the
standard library is needed for that.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import fakecluster
from fakecluster.cman.topology import Topology
from fakecluster.demo.story import DEAD_THRESHOLD, NODES, TIMINGS, acts
from fakecluster.explore.many import run_seeds
from fakecluster.sim.world import World
from fakecluster.trace.hash import TraceHash

PYTHONS: Final = ("3.11", "3.12", "3.13")
HASH_SEEDS: Final = ("0", "4242")
_AT_A_TIME: Final = 20
"""So many random histories have one digest."""
_TIMEOUT_S: Final = 1800


def digests(seeds: int) -> dict[str, str]:
    """Run the told story and random histories; return digests of their traces.

    Args:
        seeds: how many random histories, of the seeds from 0 on.
    """
    found = {f"story, seed {seed}": _story(seed) for seed in (0, 1)}
    for first in range(0, seeds, _AT_A_TIME):
        span = range(first, min(first + _AT_A_TIME, seeds))
        runs = run_seeds(span, jobs=1, hashed=True)
        told = "".join(f"{one.seed} {one.result.outcome.value} {one.digest}\n" for one in runs)
        found[f"seeds {span.start}..{span.stop - 1}"] = sha256_of(told)
    return found


def sha256_of(text: str) -> str:
    """Return the sha256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _story(seed: int) -> str:
    world = World(
        Topology.of(NODES, cluster="demo"),
        timings=TIMINGS,
        dead_threshold=DEAD_THRESHOLD,
        seed=seed,
    )
    digest = TraceHash()
    world.trace.listen(digest)
    for act in acts():
        act.do(world)
        world.run_for(act.within_us + act.linger_us)
    return digest.hexdigest()


def interpreters(wanted: Iterable[str] = PYTHONS) -> dict[str, str]:
    """Return the Pythons that are there and run, by their version."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    found: dict[str, str] = {}
    for version in wanted:
        paths = [sys.executable] if version == here else _on_path(f"python{version}")
        # A shim may be first on the path without a Python behind it.
        working = next((path for path in paths if _version_of(path) == version), None)
        if working is not None:
            found[version] = working
    return found


def _on_path(name: str) -> Iterator[str]:
    for directory in os.get_exec_path():
        path = shutil.which(name, path=directory)
        if path is not None:
            yield path


def _version_of(path: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def digests_under(python: str, hash_seed: str, seeds: int) -> dict[str, str]:
    """Return what `digests` gives in another process.

    Args:
        python: the interpreter.
        hash_seed: its PYTHONHASHSEED.
        seeds: as for `digests`.

    Raises:
        RuntimeError: the process failed; with what it wrote.
    """
    root = str(Path(fakecluster.__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": root}
    command = [python, "-m", "fakecluster.determinism", "--seeds", str(seeds)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def compare(tables: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the histories that are not the same in every table, with what each says."""
    names = sorted({name for table in tables.values() for name in table})
    differing = []
    for name in names:
        said = {where: table.get(name, "none") for where, table in tables.items()}
        if len(set(said.values())) > 1:
            told = ", ".join(f"{where}: {digest[:16]}" for where, digest in said.items())
            differing.append(f"{name}: {told}")
    return differing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 good, 1 a difference."""
    parser = argparse.ArgumentParser(prog="python -m fakecluster.determinism", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="random histories (200)")
    parser.add_argument("--compare", action="store_true", help="under every Python, twice")
    given = parser.parse_args(arguments)
    if not given.compare:
        print(json.dumps(digests(given.seeds), indent=1, sort_keys=True))
        return 0
    pythons = interpreters()
    places = [(version, hash_seed) for version in pythons for hash_seed in HASH_SEEDS]
    tables = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [
            pool.submit(digests_under, pythons[version], hash_seed, given.seeds)
            for version, hash_seed in places
        ]
        for (version, hash_seed), run in zip(places, runs, strict=True):
            where = f"Python {version}, hash seed {hash_seed}"
            tables[where] = run.result()
            whole = sha256_of(json.dumps(tables[where], sort_keys=True))
            print(f"{where}: {len(tables[where])} digests, {whole[:16]}", flush=True)
    for version in PYTHONS:
        if version not in pythons:
            print(f"Python {version}: not there")
    differing = compare(tables)
    for line in differing:
        print(f"NOT THE SAME: {line}")
    print("NOT the same" if differing else f"the same, {len(tables)} times")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
