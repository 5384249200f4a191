"""What scenarios say over and over: wait for this, this stays so, these hosts are in sync.

What did not come true is told with everything that an engineer would ask for next: what every host
has and says, the last things that happened, and the line that runs it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from fakecluster.arms.cluster import ArmCluster
from fakecluster.arms.untouched import UntouchedOracle
from fakecluster.arms.values import PendingStep, Span
from fakecluster.verb_methods import Question
from o2cbd.core.model import State, Why, quorum_text
from o2cbd.core.records import ranges


class ExpectationFailedError(AssertionError):
    """Something that a scenario expects is not so; the text says what there was instead."""

    has_story = True
    """Nothing is to be added to the text."""


class ClusterWords(ArmCluster, Protocol):
    """A cluster under test, and the words for what is expected of it."""

    untouched_oracle: UntouchedOracle
    scenario: str = ""
    """How pytest calls the scenario; the suite sets it."""

    # --- expecting ------------------------------------------------------------------------------

    def eventually(
        self, what: str, condition: Callable[[], bool], *, within: Span = Span.SOON
    ) -> None:
        """Wait until something is so.

        Raises:
            ExpectationFailedError: it was not in that time.
        """
        if not self.wait(condition, within):
            self._fail(f"{within.value} that {what}")

    def stays(
        self, what: str, condition: Callable[[], bool], *, during: Span = Span.A_WHILE
    ) -> None:
        """Let time pass in which something must be so throughout.

        Raises:
            ExpectationFailedError: it was not.
        """
        if not self.watch(condition, during):
            self._fail(f"for {during.value} that {what}")

    def check(self, what: str, condition: object) -> None:
        """Expect something now.

        Raises:
            ExpectationFailedError: it is not so.
        """
        if not condition:
            self._fail(f"now that {what}")

    # --- the whole cluster ----------------------------------------------------------------------

    def up(self) -> None:
        """Start the daemon of every host that has power, and wait until all are in sync."""
        for host in self._on():
            self.daemon_start(host)
        self._all_in_sync()

    def _on(self) -> list[int]:
        return [host for host in self.spec.hosts if host not in self.spec.down]

    def _all_in_sync(self) -> None:
        members = [node for node in self.spec.topology.ids if node not in self.spec.down]
        self.in_sync(*self._on(), nodes=members)

    def in_sync(self, *hosts: int, nodes: Sequence[int], within: Span = Span.SOON) -> None:
        """Wait until each host's kernel has these nodes, itself local, and nothing is pending.

        Args:
            hosts: whose tables.
            nodes: the node ids, each of which is its num too.
            within: no longer than this.
        """
        wanted = sorted(nodes)
        for host in hosts:
            what = f"host {host} is in sync with the nodes {ranges(wanted)}"
            self.eventually(what, lambda host=host: self._synced(host, wanted), within=within)  # type: ignore[misc]
        for host in hosts:
            self.untouched_oracle.rests(host)

    def _synced(self, host: int, nodes: list[int]) -> bool:
        if self.state(host) is not State.SYNCED:
            return False
        rows = self.table(host).values()
        local = [row.num for row in rows if row.local]
        return sorted(row.num for row in rows) == nodes and local == [n for n in nodes if n == host]

    def has(self, host: int, *nodes: str) -> bool:
        """Return whether a kernel's table has exactly the nodes of these names."""
        return sorted(self.table(host)) == sorted(nodes)

    def members(self, host: int) -> tuple[int, ...]:
        """Return the ids of the members that a daemon knows."""
        return tuple(sorted(self.incarnations(host)))

    # --- single hosts ---------------------------------------------------------------------------

    def is_in(self, host: int, state: State, *, within: Span = Span.SOON) -> None:
        """Wait until a daemon is in this state."""
        self.eventually(
            f"host {host} is {state.value}", lambda: self.state(host) is state, within=within
        )

    def waits(
        self, host: int, node: str | None, why: Why, *, errno: str | None = None
    ) -> PendingStep:
        """Wait until a daemon says that a step about a node waits for this reason; return it.

        Args:
            host: whose daemon.
            node: None: the cluster itself.
            why: for what reason.
            errno: the symbol that it must show; None: whichever.
        """
        found: list[PendingStep] = []

        def look() -> bool:
            found[:] = [
                one
                for one in self.pending(host)
                if (one.node, one.why) == (node, why) and errno in {None, one.errno}
            ]
            return bool(found)

        shown = "" if errno is None else f", {errno}"
        about = "the cluster" if node is None else node
        self.eventually(f"host {host} waits with {about}: {why.value}{shown}", look)
        return found[0]

    def leaves_out(self, host: int, node: int, *words: str) -> None:
        """Wait until a daemon says that it leaves a node out, with these words in the reason."""

        def look() -> bool:
            reason = self.left_out(host).get(node)
            return reason is not None and all(word in reason for word in words)

        self.eventually(f"host {host} leaves node {node} out: {' '.join(words)}", look)

    def ends(self, host: int, code: int) -> None:
        """Wait until a host's daemon has ended, with this exit code."""
        what = f"the daemon of host {host} ends with {code}"
        self.eventually(what, lambda: self.daemon_exit(host) is not None)
        self.check(f"{what}, not with {self.daemon_exit(host)}", self.daemon_exit(host) == code)

    def outcome(self, question: Question) -> str:
        """Wait until a shutdown is decided; return `allowed` or the errno's symbol."""
        self.eventually("the shutdown is decided", lambda: question.outcome is not None)
        return question.outcome or ""

    @contextmanager
    def untouched(self, host: int, *nodes: str) -> Iterator[None]:
        """What is done inside must leave these entries of a kernel alone, by their inodes.

        Raises:
            ExpectationFailedError: one was made anew or is gone.
        """
        before = self.inodes(host)
        missing = [node for node in nodes if node not in before]
        self.check(f"host {host} has {', '.join(missing)}", not missing)
        yield
        after = self.inodes(host)
        for node in nodes:
            self.check(
                f"host {host} has left the entry {node} alone", after.get(node) == before[node]
            )

    # --- judging and telling --------------------------------------------------------------------

    def judge(self) -> None:
        """Let the cluster come to rest and ask every oracle of the arm.

        Raises:
            ExpectationFailedError: one found something.
        """
        found = self.findings()
        if found:
            self._fail("no oracle to find anything, but:\n  " + "\n  ".join(found))

    def _fail(self, expected: str) -> None:
        raise ExpectationFailedError(self.describe(expected))

    def describe(self, expected: str) -> str:
        """Return the whole story of a failure."""
        parts = [f"expected {expected}", "there is:"]
        for host in self.spec.hosts:
            parts += self._host_lines(host)
        wrong = self.seen_wrong()
        if wrong:
            parts += ["the oracles saw:", *(f"  {each}" for each in wrong)]
        parts.append("the last events:")
        parts += [f"  {line}" for line in self.last_events()]
        test = self.scenario or "tests/scenarios"
        parts.append(f"run it again: pytest '{test}' --arm {self.arm}")
        return "\n".join(parts)

    def _host_lines(self, host: int) -> Iterator[str]:
        state = self.state(host)
        if state is None:
            code = self.daemon_exit(host)
            said = "no daemon" if code is None else f"no daemon, the last one ended with {code}"
        else:
            reason = self.reason(host)
            quorum = quorum_text(self.quorate(host))
            said = f"{state.value}{f' ({reason})' if reason else ''}, {quorum}"
            said += f", members {ranges(self.members(host)) or 'none'}"
        yield f"  host {host}: {said}"
        table = sorted(self.table(host).items(), key=lambda item: (item[1].num, item[0]))
        yield "    table: " + (", ".join(f"{name}={row}" for name, row in table) or "empty")
        for waiting in self.pending(host):
            yield f"    waits: {waiting}"
        for node, reason in self.left_out(host).items():
            yield f"    leaves out: {node}: {reason}"
