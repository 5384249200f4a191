"""What a daemon that starts will change of the entries that it finds: told before it is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from o2cbd.core import effects, events
from o2cbd.core.model import Entry, Membership, Node, Status
from o2cbd.core.policy import desired_table
from o2cbd.core.reports import Report, spell
from o2cbd.core.rules import TableRules
from o2cbd.core.table_diff import differing, pairs, value_of
from o2cbd.service.reports import EntryWillChange


class Takeover:
    """Hears of the agent's events, and reports at its first comparison."""

    def __init__(self, rules: TableRules, tell: Callable[[Report], None]) -> None:
        """Have heard of nothing yet.

        Args:
            rules: the agent's.
            tell: takes each report.
        """
        self._rules = rules
        self._tell = tell
        self._membership: Membership | None = None
        self._done = False

    def note(self, item: events.Event | effects.Effect, _status: Status, _now_us: int) -> None:
        """Hear of an event, see `o2cbd.agent.Observer`."""
        if self._done:
            return
        if isinstance(item, events.MembershipRead):
            self._membership = item.membership
        elif isinstance(item, events.TablesRead) and self._membership is not None:
            self._done = True
            entries = item.tables.entries
            wanted = desired_table(self._membership, self._rules, entries)
            for report in will_change(wanted.nodes, entries):
                self._tell(report)


def will_change(nodes: Sequence[Node], entries: Sequence[Entry]) -> tuple[EntryWillChange, ...]:
    """Report every value of entries that a daemon will change, in the entries' order.

    Half-made entries, by which no node was known, and those of nobody wanted are not in it.
    """
    found, _gone, _new = pairs([one for one in entries if not one.half_made], nodes)
    return tuple(
        EntryWillChange(
            node=entry.name,
            changes=tuple(
                (value, spell(str(value_of(entry, value))), spell(str(value_of(node, value))))
                for value in differing(entry, node)
            ),
        )
        for entry, node in found
        if differing(entry, node)
    )
