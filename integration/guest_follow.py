"""In the guest: a fake cman of three nodes, the real o2cbd as one of them, and the kernel's tables.

Prints one JSON line a stage with the kernel's own table as it was read back, and whether it is what
the stage should bring. Ends with 0 when every stage agreed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from integration.guest_cluster import Daemon, FakeCman
from integration.guest_host import CONFIGFS
from integration.guest_own_volume import OWN_VOLUME
from integration.kernel_table import Table, read_table, same_directories
from integration.stages import CLUSTER, END, STAGES, Act, Row, Stage

STAGE_TIMEOUT_S = 120
_LOOK_EVERY_S = 0.05
_LOG_LINES = 60


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Look again and again; whether the condition held within the time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True


class Story:
    """The stages, one after the other."""

    def __init__(self, cman: FakeCman, daemon: Daemon, cluster: Path) -> None:
        """Tell it of a cluster's directory in the configfs."""
        self._cman = cman
        self._daemon = daemon
        self._cluster = cluster
        self._before: Table = {}

    def tell(self, stage: Stage) -> Mapping[str, Any]:
        """Let a stage happen; what was seen, ready for JSON."""
        began = time.monotonic()
        for words in stage.verbs:
            self._cman.ctl(*words)
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

    def _rows(self) -> list[Row]:
        return [row for _, row in read_table(self._cluster).values()]

    def _act(self, act: Act) -> None:
        match act:
            case Act.KILL_DAEMON:
                self._daemon.kill()
                self._daemon.start()
                self._daemon.wait_in_sync(STAGE_TIMEOUT_S)
            case Act.MOUNT:
                OWN_VOLUME.make(CLUSTER)
                OWN_VOLUME.mount()
            case Act.UMOUNT:
                OWN_VOLUME.umount()
            case Act.NOTHING:
                pass

    def _ask(self, stage: Stage) -> Mapping[str, Any]:
        """Ask the shutdown question where the stage has it."""
        if stage.allowed is None:
            return {}
        allowed = self._cman.shutdown_allowed()
        return {"allowed": allowed, "vote": self._daemon.status()["vote"]}


def follow(work: Path, libcman: str) -> bool:
    """Run all stages; True when all agreed."""
    good = True
    with FakeCman(work, libcman) as cman, Daemon(work, libcman, cman.environment) as daemon:
        story = Story(cman, daemon, Path(CONFIGFS) / "cluster" / CLUSTER)
        for stage in STAGES:
            if stage is STAGES[0]:
                daemon.start()
            seen = story.tell(stage)
            print(json.dumps(seen), flush=True)
            good = good and bool(seen["ok"])
        ended = story.end()
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
