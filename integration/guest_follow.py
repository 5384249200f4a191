"""In the guest: a fake cman of three nodes, the real o2cbd as one of them, and the kernel's tables.

Prints one JSON line a stage with the kernel's own table as it was read back, and whether it became
what the stage should bring. Ends with 0 when every stage agreed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from integration.stages import CLUSTER, OWN, STAGES, TOPOLOGY, Row, Stage

CONFIGFS = Path("/sys/kernel/config")
READY_TIMEOUT_S = 60
STAGE_TIMEOUT_S = 60
END_TIMEOUT_S = 20
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The kernel's table after a stage."""

    stage: str
    expected: list[Row]
    table: list[Row]
    kept: bool
    """Entries that were to stay are the same directories as before (by inode)."""
    after_s: float
    ok: bool


def read_table(cluster: Path) -> dict[str, tuple[int, Row]]:
    """The kernel's node table: name -> (inode, row). A node that vanishes meanwhile is left out."""
    table: dict[str, tuple[int, Row]] = {}
    nodes = cluster / "node"
    with contextlib.suppress(FileNotFoundError):
        for entry in sorted(nodes.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                row = Row(
                    name=entry.name,
                    num=int((entry / "num").read_text("ascii")),
                    address=(entry / "ipv4_address").read_text("ascii").strip(),
                    port=int((entry / "ipv4_port").read_text("ascii")),
                    local=int((entry / "local").read_text("ascii")),
                )
                table[entry.name] = (entry.stat().st_ino, row)
    return table


def wait_until(condition: Callable[[], bool], timeout_s: float) -> float | None:
    """Seconds until the condition held; None when it never did within the time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > timeout_s:
            return None
        time.sleep(_LOOK_EVERY_S)
    return time.monotonic() - began


def settle(stage: Stage, cluster: Path, before: dict[str, tuple[int, Row]]) -> Seen:
    """Wait until the table is the stage's, and say what there was."""
    expected = sorted(stage.table, key=lambda row: row.name)

    def rows() -> list[Row]:
        return [row for _, row in read_table(cluster).values()]

    after_s = wait_until(lambda: rows() == expected, STAGE_TIMEOUT_S)
    table = read_table(cluster)
    kept = all(
        before[name][0] == inode
        for name, (inode, row) in table.items()
        if name in before and before[name][1] == row and name not in stage.renewed
    )
    found = [row for _, row in table.values()]
    return Seen(
        stage=stage.name,
        expected=expected,
        table=found,
        kept=kept,
        after_s=round(after_s if after_s is not None else STAGE_TIMEOUT_S, 1),
        ok=found == expected and kept,
    )


@contextlib.contextmanager
def started(argv: Sequence[str], log: Path, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block; its errors are in the log."""
    with (
        log.open("w") as errors,
        subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stderr=errors, text=True, **more
        ) as process,
    ):
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(END_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def ctl(directory: Path, *words: str) -> None:
    """Say something to the fake cluster; raises CalledProcessError with its answer."""
    argv = [sys.executable, "-m", "fakecluster", "ctl", "--dir", str(directory), *words]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=READY_TIMEOUT_S)


def serve_command(directory: Path, topology: Path, libcman: str) -> list[str]:
    """What starts the wire server; the kernel's configfs takes the place of its own."""
    return [
        sys.executable, "-m", "fakecluster", "serve", "--dir", str(directory),
        "--topology", str(topology), "--no-configfs", "--libcman", libcman,
        "--token-ms", "1000", "--consensus-ms", "1200",
    ]  # fmt: skip


def daemon_command(libcman: str, runtime: Path) -> list[str]:
    """What starts o2cbd on the kernel's own tables."""
    return [
        sys.executable, "-m", "o2cbd", "run", "--membership", "cman", "--libcman", libcman,
        "--configfs", str(CONFIGFS), "--mounts", "/proc/self/mountinfo",
        "--debugfs", "/sys/kernel/debug", "--runtime-dir", str(runtime),
    ]  # fmt: skip


def follow(work: Path, libcman: str) -> bool:
    """Run all stages; True when all agreed."""
    directory, runtime, topology = work / "serve", work / "run", work / "topology.toml"
    runtime.mkdir()
    topology.write_text(TOPOLOGY, "utf-8")
    cluster = CONFIGFS / "cluster" / CLUSTER
    all_ok = True
    with started(
        serve_command(directory, topology, libcman), work / "serve.log", stdout=subprocess.PIPE
    ) as server:
        if server.stdout is None or not (line := server.stdout.readline()):
            raise RuntimeError("`fakecluster serve` said nothing")
        own = next(node for node in json.loads(line)["nodes"] if node["id"] == OWN)
        environment = os.environ | own["env"]
        before: dict[str, tuple[int, Row]] = {}
        first, *others = STAGES
        for words in first.verbs:
            ctl(directory, *words)
        with started(
            daemon_command(libcman, runtime), work / "o2cbd.log", env=environment
        ) as daemon:
            for stage in (first, *others):
                if stage is not first:
                    for words in stage.verbs:
                        ctl(directory, *words)
                seen = settle(stage, cluster, before)
                print(json.dumps(asdict(seen)), flush=True)
                all_ok &= seen.ok
                before = read_table(cluster)
            daemon.terminate()
            rc = daemon.wait(END_TIMEOUT_S)
        after = read_table(cluster)
        ended = {"stage": "o2cbd stops", "rc": rc, "ok": rc == 0 and after == before}
        print(json.dumps(ended), flush=True)
    return all_ok and bool(ended["ok"])


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
                    tail = log.read_text("utf-8", "replace").splitlines()[-60:]
                    print(f"--- {log.name} ---", *tail, sep="\n", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
