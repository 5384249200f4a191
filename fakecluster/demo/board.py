"""What the demo shows: a table of nodes, the last events, the acts so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fakecluster.report.words import words
from fakecluster.sim.host import SimHost
from fakecluster.sim.world import World
from fakecluster.trace.events import Line
from o2cbd.core.model import Quorum, State, Status
from o2cbd.core.rules import SECOND_US

_EVENTS_SHOWN = 9
_STATE_STYLES = {
    State.SYNCED: "green",
    State.PENDING: "yellow",
    State.HELD: "yellow",
    State.WAITING: "cyan",
    State.LOST: "red",
    State.STUCK: "red",
    State.STOPPING: "dim",
}
_KIND_STYLES = {
    "verb": "bold magenta",
    "step": "blue",
    "pending": "yellow",
    "hold": "yellow",
    "vote": "bold cyan",
    "check": "bold red",
}
_SHOWN_KINDS = frozenset({*_KIND_STYLES, "report"})


class Board:
    """Renders a world; also listens to its trace for the list of events."""

    def __init__(self, world: World, acts: int) -> None:
        self._world = world
        self._acts = acts
        self._events: deque[Line] = deque(maxlen=_EVENTS_SHOWN)
        self.title = ""
        self.done: list[bool] = []

    def note(self, line: Line) -> None:
        """Take a line of the trace; a sink. Single calls and the manager's inside are left out."""
        if is_shown(line):
            self._events.append(line)

    def render(self) -> RenderableType:
        """Return the whole picture as of now."""
        seconds = self._world.now_us() / SECOND_US
        good = sum(self.done)
        head = Text.assemble(
            ("fakecluster demo ", "bold"),
            f" {seconds:6.2f} s  ",
            (f"act {min(len(self.done) + 1, self._acts)}/{self._acts}  ", "dim"),
            (
                f"checks held {good}/{len(self.done)}  ",
                "green" if good == len(self.done) else "red",
            ),
            (
                f"violations {len(self._world.violations)}",
                "red" if self._world.violations else "green",
            ),
        )
        act = Text(f"> {self.title}", style="bold")
        return Group(head, act, self._nodes(), self._event_panel())

    def _nodes(self) -> Table:
        grid = Table(expand=True, box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
        for column in ("node", "members it sees", "quorum", "in its kernel", "disk", "o2cbd"):
            grid.add_column(column, no_wrap=True)
        grid.add_column("pending", ratio=1)
        for host in self._world.hosts.values():
            grid.add_row(*_row(self._world, host))
        return grid

    def _event_panel(self) -> Panel:
        lines = [event_text(line) for line in self._events]
        lines.extend(Text("") for _ in range(_EVENTS_SHOWN - len(lines)))
        return Panel(Group(*lines), title="events", title_align="left", border_style="dim")


def is_shown(line: Line) -> bool:
    """True for what a spectator follows: not for single calls and the manager's inside."""
    return line.kind in _SHOWN_KINDS


def event_text(line: Line) -> Text:
    """Return one event as one line, cut to the terminal."""
    who = f"node{line.host}" if line.host else "cluster"
    text = Text(overflow="ellipsis", no_wrap=True)
    text.append(f"{line.t_us / SECOND_US:7.3f}  ", style="dim")
    text.append(f"{who:<8}", style="bold")
    text.append(words(line), style=_KIND_STYLES.get(line.kind, ""))
    return text


def _row(world: World, host: SimHost) -> tuple[RenderableType, ...]:
    status = host.status
    name = Text(host.name, style="bold" if status else "dim strike")
    if status is None:
        return (name, "", "", _short(world.table(host.id)), "", Text("off", style="dim"), "")
    disk = _short([str(num) for num in sorted(world.disk.live_nums(host.id))])
    state = Text(status.state.value, style=_STATE_STYLES[status.state])
    return (
        name,
        _short([member.name for member in status.members]),
        _quorum(status),
        _short(world.table(host.id)),
        f"mounted, sees {disk}" if host.mounted else "",
        state,
        _pending(status),
    )


def _quorum(status: Status) -> Text:
    if status.quorum is None:
        return Text("")
    style = "green" if status.quorum is Quorum.QUORATE else "yellow"
    return Text(status.quorum.value, style=style)


def _short(names: Sequence[str]) -> str:
    return " ".join(name.removeprefix("node") for name in names)


def _pending(status: Status) -> Text:
    text = ", ".join(f"{one.node or 'cluster'}: {one.why.value}" for one in status.pending)
    return Text(text, style="yellow", overflow="ellipsis", no_wrap=True)
