"""How a host stands at the end of a stage, as its moves tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fakecluster import verbs
from fakecluster.trace.events import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSummary:
    """What a host is known to have; what was there before the trace began is not."""

    state: str = "no daemon"
    """`no daemon`, `waiting`, `lost`, `held`, `pending` or `synced`, as far as a trace tells."""
    members: str = ""
    quorate: bool | None = None
    table: tuple[str, ...] = ()
    """The nodes that steps and hands put into the kernel's table."""


@dataclass(slots=True)
class _Host:
    alive: bool = False
    connected: bool = False
    lost: bool = False
    held: bool = False
    doomed: bool = False
    """Its disk is stalled: when its daemon is killed next, it has fenced itself."""
    members: str = ""
    quorate: bool | None = None
    table: set[str] = field(default_factory=set)
    pending: set[tuple[object, object]] = field(default_factory=set)

    def standing(self) -> HostSummary:
        return HostSummary(
            state=self._state(),
            members=self.members,
            quorate=self.quorate,
            table=tuple(sorted(self.table)),
        )

    def _state(self) -> str:
        if not self.alive:
            return "no daemon"
        if self.lost:
            return "lost"
        if not self.members:
            return "waiting"
        if self.held:
            return "held"
        return "pending" if self.pending else "synced"

    def lose_power(self) -> None:
        self.end()
        self.table.clear()
        self.doomed = False

    def end(self) -> None:
        self.alive = self.lost = self.held = False
        self.members, self.quorate = "", None
        self.pending.clear()


def standings(
    lines: Sequence[Line], hosts: Sequence[int], ends: Sequence[int]
) -> list[Mapping[int, HostSummary]]:
    """Follow every host through a trace.

    Args:
        lines: of the trace.
        hosts: by node id.
        ends: where each stage ends: the number of lines before that, rising.

    Returns:
        For every stage, how each host stands at its end.
    """
    followed = {host: _Host() for host in hosts}
    found: list[Mapping[int, HostSummary]] = []
    done = 0
    for end in ends:
        for line in lines[done:end]:
            if line.host in followed:
                _follow(followed[line.host], line)
        done = end
        found.append({host: one.standing() for host, one in followed.items()})
    return found


def _follow(host: _Host, line: Line) -> None:  # noqa: C901, PLR0912 - one arm a kind
    get = line.detail.get
    match line.kind, line.what:
        case "verb", verbs.Kill.word:
            host.lose_power()
        case "verb", verbs.StallDisk.word:
            host.doomed = True
        case "verb", verbs.PlaceNode.word:
            host.table.add(str(get("name")))
        case "verb", verbs.DropNode.word:
            host.table.discard(str(get("name")))
        case "daemon", "start":
            host.alive = True
        case "daemon", "killed" if host.doomed:
            host.lose_power()
        case "daemon", "killed" | "exit":
            host.end()
        case "cman", "view":
            host.alive, host.lost = True, False
            host.members = str(get("members", ""))
            quorate = get("quorate")
            host.quorate = quorate if isinstance(quorate, bool) else None
        case "cman", "gone":
            host.lost = True
        case "hold", "begin" | "end":
            host.held = line.what == "begin"
        case "pending", what:
            key = (get("step"), get("node"))
            (host.pending.add if what == "begin" else host.pending.discard)(key)
        case "step", "add-node" if not get("errno"):
            host.table.add(str(get("node")))
        case "step", "remove-node" if not get("errno"):
            host.table.discard(str(get("node")))
