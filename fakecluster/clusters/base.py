"""What a test of any libcman daemon does to its cluster, and sees of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from fakecluster.cman.topology import Topology
from fakecluster.report.words import event_text
from fakecluster.trace.file import TraceFile
from fakecluster.verb_methods import VerbMethods

WITHIN_S = 60.0
"""How long what should be so may take, in the cluster's own time."""
_EVENTS_SHOWN = 30


class NotAsExpectedError(AssertionError):
    """Something is not as expected; the text has what there is instead, and what happened last."""

    has_story = True
    """Nothing is to be added to the text."""


class Cluster(VerbMethods, Protocol):
    """A cluster of cmans with a daemon under test on each host. Nodes go by their ids.

    Its verbs (`start`, `kill`, `leave`, `partition`, `heal`, `cman_crash`, `daemon_kill` ...) are
    those of `VerbMethods`. They take effect at once; what the daemons make of them takes time,
    which passes in `let_pass`, `eventually` and `settle` only, where the cluster is simulated.
    A verb that makes no sense now raises, so that no test passes by doing nothing.
    """

    arm: str
    """`sim` or `process`."""
    topology: Topology
    """As it was at first."""
    invariant: Callable[[Cluster], object] | None
    """Raises AssertionError where something is wrong though all has come to rest."""
    scenario: str
    """The test that it is for; empty where that is not known."""

    # --- time -----------------------------------------------------------------------------------

    def let_pass(self, seconds: float) -> None:
        """Let that much time pass."""
        ...

    def wait(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Let time pass until a condition holds; False: it did not in that time."""
        ...

    # --- looking --------------------------------------------------------------------------------

    def members(self, node: int) -> tuple[int, ...]:
        """Return the members that a node's cman sees; empty: it does not run."""
        ...

    def quorate(self, node: int) -> bool:
        """Return whether a node's cman has quorum; False: it does not run."""
        ...

    def manager_answers(self, node: int) -> bool:
        """Return whether a node's cman runs as a member and is not stopped."""
        ...

    def daemon_runs(self, node: int) -> bool:
        """Return whether a node's daemon runs."""
        ...

    def exit_code(self, node: int) -> int | None:
        """Return the exit code of a daemon that ended by itself; None: it runs, or was killed."""
        ...

    def directory(self, node: int) -> Path:
        """Return the directory for the files of a node's daemon; emptied by a power cut."""
        ...

    def read(self, node: int, name: str) -> str | None:
        """Return the text of a file in a node's directory; None: there is no such file."""
        try:
            return (self.directory(node) / name).read_text(errors="replace")
        except FileNotFoundError:
            return None

    def log(self, node: int) -> str:
        """Return all that a node's daemons have logged."""
        ...

    def trace(self, outcome: str | None = None) -> TraceFile:
        """Return everything so far as a trace, for `fakecluster replay` and the timeline.

        Args:
            outcome: `good`, `crash`, `liveness` or `safety`; None: it goes on.
        """
        ...

    @property
    def working(self) -> tuple[int, ...]:
        """The nodes of which something can be expected: cman answers, and the daemon runs."""
        return tuple(
            node
            for node in self.topology.ids
            if self.daemon_runs(node) and self.manager_answers(node)
        )

    # --- expecting ------------------------------------------------------------------------------

    def eventually(
        self, condition: Callable[[], bool], what: str = "it", within_s: float = WITHIN_S
    ) -> None:
        """Wait until something is so.

        Args:
            condition: looks.
            what: is expected, for the report.
            within_s: no longer than this.

        Raises:
            NotAsExpectedError: it was not in that time.
        """
        if not self.wait(condition, within_s):
            raise NotAsExpectedError(self.describe(f"{what} within {within_s:g} s"))

    def settle(self, within_s: float = WITHIN_S) -> None:
        """Let the cluster come to rest; the invariant must come to hold, and go on holding.

        Raises:
            NotAsExpectedError: it did not.
        """
        found = self.findings(within_s)
        if found:
            raise NotAsExpectedError(self.describe("the invariant, but:\n  " + "\n  ".join(found)))

    def findings(self, within_s: float) -> list[str]:
        """Let the cluster come to rest, and return what is wrong then."""
        ...

    def ended(self) -> list[str]:
        """Return the nodes whose daemon has ended though their cman runs, each with its last words.

        That is wrong where nothing has ended it: when the cluster has formed, and when a drawn
        history has started everything again.
        """
        return list(self._ended())

    def _ended(self) -> Iterator[str]:
        for node in self.topology.ids:
            if self.manager_answers(node) and not self.daemon_runs(node):
                code = self.exit_code(node)
                how = "does not run" if code is None else f"has ended with {code}"
                words = self.log(node).strip().splitlines()[-1:] or ["nothing"]
                yield f"node {node}: the daemon {how}; its last words: {words[0]}"

    def check_formed(self) -> None:
        """Check a cluster that has just formed.

        Raises:
            NotAsExpectedError: a daemon does not run.
        """
        found = self.ended()
        if found:
            raise NotAsExpectedError(
                self.describe("every daemon to run, but:\n  " + "\n  ".join(found))
            )

    def broken(self) -> list[str]:
        """Return what the invariant finds wrong at this moment."""
        if self.invariant is None:
            return []
        try:
            self.invariant(self)
        except AssertionError as error:
            # What pytest adds to a text is about the values in it.
            return [str(error).split("\nassert ")[0] or "an assertion without a text"]
        return []

    def seen_wrong(self) -> tuple[str, ...]:
        """Return what must never be and was seen so far: nothing is forbidden to any daemon."""
        return ()

    def judge(self) -> None:
        """Judge the end of a test: `settle`, where there is an invariant."""
        if self.invariant is not None:
            self.settle()

    def describe(self, expected: str) -> str:
        """Return what there is, and what happened last, in words."""
        events = [event_text(line) for line in self.trace().lines[-_EVENTS_SHOWN:]]
        return "\n".join(
            [f"expected {expected}", "there is:", *self._nodes(), "the last events:"]
            + [f"  {event}" for event in events]
        )

    def _nodes(self) -> Iterator[str]:
        for node in self.topology.ids:
            members = ", ".join(map(str, self.members(node))) or "none"
            quorum = "quorate" if self.quorate(node) else "inquorate"
            code = self.exit_code(node)
            ended = "no daemon" if code is None else f"the daemon ended with {code}"
            daemon = "the daemon runs" if self.daemon_runs(node) else ended
            yield f"  node {node}: members {members}, {quorum}; {daemon}"
            files = sorted(path for path in self.directory(node).iterdir() if path.is_file())
            for path in files:
                yield f"    {path.name}: {path.read_text(errors='replace').strip()[:80]!r}"
