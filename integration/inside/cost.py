"""What the daemon costs, in a guest whose clocks count instructions, one a nanosecond.

Counted is what the daemon's process executes, in its own code and in the kernel on its behalf, by
its processor clock. The cluster manager is `fakecluster serve`, whose instructions are its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from fakecluster import verbs
from integration.inside.follow import FakeCman, stop
from integration.inside.tables import CLUSTERS, ORDER, entries
from integration.inside.tools import run_tool

CLUSTER: Final = "cost"
OWN: Final = 1
RESYNC_S: Final = 30
"""That of the packaged settings."""
_TABLE: Final = CLUSTERS / CLUSTER
_AS_ITS_UNIT: Final = (sys.executable, "-m", "o2cbd", "run")
_SETTINGS: Final = Path("/etc/o2cbd/o2cbd.toml")
_QUIET_S: Final = 0.5
"""A process that executes nothing for so long is at rest."""
_LOOK_S: Final = 0.05
_TIMEOUT_S: Final = 600
_CLOCK_OF_A_PROCESS: Final = 2
"""CPUCLOCK_SCHED of clock_getcpuclockid(3)."""


def measure(*, members: int, rounds: int, libcman: str, settings: str) -> dict[str, Any]:
    """Measure one size.

    Args:
        members: of the cluster, this host among them.
        rounds: of everything.
        libcman: the library that the daemon loads.
        settings: the packaged settings file; cman is put in corosync's place.

    Returns:
        `counts`: instructions of each round, by what was measured; `memory_kib`: the daemon's
        RssAnon and VmRSS with a full table.
    """
    run_tool("ip", "address", "replace", f"{_address(OWN)}/32", "dev", "lo")
    counts: dict[str, list[int]] = {}

    def note(what: str, instructions: int) -> None:
        counts.setdefault(what, []).append(instructions)

    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        with FakeCman.served(work, libcman, _topology(members)) as cman:
            daemon = _Daemon(work, libcman, settings, cman.environment)
            # What is done for the first time reads files, and makes classes.
            for number in range(rounds + 1):
                started = daemon.started(members)
                if number:
                    note("start", started)
                if number < rounds:
                    daemon.stop()
                    _empty_table()
            memory_kib = daemon.memory_kib()
            others = [each for each in range(1, members + 1) if each != OWN]
            _changes(cman, daemon, members, others, lambda _what, _spent: None)
            for _ in range(rounds):
                _changes(cman, daemon, members, others, note)
            daemon.stop()
        _empty_table()
    return {"counts": counts, "memory_kib": memory_kib}


def floors(*, members: int, rounds: int) -> dict[str, list[int]]:
    """What bare Python executes for the same: an interpreter, and loops over a table.

    Args:
        members: nodes of the table.
        rounds: of everything.
    """
    run_tool("ip", "address", "replace", f"{_address(OWN)}/32", "dev", "lo")
    counts: dict[str, list[int]] = {}
    loops: Mapping[str, Callable[[], object]] = {
        "write": lambda: _write_table(members),
        "read back": _read_table,
        "list": lambda: [each.name for each in os.scandir(_TABLE / "node")],
    }
    for number in range(rounds + 1):
        for what, flags in (("python3 -c pass", ()), ("python3 -I -S -c pass", ("-I", "-S"))):
            spent = _children(lambda flags=flags: run_tool(sys.executable, *flags, "-c", "pass"))  # type: ignore[misc]
            if number:
                counts.setdefault(what, []).append(spent)
        for what, loop in loops.items():
            began = time.thread_time_ns()
            loop()
            if number:
                counts.setdefault(what, []).append(time.thread_time_ns() - began)
        _empty_table()
    return counts


def _children(work: Callable[[], object]) -> int:
    """What the children executed that were waited for meanwhile."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return round(spent_s * 1_000_000) * 1000


