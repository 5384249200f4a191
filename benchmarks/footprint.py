"""`footprint`: how soon `o2cbd run` is ready, the share of imports in that, and its memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks import bare
from benchmarks.pairs import median
from benchmarks.running import RunningDaemon, memory_kib, processor_s
from fakecluster.server.child import ServedChild

CLUSTER = "bench"

READY_TARGET_S = 0.6
ANON_TARGET_KIB = 25 * 1024

_IMPORT_LINE = re.compile(r"import time: +(\d+) \| +\d+ \| ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a daemon needs whose first pass fills a table of this size; medians."""

    members: int
    rounds: int
    pass_s: float
    """`python3 -c pass`, with the site's packages, as the daemon has them."""
    bare_pass_s: float
    """`python3 -I -S -c pass`."""
    ready_s: float
    """From the start of the process to READY=1: the first pass is complete."""
    fastest_s: float
    """The best of these."""
    processor_s: float
    """How much of it was spent on a processor."""
    import_share: float
    """How much of a run under `-X importtime` was spent in imports, 0 to 1."""
    anon_kib: int
    """RssAnon when it was ready, the highest of all runs."""
    rss_kib: int
    """VmRSS when it was ready, the highest of all runs: with the pages of files."""


def footprint(members: int, rounds: int) -> Footprint:
    """Start the daemon of node 1 again and again on an empty configfs, and look at it."""
    with TemporaryDirectory(prefix="bench-", dir="/tmp") as scratch:
        top = Path(scratch)
        options = ("--nodes", str(members), "--cluster", CLUSTER)
        with ServedChild(top / "c", *options) as served:
            node = served.node(1)
            # From the interpreter on: what stands before it sets the environment.
            announced = list(node["command"])
            command = announced[announced.index(sys.executable) :]
            # As a package installs it: with bytecode, which the warm-up round compiles.
            environment = {
                **node["env"],
                "PYTHONPYCACHEPREFIX": str(top / "bytecode"),
                "PYTHONDONTWRITEBYTECODE": "",
            }

            def start(*python_options: str) -> RunningDaemon:
                bare.empty(node["configfs"], CLUSTER)
                changed = [command[0], *python_options, *command[1:]]
                return RunningDaemon(changed, environment, top)

            passes, bare_passes, readies, processors, anon, rss = [], [], [], [], [], []
            for turn in range(rounds + 1):
                pass_s = _timed([command[0], "-c", "pass"], environment)
                bare_pass_s = _timed([command[0], "-I", "-S", "-c", "pass"], environment)
                with start() as daemon:
                    memory = memory_kib(daemon.pid)
                    if turn:  # the first is the warm-up, which compiles
                        passes.append(pass_s)
                        bare_passes.append(bare_pass_s)
                        readies.append(daemon.ready_s)
                        processors.append(processor_s(daemon.pid))
                        anon.append(memory["RssAnon"])
                        rss.append(memory["VmRSS"])
                    daemon.stop()
            with start("-X", "importtime") as daemon:
                share = _imports_s(daemon.log) / daemon.ready_s
                daemon.stop()
    return Footprint(
        members=members,
        rounds=rounds,
        pass_s=median(passes),
        bare_pass_s=median(bare_passes),
        ready_s=median(readies),
        fastest_s=min(readies),
        processor_s=median(processors),
        import_share=share,
        anon_kib=max(anon),
        rss_kib=max(rss),
    )


def _timed(command: Sequence[str], environment: Mapping[str, str]) -> float:
    variables = {**os.environ, **environment}
    begin = perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, env=variables)
    return perf_counter() - begin


def _imports_s(log: str) -> float:
    """Add up the modules' own shares of what `-X importtime` wrote."""
    return sum(int(own_us) for own_us in _IMPORT_LINE.findall(log)) / 1e6


def machine() -> str:
    """Say what kind of machine this is, in general terms."""
    with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
        models = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
    with Path("/proc/loadavg").open(encoding="ascii") as file:
        load = file.read().split()[0]
    with Path("/proc/sys/kernel/osrelease").open(encoding="ascii") as file:
        kernel = ".".join(re.findall(r"\d+", file.read())[:2])
    processors = len(list(Path("/sys/devices/system/cpu").glob("cpu[0-9]*")))
    version = ".".join(map(str, sys.version_info[:3]))
    return (
        f"{processors} processors ({', '.join(sorted(models)) or 'unknown'}), Linux {kernel}, "
        f"Python {version}, load average {load}"
    )
