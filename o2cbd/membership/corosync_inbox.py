"""Where corosync's callbacks leave what they are told, until somebody takes it."""

from __future__ import annotations

from typing import Final

from o2cbd.core.events import ConfigChange, Notice, ShutdownAsked, StateChange
from o2cbd.core.frozen import frozen
from o2cbd.membership.libcorosync_table import CFG_SHUTDOWN_REGARDLESS, CmapValue

RELOAD_KEY: Final = "config.reload_in_progress"
"""1 while a reload changes the keys one by one, then 0; not there before the first reload."""

VERSION_KEY: Final = "totem.config_version"
"""0, or not there, where nobody counts versions."""


@frozen
class View:
    """What libquorum said last: who is a member, and whether that is quorate, in one."""

    quorate: bool
    ring: int
    """The ring's sequence number; it only grows, over restarts of corosync too."""
    members: tuple[int, ...]


class Inbox:
    """The callbacks of one connection; they run inside C, so they do next to nothing."""

    def __init__(self) -> None:
        self.view: View | None = None
        """None: nothing was heard yet."""
        self.has_provider = True
        """Whether there is a quorum provider, and so who tells of members: see `on_nodelist`."""
        self.reloading = False
        self.reload_events = 0
        """How often a reload has begun or ended."""
        self.version = 0
        """The configuration's."""
        self._notices: list[Notice] = []

    @property
    def empty(self) -> bool:
        """True when nobody has to be told anything."""
        return not self._notices

    def take(self) -> tuple[Notice, ...]:
        """Return the notices in order, and forget them."""
        taken, self._notices = tuple(self._notices), []
        return taken

    def on_quorum(self, quorate: bool, ring: int, members: tuple[int, ...]) -> None:  # noqa: FBT001 - a callback
        """Note what the quorum provider made of a ring."""
        if self.has_provider:
            self._see(View(quorate=quorate, ring=ring, members=members))

    def on_nodelist(self, ring: int, members: tuple[int, ...]) -> None:
        """Note a ring that nobody judges; with a provider `on_quorum` follows, and that counts."""
        if not self.has_provider:
            self._see(View(quorate=True, ring=ring, members=members))

    def _see(self, view: View) -> None:
        self.view = view
        self._notices.append(StateChange(quorate=view.quorate))

    def on_key(self, key: str, value: CmapValue | None) -> None:
        """Note a reload; its single changes say nothing, since positions shift."""
        if key == VERSION_KEY:
            self.version = value if isinstance(value, int) else 0
        elif key == RELOAD_KEY:
            self.reload_events += 1
            self.reloading = bool(value)
            if not self.reloading:
                self._notices.append(ConfigChange(version=self.version))

    def on_shutdown(self, flags: int) -> None:
        """Note the question; corosync never says that it is the cluster's last word of a node."""
        forced = flags == CFG_SHUTDOWN_REGARDLESS
        self._notices.append(ShutdownAsked(forced=forced, removed=False))
