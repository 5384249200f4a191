"""The bugs: failings of the original daemon of 2007, and slips of the classic kind.

Each is a change of a few lines of one module of the daemon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Lines of a module, and what stands there instead."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """Something that the daemon must not do."""

    about: str
    """What it does, as an operator would say it."""
    original: bool
    """The daemon of 2007 did it."""
    changes: tuple[Change, ...]


def _bug(about: str, *changes: tuple[str, str, str], original: bool = True) -> Bug:
    return Bug(
        about=about,
        original=original,
        changes=tuple(Change(module=module, old=old, new=new) for module, old, new in changes),
    )


_CONTROLLER = "o2cbd.core.controller"
_REMOVALS = "o2cbd.core.removals"
_LEDGER = "o2cbd.core.ledger"
_MATCHING = "o2cbd.core.planner"
_POLICY = "o2cbd.core.policy"
_VIEW = "o2cbd.core.view"
_AGENT = "o2cbd.agent"

_AT_ONCE = (_REMOVALS, "        or _settle_gate(permits)\n", "")
"""No removal waits until a membership has stood still."""

BUGS: Final[Mapping[str, Bug]] = MappingProxyType(
    {
        "failed-read-empties": _bug(
            "one failed reading of the membership is taken for nobody being there",
            (
                _CONTROLLER,
                "        self._unread_memberships += 1\n",
                (
                    "        now = self._view.membership\n"
                    "        if now is not None:\n"
                    "            from dataclasses import replace\n"
                    "            alone = [one for one in now.members if one.id == now.local_id]\n"
                    "            return self._on_membership(replace(now, members=tuple(alone)))\n"
                    "        self._unread_memberships += 1\n"
                ),
            ),
        ),
        "add-never-retried": _bug(
            "an add that failed once is never tried again",
            (
                _LEDGER,
                "due_us=now_us + pause\n",
                "due_us=now_us + (2**62 if isinstance(step, AddNode) else pause)\n",
            ),
            (
                _LEDGER,
                "from o2cbd.core.model import RemoveNode",
                "from o2cbd.core.model import AddNode, RemoveNode",
            ),
            (
                _LEDGER,
                "due_us=min(one.due_us, now_us))",
                "due_us=one.due_us if isinstance(step, AddNode) else now_us)",
            ),
        ),
        "busy-removal-never-retried": _bug(
            "a removal that was refused with EBUSY is never tried again",
            (
                _LEDGER,
                "self._timing.pinned_retry_us if pinned or",
                "2**62 if pinned else self._timing.pinned_retry_us if",
            ),
            (
                _LEDGER,
                "due_us=min(one.due_us, now_us))",
                "due_us=one.due_us if one.errno == errno.EBUSY else now_us)",
            ),
        ),
        "wipes-at-start": _bug(
            "everything that it finds at its start is removed first",
            (
                _VIEW,
                "        permits = Permits(",
                (
                    "        if tables.entries and not self._first_pass_done:\n"
                    "            self._desired = Desired(nodes=(), left_out=())\n"
                    "        permits = Permits("
                ),
            ),
            _AT_ONCE,
        ),
        "votes-yes": _bug(
            "it agrees to every shutdown, mounted or not",
            ("o2cbd.core.shutdown", "    if noes:\n", "    if not usage:\n"),
        ),
        "answers-twice": _bug(
            "a shutdown question is answered twice",
            (
                _CONTROLLER,
                "            effects.ReplyShutdown(yes=given.yes),\n",
                (
                    "            effects.ReplyShutdown(yes=given.yes),\n"
                    "            effects.ReplyShutdown(yes=given.yes),\n"
                ),
            ),
            original=False,
        ),
        "ignores-quorum": _bug(
            "a half of a split without quorum forgets the other half",
            (_REMOVALS, "        _quorum_gate(permits)\n        or _loss", "        _loss"),
            (_REMOVALS, "or 2 * here > everybody:", "or here:"),
        ),
        "forgets-by-minority": _bug(
            "where fewer votes are expected both halves of a split forget each other",
            (_REMOVALS, "or 2 * here > everybody:", "or here:"),
        ),
        "removes-at-once": _bug(
            "what a ring shows for a moment while it forms is acted upon",
            _AT_ONCE,
        ),
        "synced-without-itself": _bug(
            "it is in sync although its own node is not in the table",
            (_VIEW, " or difference.pending or self._own_problem())", " or difference.pending)"),
        ),
        "trusts-two-node-quorum": _bug(
            "in a cluster of two each survivor forgets the other",
            (_REMOVALS, "if permits.rules.two_node is TwoNodeRule.ALLOW:", "if permits:"),
        ),
        "address-unnoticed": _bug(
            "a changed address is not noticed",
            (_MATCHING, "        and entry.address == node.address\n", ""),
        ),
        "large-ids-wrap": _bug(
            "a node id over 254 is cut to eight bits instead of left out",
            (_POLICY, "return num if 0 <= num <= MAX_NUM else None", "return num & 255"),
            original=False,
        ),
        "quorum-disk-added": _bug(
            "the quorum disk is taken for a node",
            (
                _POLICY,
                "num = listed.id + rules.num_offset if listed.id else -1",
                "num = listed.id + rules.num_offset",
            ),
            (
                _POLICY,
                "listed.advice.address or _chosen(listed.addresses, rules)\n",
                (
                    "listed.advice.address or _chosen(listed.addresses, rules)\n"
                    '    address = address or (None if listed.id else "10.0.0.99")\n'
                ),
            ),
        ),
        "removes-at-manager-loss": _bug(
            "when the manager dies or the daemon ends, all entries are removed",
            (
                _AGENT,
                "    def _do_disconnect(self) -> None:\n",
                (
                    "    def _do_disconnect(self) -> None:\n"
                    "        import contextlib\n"
                    "        from o2cbd.core.model import RemoveNode\n"
                    "        for entry in self.status.entries:\n"
                    "            with contextlib.suppress(OSError):\n"
                    "                cluster = self.status.cluster\n"
                    "                self._tree.do(RemoveNode(cluster=cluster, node=entry.name))\n"
                ),
            ),
        ),
        "ignores-holds": _bug(
            "it goes on while somebody else holds the semaphore",
            (
                _AGENT,
                "events.HoldTaken() if holder is None else",
                "events.HoldTaken() if True else",
            ),
            original=False,
        ),
        "rejoin-replaces": _bug(
            "a node that came back unseen loses its right entry and gets it anew",
            (
                _VIEW,
                "        self._membership = membership\n",
                (
                    "        was = {} if self._membership is None else {\n"
                    "            one.id: one.incarnation for one in self._membership.members\n"
                    "        }\n"
                    "        self._rejoined = {\n"
                    "            one.name\n"
                    "            for one in membership.members\n"
                    "            if was.get(one.id, one.incarnation) != one.incarnation\n"
                    "        }\n"
                    "        self._membership = membership\n"
                ),
            ),
            (
                _VIEW,
                "        permits = Permits(",
                (
                    "        import dataclasses\n"
                    "        back = getattr(self, '_rejoined', set())\n"
                    "        nodes = self._desired.nodes\n"
                    "        left = tuple(one for one in nodes if one.name not in back)\n"
                    "        self._rejoined = set()\n"
                    "        self._desired = dataclasses.replace(self._desired, nodes=left)\n"
                    "        permits = Permits("
                ),
            ),
            _AT_ONCE,
            original=False,
        ),
        "half-made-accepted": _bug(
            "a directory with the node's name is enough, whatever is in it",
            (_MATCHING, "        entry.num == node.num\n", "        entry.name == node.name\n"),
            (_MATCHING, "        and entry.num_written\n", ""),
            (_MATCHING, "        and entry.address == node.address\n", ""),
            (_MATCHING, "        and entry.port == node.port\n", ""),
        ),
        "local-removed-under-region": _bug(
            "the local node is removed under a heartbeat region",
            (_REMOVALS, "if removal.local and permits.tables.regions:", "if removal is None:"),
            (_REMOVALS, "if live_nums is None or", "if entry.local or live_nums is None or"),
            original=False,
        ),
        "newcomer-evicts": _bug(
            "a newcomer with a lower id takes the address of a node that is there",
            (
                _POLICY,
                "key=lambda one: (not one.incumbent, one.id, one.node.name)",
                "key=lambda one: (one.id, one.node.name)",
            ),
            original=False,
        ),
        "no-resync": _bug(
            "it trusts that every change is announced, and never looks by itself",
            (
                "o2cbd.core.schedule",
                "min((*known, self._resync_due_us))",
                "min(known, default=2**62)",
            ),
        ),
        "zero-address-written": _bug(
            "0.0.0.0 is an address like any other",
            ("o2cbd.core.names", "if address == UNSET_ADDRESS:", "if not address:"),
            original=False,
        ),
    }
)
"""Every bug by its name."""
