"""A fake cman of three nodes, the real o2cbd as one of them, and the kernel's tables.

Prints one JSON line a stage with the kernel's own table as it was read back, and whether it is what
the stage should bring. Ends with 0 when every stage agreed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fakecluster.server.ask import ask
from fakecluster.verb_codec import request_of
from fakecluster.verbs import Shutdown, Verb
from integration.inside import daemon as daemons
from integration.inside.configfs import CONFIGFS
from integration.inside.tables import entries
from integration.inside.volume import OWN as OWN_VOLUME
from integration.stages import (
    CLUSTER,
    END,
    OWN,
    STAGES,
    TOPOLOGY,
    GuestAction,
    KernelRow,
    StoryStage,
)

STAGE_TIMEOUT_S = 120
END_TIMEOUT_S = 20
_ASK_TIMEOUT_S = 120
_LOOK_EVERY_S = 0.05
_LOG_LINES = 60


def serve_command(directory: Path, topology: Path, libcman: str) -> list[str]:
    """What starts the wire server; the kernel's configfs takes the place of its own."""
    return [
        sys.executable, "-m", "fakecluster", "serve", "--dir", str(directory),
        "--topology", str(topology), "--no-configfs", "--libcman", libcman,
        "--token-ms", "1000", "--consensus-ms", "1200", "--shutdown-timeout-ms", "30000",
    ]  # fmt: skip


def daemon_command(libcman: str, runtime: Path) -> list[str]:
    """What starts o2cbd on the kernel's own tables."""
    return [
        sys.executable, "-m", "o2cbd", "run", "--membership", "cman", "--libcman", libcman,
        "--configfs", CONFIGFS, "--mounts", "/proc/self/mountinfo",
        "--debugfs", "/sys/kernel/debug", "--runtime-dir", str(runtime),
    ]  # fmt: skip


def stop(process: subprocess.Popen[str]) -> int:
    """End a process with SIGTERM, and with SIGKILL where that does not help; its return code."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


class FakeCman:
    """`fakecluster serve` with the three nodes, as it is asked."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        """Ask the one of a directory.

        Args:
            directory: the server's.
            environment: what the own node's o2cbd needs to find its cman.
        """
        self._directory = directory
        self.environment = environment

    @classmethod
    @contextlib.contextmanager
    def served(cls, work: Path, libcman: str, topology_text: str = TOPOLOGY) -> Iterator[FakeCman]:
        """Start it, wait until all is up, and end it with the block.

        Raises:
            RuntimeError: it ended without a word.
        """
        directory, topology = work / "serve", work / "topology.toml"
        topology.write_text(topology_text, "utf-8")
        with (
            (work / "serve.log").open("w") as log,
            subprocess.Popen(
                serve_command(directory, topology, libcman),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            ) as process,
            contextlib.ExitStack() as stack,
        ):
            stack.callback(stop, process)
            if process.stdout is None or not (line := process.stdout.readline()):
                raise RuntimeError("`fakecluster serve` ended without a word")
            nodes = json.loads(line)["nodes"]
            yield cls(directory, next(node["env"] for node in nodes if node["id"] == OWN))

    def apply(self, verb: Verb) -> Mapping[str, Any]:
        """Do a verb to the fake cluster; its answer.

        Raises:
            RuntimeError: it was not done.
        """
        word, fields = request_of(verb)
        answer = ask(self._directory, word, fields, timeout_s=_ASK_TIMEOUT_S)
        if not answer["ok"]:
            raise RuntimeError(f"{word}: {answer['error']}")
        return answer


class GuestDaemon:
    """`o2cbd run`, which may be killed and started again."""

    def __init__(self, work: Path, libcman: str, environment: Mapping[str, str]) -> None:
        """Nothing runs yet."""
        self._runtime = work / "run"
        self._runtime.mkdir()
        self._log = work / "o2cbd.log"
        self._command = daemon_command(libcman, self._runtime)
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; does not wait for anything."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stderr=log,
                env=self._environment,
                text=True,
            )

    def kill(self) -> None:
        """Kill it as `kill -9` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_TIMEOUT_S)

    def stop(self) -> int:
        """End it with SIGTERM; its return code, -1 if it never ran."""
        return -1 if self._process is None else stop(self._process)

    def wait_in_sync(self, timeout_s: float) -> None:
        """Wait, as an operator does, until it says that all is as it should be.

        Raises:
            CalledProcessError: it did not, within the time.
        """
        argv = [sys.executable, "-m", "o2cbd", "wait", "--in-sync", "--timeout", str(timeout_s)]
        subprocess.run([*argv, "--runtime-dir", str(self._runtime)], check=True)

    def vote(self) -> Any:
        """What it answered to the last shutdown question; None: it was not asked."""
        status = daemons.status(str(self._runtime))
        return None if status is None else status["vote"]


