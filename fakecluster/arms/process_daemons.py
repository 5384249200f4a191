"""What lives on served hosts: daemons, holders, and questions to the manager."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fakecluster.arms.cluster import Question
from fakecluster.arms.process import DEADLINE_S, release
from fakecluster.arms.process_looks import ProcessLooks
from fakecluster.merge.account import Account
from o2cbd.clock import MonotonicClock

_VERB_OF: Final = {signal.SIGKILL: "daemon-kill", signal.SIGTERM: "daemon-sigterm"}
"""What a signal to a daemon is called in a trace; others are the arm's own business."""


class ProcessDaemons(ProcessLooks):
    """The middle of the `process` arm."""

    holders: dict[int, subprocess.Popen[bytes]]
    """Who holds the semaphore, by host."""
    account: Account
    """What the scenario did."""

    def begin(self) -> None:
        """Begin with nobody there."""
        self.holders = {}
        self.account = Account(MonotonicClock())

    def do(self, verb: str, host: int, **arguments: Any) -> Mapping[str, Any]:
        """Write a verb about a host down, and do it as `fakecluster ctl` does."""
        self.account.verb(host, verb, **arguments)
        return self.processes.ctl(verb, node=host, **arguments)

    # --- the semaphore --------------------------------------------------------------------------

    def hold(self, host: int) -> None:
        """See `Cluster.hold`: `o2cbd hold`, whose command says when it runs."""
        self.account.verb(host, "hold")
        holder = self.processes.o2cbd_beside(host, "hold", "--", "sh", "-c", "echo; exec cat")
        self.holders[host] = holder
        if holder.stdout is None or holder.stdout.readline() != b"\n":
            raise AssertionError(f"the semaphore of host {host} could not be taken")

    def release(self, host: int) -> None:
        """See `Cluster.release`."""
        self.account.verb(host, "release")
        release(self.holders.pop(host))

    def kill_holder(self, host: int) -> None:
        """See `Cluster.kill_holder`."""
        self.account.verb(host, "kill-holder")
        holder = self.holders.pop(host)
        holder.kill()
        holder.wait(DEADLINE_S)

    def remove_semaphore(self, host: int) -> None:
        """See `Cluster.remove_semaphore`."""
        self.do("remove-semaphore", host)

    # --- the daemon -----------------------------------------------------------------------------

    def daemon_start(self, host: int) -> None:
        """See `Cluster.daemon_start`."""
        self.account.verb(host, "daemon-start")
        self.run_daemon(host)

    def run_daemon(self, host: int) -> None:
        """Start a host's daemon as part of another verb."""
        self.processes.run(host, *self.spec.options.get(host, ()))

    def _signal(self, host: int, number: signal.Signals) -> None:
        if number in _VERB_OF:
            self.account.verb(host, _VERB_OF[number])
        self.processes.daemons[host].send(number)

    def daemon_kill(self, host: int) -> None:
        """See `Cluster.daemon_kill`; it is dead on return."""
        self._signal(host, signal.SIGKILL)
        self.processes.daemons[host].wait()

    def daemon_term(self, host: int) -> None:
        """See `Cluster.daemon_term`."""
        self._signal(host, signal.SIGTERM)

    def forget(self, host: int, node: str) -> None:
        """See `Cluster.forget`."""
        self.account.verb(host, "forget", node=node)
        done = self.processes.o2cbd(host, "forget", node)
        if done.returncode:
            raise AssertionError(f"o2cbd forget {node}: {done.stderr}")

    @contextlib.contextmanager
    def unseen(self, host: int) -> Iterator[None]:
        """See `Cluster.unseen`: the daemon's process is stopped meanwhile."""
        self._signal(host, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(host, signal.SIGCONT)

    # --- the shutdown question ------------------------------------------------------------------

    def shutdown(self, host: int, *, force: bool = False, remove: bool = False) -> Question:
        """See `Cluster.shutdown`."""
        self.account.verb(host, "shutdown", forced=force, removed=remove)
        return self.managers.shutdown(host, force=force, remove=remove)


def now_s() -> float:
    """Return the time in seconds; only differences mean anything."""
    return MonotonicClock().now_us() / 1_000_000
