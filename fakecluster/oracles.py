"""The judges of a simulated host: what must never happen, asked of the state and never of a log.

An oracle sees every changing call before the fake kernel applies it, and every answer to a shutdown
question before the manager gets it. It knows the truth from the manager, the model and the
semaphore; it does not ask the daemon.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fakecluster.configfs.journal import Call
from fakecluster.configfs.kernel import NodeState
from fakecluster.configfs.model import ConfigfsModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is so on a host at this moment, whatever its daemon believes."""

    quorate: bool
    two_node: bool
    member_names: frozenset[str]
    right: frozenset[tuple[str, int, str, int]]
    """The entries (name, num, address, port) that should be there."""
    holder: int | None
    """The pid of whoever holds the semaphore."""
    daemon_pid: int
    in_use: bool
    """A region runs or a volume is mounted."""


Finding = Callable[[str], None]
"""Told of each violation, in words."""


class SafetyOracle:
    """Watches one host. `call` is a hook of its model's journal."""

    def __init__(self, model: ConfigfsModel, truth: Callable[[], Truth], found: Finding) -> None:
        self._model = model
        self._truth = truth
        self._found = found
        self._open_questions = 0
        self.checked = 0
        """How many calls and answers were judged."""

    def call(self, call: Call) -> None:
        """Judge one call before it is applied."""
        if call.name not in {"mkdir", "rmdir"} and not call.name.startswith("write:"):
            return
        self.checked += 1
        truth = self._truth()
        if truth.holder not in {None, truth.daemon_pid}:
            self._found(f"{call.name} {call.path} while process {truth.holder} holds")
        if call.name == "write:local" and call.data.strip() == b"0":
            self._found(f"local=0 written to {call.path}")
        parts = call.path.strip("/").split("/")
        if len(parts) == _NODE_DEPTH and parts[2] == "node":
            self._judge_node(call, parts[3], truth)
        if self._model.poisoned:
            self._found(f"the kernel could crash: {self._model.poisoned[-1].what}")

    def _judge_node(self, call: Call, name: str, truth: Truth) -> None:
        if call.name == "mkdir" and name not in {row[0] for row in truth.right}:
            self._found(f"node {name} is added and should not be in the table")
        if call.name != "rmdir":
            return
        cluster = self._model.kernel.cluster
        node = None if cluster is None else cluster.nodes.get(name)
        if cluster is None or node is None or node.num is None:
            return
        if node.local and cluster.regions:
            self._found(f"rmdir of the local node {name} under a heartbeat region")
        if _row(node) in truth.right:
            self._found(f"rmdir of {name}, whose entry is right")
        if not truth.quorate:
            self._found(f"rmdir of {name} without quorum")
        if truth.two_node and name not in truth.member_names:
            self._found(f"rmdir of the lost node {name} where quorum proves nothing")

    def asked(self) -> None:
        """Note that the manager asked for a vote."""
        self._open_questions += 1

    def answered(self, *, yes: bool) -> None:
        """Judge an answer before the manager gets it."""
        self.checked += 1
        self._open_questions -= 1
        if self._open_questions < 0:
            self._found("a shutdown question was answered twice, or was never asked")
        if yes and self._truth().in_use:
            self._found("yes to a shutdown while OCFS2 is in use")

    def connection_ended(self) -> None:
        """Note that open questions went with the connection."""
        self._open_questions = 0

    def at_rest(self) -> None:
        """Judge a moment at which the daemon has nothing left to do at once."""
        if self._open_questions > 0:
            self._found(f"{self._open_questions} shutdown questions are not answered")


_NODE_DEPTH = 4  # cluster/C/node/N


def _row(node: NodeState) -> tuple[str, int, str, int]:
    return (node.name, node.num or 0, node.address or "", node.port or 0)