def _changes(
    cman: FakeCman,
    daemon: _Daemon,
    members: int,
    others: Sequence[int],
    note: Callable[[str, int], None],
) -> None:
    last = others[-1]
    note("leave", daemon.after(lambda: cman.apply(verbs.Kill(node=last)), members - 1))
    note("join", daemon.after(lambda: cman.apply(verbs.Start(node=last)), members))
    # Every node has one vote already: all are told, and nothing is new.
    votes = verbs.Expected(node=OWN, votes=members)
    note("notice of nothing new", daemon.after(lambda: cman.apply(votes), members))
    before = daemon.instructions()
    time.sleep(2 * RESYNC_S)
    note("resync", (daemon.instructions() - before) // 2)

    daemon.after(lambda: cman.apply(verbs.Partition(groups=((OWN,), tuple(others)))), members)
    for node in others:
        (_TABLE / "node" / f"n{node}").rmdir()
    note("state change", daemon.after(lambda: cman.apply(verbs.Heal()), members))


class _Daemon:
    """The daemon as its unit runs it, on this guest's kernel."""

    def __init__(
        self, work: Path, libcman: str, settings: str, environment: Mapping[str, str]
    ) -> None:
        self._log = work / "o2cbd.log"
        text = Path(settings).read_text("utf-8")
        text = text.replace('source = "corosync"', f'source = "cman"\nlibcman = "{libcman}"')
        text = text.replace('scope = "configured"', 'scope = "members"')
        _SETTINGS.parent.mkdir(exist_ok=True)
        _SETTINGS.write_text(text, "utf-8")
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[str] | None = None

    @property
    def _pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the daemon was not started")
        return self._process.pid

    def started(self, nodes: int) -> int:
        """Start it; what it executes until the table has so many nodes and it is at rest."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                _AS_ITS_UNIT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self._environment, text=True,
            )  # fmt: skip
        self._wait_for(nodes)
        return self._at_rest()

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            stop(self._process)

    def instructions(self) -> int:
        """What all its threads have executed so far."""
        return time.clock_gettime_ns(~self._pid << 3 | _CLOCK_OF_A_PROCESS)

    def after(self, change: Callable[[], object], nodes: int) -> int:
        """What it executes for a change, until the table has so many nodes and it is at rest.

        Raises:
            RuntimeError: the table does not come to that.
        """
        before = self.instructions()
        change()
        self._wait_for(nodes)
        return self._at_rest() - before

    def _wait_for(self, nodes: int) -> None:
        deadline_s = time.monotonic() + _TIMEOUT_S
        while _count() != nodes:
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{_count()} nodes, not {nodes}: {self._log.read_text()}")
            time.sleep(_LOOK_S)

    def _at_rest(self) -> int:
        seen = self.instructions()
        while True:
            time.sleep(_QUIET_S)
            now = self.instructions()
            if now == seen:
                return now
            seen = now

    def memory_kib(self) -> dict[str, int]:
        """Its memory by the kernel's names."""
        lines = Path(f"/proc/{self._pid}/status").read_text().splitlines()
        values = dict(line.split(":", 1) for line in lines)
        return {name: int(values[name].split()[0]) for name in ("RssAnon", "VmRSS")}


def _topology(members: int) -> str:
    nodes = "".join(
        f'\n[[nodes]]\nid = {node}\nname = "n{node}"\naddresses = ["{_address(node)}"]\n'
        for node in range(1, members + 1)
    )
    return f'cluster = "{CLUSTER}"\n{nodes}'


def _address(node: int) -> str:
    return f"10.78.0.{node}"


def _count() -> int:
    try:
        return sum(1 for _ in (_TABLE / "node").iterdir())
    except FileNotFoundError:
        return 0


def _write_table(members: int) -> None:
    _TABLE.mkdir()
    for node in range(1, members + 1):
        path = _TABLE / "node" / f"n{node}"
        path.mkdir()
        values = ("7777", _address(node), str(node), "1" if node == OWN else "")
        for name, value in zip(ORDER, values, strict=True):
            if value:
                _write(path / name, value)


def _write(path: Path, value: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, value.encode())
    os.close(fd)


def _read_table() -> None:
    for entry in os.scandir(_TABLE / "node"):
        for name in ORDER:
            fd = os.open(f"{entry.path}/{name}", os.O_RDONLY)
            os.read(fd, 64)
            os.close(fd)


def _empty_table() -> None:
    for entry in entries(_TABLE):
        (_TABLE / "node" / entry["name"]).rmdir()
    if _TABLE.is_dir():
        _TABLE.rmdir()


def main() -> None:
    """Print what is measured with the keywords of the JSON that is given, as JSON."""
    asked = json.loads(sys.argv[1])
    bare = floors(members=asked["members"], rounds=asked["rounds"])
    print(json.dumps({**measure(**asked), "bare": bare}))


if __name__ == "__main__":
    main()
