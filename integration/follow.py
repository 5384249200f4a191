"""The host's side of the story in the guest: what the kernel's tables showed, as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integration.cache import Progress
from integration.guest import Guest
from integration.stages import END, STAGES

FOLLOW_TIMEOUT_S = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowResult:
    """Every stage as the guest reported it, and what was missing."""

    stages: tuple[Mapping[str, Any], ...]
    rc: int
    errors: str

    @property
    def good(self) -> bool:
        """True when every stage was reported, once and in order, and agreed."""
        expected = [*(stage.name for stage in STAGES), END]
        told = [stage["stage"] for stage in self.stages]
        return self.rc == 0 and told == expected and all(stage["ok"] for stage in self.stages)

    def as_json(self) -> Sequence[Mapping[str, Any]]:
        """The stages for programs."""
        return [dict(stage) for stage in self.stages]


def picture(stage: Mapping[str, Any]) -> str:
    """What to show of one stage: its name, the kernel's table, how long it took."""
    mark = "ok" if stage["ok"] else "DIFFERS"
    head = f"  {stage['stage']:<22}{mark}: "
    if stage["stage"] == END:
        return f"{head}exit {stage['rc']}, the tables {'stay' if stage['kept'] else 'CHANGED'}"
    lines = [f"{head}{_table(stage['table'])}  ({stage['after_s']} s)"]
    if not stage["ok"]:
        lines.append(f"expected: {_table(stage['expected'])}")
    if not stage["kept"]:
        lines.append("an entry that was right was not left alone")
    if "allowed" in stage:
        vote = stage["vote"] or {"answer": "none", "reason": "not asked"}
        word = "allowed" if stage["allowed"] else "refused"
        lines.append(f"shutdown {word}; o2cbd voted {vote['answer']}: {vote['reason']}")
    return f"\n{'':<24}".join(lines)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    return "  ".join(_cell(row) for row in rows)


def _cell(row: Mapping[str, Any]) -> str:
    local = "*" if row["local"] else ""
    return f"{row['num']}:{row['name']}{local}={row['address']}:{row['port']}"


def parse_stage(line: str) -> Mapping[str, Any] | None:
    """A stage of the guest's output, None for any other line."""
    if not line.startswith("{"):
        return None
    stage = json.loads(line)
    return stage if isinstance(stage, dict) and "stage" in stage else None


def follow(guest: Guest, libcman: str, say: Progress) -> FollowResult:
    """Run the story in the guest and show each stage as it comes.

    Raises:
        GuestError: the guest ended or fell silent.
    """
    stages: list[Mapping[str, Any]] = []

    def on_line(line: str) -> None:
        stage = parse_stage(line)
        if stage is None:
            say(f"  {line}")
        else:
            stages.append(stage)
            say(picture(stage))

    say("follow: the kernel's own tables under o2cbd (num:name=address:port, * is local)")
    argv = ["python3", "-m", "integration.inside.follow", libcman]
    result = guest.spawn(argv, timeout_s=FOLLOW_TIMEOUT_S).result(on_line)
    if result.rc != 0:
        say(result.err)
    return FollowResult(stages=tuple(stages), rc=result.rc, errors=result.err)
