"""One process that looks at a host's managers again and again, as the agent of a guest does."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

SCRIPT = """
import json, sys
from integration.inside.{module} import {view}
for line in sys.stdin:
    print(json.dumps({view}(*map(int, line.split()))))
"""


class GuestProbe:
    """The process, run by a command that takes words for Python."""

    def __init__(self, python: Sequence[str], module: str, view: str) -> None:
        script = SCRIPT.format(module=module, view=view)
        self._process = subprocess.Popen(
            [*python, "-u", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def look(self, *pids: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(*pids, file=self._process.stdin, flush=True)
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        self._process.kill()  # it may wait for a manager that stands still
        self._process.communicate()