Table = dict[str, tuple[int, KernelRow]]
"""Name -> (inode of the directory, its values), sorted by name."""


def read_table(cluster: Path) -> Table:
    """Read a cluster's nodes back from the kernel."""
    return {
        each["name"]: (
            each["inode"],
            KernelRow(
                name=each["name"],
                num=each["num"],
                address=each["address"],
                port=each["port"],
                local=int(each["local"]),
            ),
        )
        for each in entries(cluster)
    }


def same_directories(before: Table, after: Table) -> bool:
    """Whether every entry that reads as before is the very same directory as before."""
    return all(
        before[name][0] == inode
        for name, (inode, row) in after.items()
        if name in before and before[name][1] == row
    )


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Look again and again; whether the condition held within the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True


class StageRunner:
    """Runs the stages, one after the other."""

    def __init__(self, cman: FakeCman, daemon: GuestDaemon, cluster: Path) -> None:
        """Follow a cluster's directory in the configfs."""
        self._cman = cman
        self._daemon = daemon
        self._cluster = cluster
        self._before: Table = {}

    def run(self, stage: StoryStage) -> Mapping[str, Any]:
        """Let a stage happen; what was seen, ready for JSON."""
        began = time.monotonic()
        for verb in stage.verbs:
            self._cman.apply(verb)
        self._act(stage.act)
        expected = sorted(stage.table, key=lambda row: row.name)
        wait_until(lambda: self._rows() == expected, STAGE_TIMEOUT_S)
        after_s = time.monotonic() - began
        answer = self._ask(stage)
        table = read_table(self._cluster)
        found = [row for _, row in table.values()]
        kept = same_directories(self._before, table)
        self._before = table
        return {
            "stage": stage.name,
            "expected": [asdict(row) for row in expected],
            "table": [asdict(row) for row in found],
            "kept": kept,
            "after_s": round(after_s, 1),
            **answer,
            "ok": found == expected and kept and answer.get("allowed") == stage.allowed,
        }

    def end(self) -> Mapping[str, Any]:
        """End the daemon; what was seen, ready for JSON."""
        rc = self._daemon.stop()
        stay = read_table(self._cluster) == self._before
        return {"stage": END, "rc": rc, "kept": stay, "ok": rc == 0 and stay}

    def _rows(self) -> list[KernelRow]:
        return [row for _, row in read_table(self._cluster).values()]

    def _act(self, act: GuestAction) -> None:
        match act:
            case GuestAction.KILL_DAEMON:
                self._daemon.kill()
                self._daemon.start()
                self._daemon.wait_in_sync(STAGE_TIMEOUT_S)
            case GuestAction.MOUNT:
                OWN_VOLUME.make(CLUSTER)
                OWN_VOLUME.mount()
            case GuestAction.UMOUNT:
                OWN_VOLUME.umount()
            case GuestAction.NOTHING:
                pass

    def _ask(self, stage: StoryStage) -> Mapping[str, Any]:
        """Ask the shutdown question where the stage has it."""
        if stage.allowed is None:
            return {}
        allowed = self._cman.apply(Shutdown(node=OWN))["allowed"]
        return {"allowed": allowed, "vote": self._daemon.vote()}


def follow(work: Path, libcman: str) -> bool:
    """Run all stages; True when all agreed."""
    good = True
    with FakeCman.served(work, libcman) as cman, contextlib.ExitStack() as stack:
        daemon = GuestDaemon(work, libcman, cman.environment)
        stack.callback(daemon.stop)
        runner = StageRunner(cman, daemon, Path(CONFIGFS) / "cluster" / CLUSTER)
        for stage in STAGES:
            if stage is STAGES[0]:
                daemon.start()
            seen = runner.run(stage)
            print(json.dumps(seen), flush=True)
            good = good and bool(seen["ok"])
        ended = runner.end()
        print(json.dumps(ended), flush=True)
    return good and bool(ended["ok"])


def main(argv: Sequence[str]) -> int:
    """Follow all stages with the stand-in library given; logs go to stderr on a difference."""
    with tempfile.TemporaryDirectory(prefix="follow-") as name:
        work = Path(name)
        good = False
        try:
            good = follow(work, argv[0])
        finally:
            if not good:
                for log in sorted(work.glob("*.log")):
                    tail = log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
                    print(f"--- {log.name} ---", *tail, sep="\n", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
