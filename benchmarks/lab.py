"""The laboratory: cman and FUSE in processes of their own, and the real agent in this one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final, Self

from benchmarks.bare import BareNode, empty
from benchmarks.parts import TimedAgent, make_timed_agent
from fakecluster.server.child import ServedChild

CLUSTER: Final = "bench"
PORT: Final = 7777
MAX_NUM: Final = 254
"""o2cb's numbers end here, and cman's ids begin at 1: of 255 members 254 fit into a table."""

OURS: Final = 1
"""The host on whose mount the agent works."""
BARE: Final = 2
"""The host on whose mount the bare loop works."""

_TIMINGS: Final = ("--token-ms", "200", "--consensus-ms", "240")
_PATIENCE_MS: Final = 30_000
_QUIET_MS: Final = 20


class NoNoticeError(RuntimeError):
    """No state change came, or the table did not follow it."""


class BenchmarkLab:
    """One cman server with `members` nodes, and one FUSE server with two mounts of one kind.

    Two servers, since what cman does at a state change on the other hosts must not take the FUSE
    server's interpreter away from one of the two that are compared.
    """

    def __init__(self, members: int) -> None:
        self.members = members
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            # A socket's path has to fit AF_UNIX.
            top = Path(self._stack.enter_context(TemporaryDirectory(prefix="bench-", dir="/tmp")))
            options = ("--cluster", CLUSTER, *_TIMINGS)
            self.cman = self._stack.enter_context(
                ServedChild(top / "c", "--nodes", str(self.members), "--no-configfs", *options)
            )
            self.fuse = self._stack.enter_context(ServedChild(top / "f", "--nodes", "2", *options))
            socket_dir = self.cman.node(OURS)["env"]["CMAN_SOCKET_DIR"]
            self._stack.enter_context(_variable("CMAN_SOCKET_DIR", socket_dir))
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ---- the two mounts

    def configfs(self, host: int) -> str:
        """Return where a host's configfs is mounted."""
        return str(self.fuse.node(host)["configfs"])

    def empty(self, host: int) -> None:
        """Empty a host's configfs."""
        empty(self.configfs(host), CLUSTER)

    def bare_nodes(self, own: int) -> list[BareNode]:
        """Return the table that all members come to, on the host `own`, that one first."""
        ids = [own, *(each for each in self.table_ids if each != own)]
        return [
            BareNode(
                name=f"node{each}",
                port=str(PORT),
                address=f"10.0.0.{each}",
                num=str(each),
                local="1" if each == own else "0",
            )
            for each in ids
        ]

    # ---- the cluster manager

    @property
    def table_ids(self) -> range:
        """The ids of the members that fit into a table."""
        return range(1, min(self.members, MAX_NUM) + 1)

    @property
    def last(self) -> int:
        """The node that leaves and joins."""
        return self.table_ids[-1]

    def let_last_leave(self) -> None:
        """Let the last node leave; returns when it is gone and the others know."""
        self.cman.ctl("leave", node=self.last)
        self.cman.wait_for("the last node is gone", self._last_is_gone)

    def let_last_join(self) -> None:
        """Start the last node's cman; returns when every host has its state change.

        All fake hosts live in one thread of the server: while it works for the others it answers
        nobody, which a host's own cman would do at once.
        """
        self.cman.ctl("start", node=self.last)
        self.cman.wait_for("all see all", self._all_see_all)

    def _all_see_all(self) -> bool:
        nodes = self.cman.ctl("state")["nodes"]
        return all(len(each["members"]) == self.members for each in nodes)

    def _last_is_gone(self) -> bool:
        state: dict[int, dict[str, Any]] = {
            each["id"]: each for each in self.cman.ctl("state")["nodes"]
        }
        return not state[self.last]["running"] and self.last not in state[OURS]["members"]

    # ---- the agent

    def agent(self) -> TimedAgent:
        """Make the agent of host 1, as `o2cbd run` makes it."""
        return make_timed_agent(libcman=self.cman.announced["libcman"], places=self.fuse.node(OURS))

    def fail_next_reading(self) -> None:
        """Let the next member list that host 1 asks for fail, so that its first pass does."""
        self.cman.ctl("fail-read", node=OURS)


def run_until(agent: TimedAgent, names: frozenset[str]) -> float:
    """Wait for the state change, let the agent step until its table holds just these names.

    Returns:
        The seconds from the moment when the notice can be read at the agent's descriptor to the
        end of the step that has read the table back complete.

    Raises:
        NoNoticeError: there was no state change, or the table did not become so.
    """
    if not agent.readable(_PATIENCE_MS):
        raise NoNoticeError(f"no notice came; the agent: {agent.reason or 'is content'}")
    begin = perf_counter()
    agent.step()
    _step_until(agent, names)
    return perf_counter() - begin


def settle(agent: TimedAgent, names: frozenset[str]) -> None:
    """Let the agent work until its table holds just these names and no notice is left.

    Raises:
        NoNoticeError: the table did not become so.
    """
    _step_until(agent, names)
    while agent.readable(_QUIET_MS):
        agent.step()


def _step_until(agent: TimedAgent, names: frozenset[str]) -> None:
    deadline = perf_counter() + _PATIENCE_MS / 1000
    while agent.complete_names != names:
        if perf_counter() > deadline:
            raise NoNoticeError(f"the table stays wrong: {agent.reason or 'nothing blocks it'}")
        agent.wait(_PATIENCE_MS)
        agent.step()


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
