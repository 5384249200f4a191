"""The known bugs: failings of the original daemon of 2007, and slips of the classic kind.

Each says what the daemon does as an operator would say it, and how its code is changed for that.
Where the code says it otherwise now, the edit's error tells what it looked for and what it found.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fakecluster.mutants.edits import Edit, EditError, Insert, Replace, What, find, in_function
from fakecluster.mutants.trees import spots, targets, tree_of

SEEDS_EACH: Final = 400
"""A known bug that no history of so many seeds shows is not noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBug:
    """Something that the daemon must not do."""

    name: str
    about: str
    """What it does, as an operator would say it."""
    original: bool
    """The daemon of 2007 did it."""
    edits: tuple[Edit, ...]

    @property
    def statements(self) -> Sequence[tuple[str, int | None]]:
        """What is changed: modules and lines of statements.

        Raises:
            EditError: an edit does not find its place.
        """
        found: list[tuple[str, int | None]] = []
        for edit in self.edits:
            module, index = self._find(edit)
            inside = in_function(spots(module, tree_of(module)), edit.function)
            found.append((module, edit.places(inside)[index].statement))
        return found

    def trees(self) -> Mapping[str, ast.Module]:
        """Return the changed modules by name.

        Raises:
            EditError: an edit does not find its place.
        """
        changed: dict[str, ast.Module] = {}
        changes = []
        for edit in self.edits:
            module, index = self._find(edit)
            tree = changed.setdefault(module, tree_of(module))
            places = edit.places(in_function(spots(module, tree), edit.function))
            changes.append(places[index].change)
        for change in changes:
            change()
        return changed

    def _find(self, edit: Edit) -> tuple[str, int]:
        try:
            return find(edit, targets())
        except EditError as error:
            raise EditError(f"{self.name}: {error} (fakecluster/mutants/known.py)") from None


_CONDITION, _OPERAND, _ELEMENT = What.CONDITION, What.OPERAND, What.ELEMENT
_ARGUMENT, _ASSIGNED, _RETURNED = What.ARGUMENT, What.ASSIGNED, What.RETURNED

_AT_ONCE: Final = Replace("gate", _OPERAND, "_settle_gate")
"""No removal waits until a membership has stood still."""
_ANY_MAJORITY: Final = Replace("_minority_gate", _CONDITION, "here everybody", "True")


def _bug(name: str, about: str, *edits: Edit, original: bool = False) -> KnownBug:
    return KnownBug(name=name, about=about, original=original, edits=edits)


_ALL: Final = (
    # --- what the daemon of 2007 did, or would do here
    _bug(
        "failed-read-empties",
        "one failed reading of the membership is taken for nobody being there",
        Insert(
            "_on_membership_failed",
            """
now = self._view.membership
if now is not None:
    alone = [one for one in now.members if one.id == now.local_id]
    return self._on_membership(replace(now, members=tuple(alone)))
""",
        ),
        original=True,
    ),
    _bug(
        "add-never-retried",
        "an add that failed once is never tried again",
        Replace(
            "Ledger.failed",
            _ARGUMENT,
            "due_us",
            "2**62 if type(step).__name__ == 'AddNode' else OLD",
        ),
        Replace(
            "Ledger.all_due",
            _ARGUMENT,
            "due_us",
            "one.due_us if type(step).__name__ == 'AddNode' else OLD",
        ),
        original=True,
    ),
    _bug(
        "busy-removal-never-retried",
        "a removal that was refused with EBUSY is never tried again",
        Replace(
            "Ledger.failed",
            _ARGUMENT,
            "due_us",
            "2**62 if isinstance(step, RemoveNode) and number == errno.EBUSY else OLD",
        ),
        Replace(
            "Ledger.all_due",
            _ARGUMENT,
            "due_us",
            "one.due_us if one.errno == errno.EBUSY else OLD",
        ),
        original=True,
    ),
    _bug(
        "wipes-at-start",
        "everything that it finds at its start is removed first",
        Replace(
            "View._compare|View.compare",
            _ASSIGNED,
            "_desired",
            "OLD if self._first_pass_done or not tables.entries"
            " else Desired(nodes=(), left_out=())",
        ),
        _AT_ONCE,
        original=True,
    ),
    _bug(
        "votes-yes",
        "it agrees to every shutdown, mounted or not",
        Replace("vote", _CONDITION, "noes", "False"),
        original=True,
    ),
    _bug(
        "ignores-quorum",
        "a half of a split without quorum forgets the other half",
        Replace("gate", _OPERAND, "_quorum_gate"),
        _ANY_MAJORITY,
        original=True,
    ),
    _bug(
        "forgets-by-minority",
        "where fewer votes are expected both halves of a split forget each other",
        _ANY_MAJORITY,
        original=True,
    ),
    _bug(
        "removes-at-once",
        "what a ring shows for a moment while it forms is acted upon",
        _AT_ONCE,
        original=True,
    ),
    _bug(
        "synced-without-itself",
        "it is in sync although its own node is not in the table",
        Replace("View.settled", _OPERAND, "_own_problem"),
        original=True,
    ),
    _bug(
        "trusts-two-node-quorum",
        "in a cluster of two each survivor forgets the other",
        Replace("_loss_gate", _CONDITION, "TwoNodeRule.ALLOW", "True"),
        original=True,
    ),
    _bug(
        "address-unnoticed",
        "a changed address is not noticed",
        Replace("fit_of", _OPERAND, "address"),
        original=True,
    ),
    _bug(
        "quorum-disk-added",
        "the quorum disk is taken for a node",
        Replace("num_of", _CONDITION, "id", "True"),
        Replace(
            "_node_of|_address_and_port",
            _ASSIGNED,
            "address",
            "OLD or (None if listed.id else '10.0.0.99')",
        ),
        original=True,
    ),
    _bug(
        "removes-at-manager-loss",
        "when the manager dies or the daemon ends, all entries are removed",
        Insert(
            "Agent._do_disconnect",
            """
from o2cbd.core.model import RemoveNode
for entry in self.status.entries:
    try:
        self._tree.do(RemoveNode(cluster=self.status.cluster, node=entry.name))
    except OSError:
        pass
""",
        ),
        original=True,
    ),
    _bug(
        "half-made-accepted",
        "a directory with the node's name is enough, whatever is in it",
        Replace("fit_of", _ASSIGNED, "stays", "node.local or not entry.local"),
        original=True,
    ),
    _bug(
        "no-resync",
        "it trusts that every change is announced, and never looks by itself",
        Replace("Schedule.rest", _ASSIGNED, "_due_us", "min(known, default=2**62)"),
        original=True,
    ),
    # --- slips of the classic kind: the shutdown question
    _bug(
        "answers-twice",
        "a shutdown question is answered twice",
        Replace("_on_usage", _ELEMENT, "ReplyShutdown", "*(OLD, OLD)"),
    ),
    _bug(
        "unreadable-is-idle",
        "it agrees to a shutdown where it cannot read what is mounted",
        Replace("vote", What.STATEMENT, "unreadable"),
    ),
    _bug(
        "votes-yes-under-a-hold",
        "it agrees to a shutdown while another process holds the semaphore",
        Replace("vote", _CONDITION, "held_by", "False"),
    ),
    _bug(
        "never-agrees",
        "it refuses every shutdown, though nothing speaks against it",
        Replace("vote", _CONDITION, "noes", "True"),
    ),
    # --- the semaphore
    _bug(
        "ignores-holds",
        "it goes on while another process holds the semaphore",
        Replace("Agent._take_hold", _CONDITION, "holder", "True"),
    ),
    _bug(
        "keeps-its-hold",
        "it never gives the semaphore back",
        Replace("_let_go", _ELEMENT, "ReleaseHold"),
    ),
    # --- removals
    _bug(
        "rejoin-replaces",
        "a node that came back unseen loses its right entry",
        Insert(
            "View.take",
            """
was = {} if self._membership is None else {
    one.id: one.incarnation for one in self._membership.members
}
self._rejoined = getattr(self, '_rejoined', set()) | {
    called(one)
    for one in membership.members
    if was.get(one.id, one.incarnation) != one.incarnation
}
""",
        ),
        Replace(
            "View._compare|View.compare",
            _ASSIGNED,
            "_desired",
            "[Desired(left_out=one.left_out, remarks=one.remarks, nodes=tuple("
            "node for node in one.nodes if node.name not in self._rejoined))"
            " for one in (OLD,)][0]",
        ),
    ),
    _bug(
        "local-removed-under-region",
        "the local node is removed under a heartbeat region",
        Replace("gate", _CONDITION, "regions", "False"),
        Replace("_pin_gate", _CONDITION, "live_nums None", "OLD or entry.local"),
    ),
    _bug(
        "quorum-ignore-inverted",
        'without a quorum provider it removes where quorum = "ignore" is not set, and only there',
        Replace("_quorum_gate", _CONDITION, "QuorumRule.IGNORE", "not OLD"),
    ),
    _bug(
        "settles-once",
        "after the first membership no change of it is waited out",
        Replace("View.take", _CONDITION, "counting", "self._counting is None"),
    ),
    _bug(
        "fencing-ignored",
        "the entry of a node that was fenced stays for ever",
        Replace("_is_lost", _OPERAND, "fenced"),
    ),
    # --- the table
    _bug(
        "large-ids-wrap",
        "a node id over 254 is cut to eight bits instead of left out",
        Replace("num_of", _RETURNED, "MAX_NUM", "num & 255"),
    ),
    _bug(
        "newcomer-evicts",
        "a newcomer with a lower id takes the address of a node that is there",
        Replace("_without_duplicates", _ELEMENT, "incumbent"),
    ),
    _bug(
        "zero-address-written",
        "0.0.0.0 is an address like any other",
        Replace("address_problem", _CONDITION, "UNSET_ADDRESS", "False"),
    ),
    _bug(
        "scope-inverted",
        "with scope members all configured nodes are in the table, and the other way round",
        Replace("_in_scope", _CONDITION, "Scope.CONFIGURED", "not OLD"),
    ),
    _bug(
        "ring-ignored",
        "the ring whose address counts is not chosen",
        Replace("_chosen", _CONDITION, "ring", "False"),
    ),
    _bug(
        "subnet-ignored",
        "addresses that are not in the subnet count too",
        Replace("_chosen", _OPERAND, "address rules.subnet", "True"),
    ),
    _bug(
        "attributes-in-the-wrong-order",
        "the attributes of a cluster are set in the order that the kernel refuses",
        Replace("_safe_order", _CONDITION, "raised", "not OLD"),
    ),
    _bug(
        "port-override-ignored",
        "the port that the settings give a node is not taken",
        Replace("_node_of|_address_and_port", _OPERAND, "override port"),
    ),
    _bug(
        "address-override-ignored",
        "the address that the settings give a node is not taken",
        Replace("_node_of|_address_and_port", _OPERAND, "override address"),
    ),
    _bug(
        "never-local",
        "its own node is never marked local",
        Replace("_raise_up", _CONDITION, "node local", "False"),
    ),
    _bug(
        "port-compared-to-itself",
        "a changed port is not noticed",
        Replace("fit_of", _OPERAND, "port"),
    ),
    _bug(
        "follows-a-new-name",
        "when the cluster is renamed it goes on in the old one",
        Replace("View.no_step", _CONDITION, "_followed", "False"),
    ),
    _bug(
        "foreign-cluster-hidden",
        "it does not say that somebody else's cluster is in the way",
        Replace("_plan_cluster", _CONDITION, "foreign", "False"),
    ),
    # --- the connection
    _bug(
        "never-reconnects",
        "when the manager was away once it is not looked for again",
        Replace("Connection.died", What.STATEMENT, "_pause", "setattr(self, '_due_us', 2**62)"),
    ),
    _bug(
        "notices-ignored",
        "what the manager announces is looked at only at the next resync",
        Replace("_on_notice", What.STATEMENT, "_look_at_once"),
    ),
    _bug(
        "ignores-sigterm",
        "it does not end when it is asked to",
        Insert("Agent.stop", "return"),
    ),
)

KNOWN: Final[Mapping[str, KnownBug]] = MappingProxyType({bug.name: bug for bug in _ALL})
"""Every known bug by its name."""
