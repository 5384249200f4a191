"""What lives on guests: daemons under systemd, holders, and questions to corosync."""

from __future__ import annotations

import contextlib
import shlex
import signal
from collections.abc import Iterator, Sequence
from typing import Final

from integration.arm.telling import VmTelling
from integration.conversation import Call
from integration.errors import GuestError
from o2cbd.clock import MonotonicClock
from o2cbd.hold.sysv import key_of

UNIT: Final = "o2cbd.service"
COMMAND_TIMEOUT_S: Final = 120
SCENARIO_TIMEOUT_S: Final = 1800
"""What a scenario starts in the background ends with it at the latest."""
_VERB_OF: Final = {signal.SIGKILL: "daemon-kill", signal.SIGTERM: "daemon-sigterm"}
"""What a signal to a daemon is called in a trace; others are the arm's own business."""
_HOLDER_PID: Final = "/run/holder.pid"
DROP_IN: Final = f"/run/systemd/system/{UNIT}.d/scenario.conf"
_MANAGER_DROP_IN: Final = "/run/systemd/system/corosync.service.d/scenario.conf"


def unit_files(options: Sequence[str]) -> dict[str, str]:
    """What systemd is told of the daemon's unit and its manager's, by path.

    Args:
        options: more words for `o2cbd run`.
    """
    # A manager that is killed and started again and again is no failure here.
    return {DROP_IN: drop_in(options), _MANAGER_DROP_IN: "[Unit]\nStartLimitIntervalSec=0\n"}


def drop_in(options: Sequence[str]) -> str:
    """The unit as a scenario wants it: it alone says when a daemon starts.

    Args:
        options: more words for `o2cbd run`.
    """
    lines = ["[Unit]", "StartLimitIntervalSec=0", "[Service]", "Restart=no"]
    if options:
        lines += ["ExecStart=", f"ExecStart=/usr/bin/o2cbd run {shlex.join(options)}"]
    return "\n".join(lines) + "\n"


class VmDaemons(VmTelling):
    """The middle of the arms on virtual machines."""

    _holders: dict[int, Call]

    def tell(self, host: int, *argv: str) -> str:
        """Run a command on a host that must succeed; its output."""
        return self.lab.guests[host].check(argv, timeout_s=COMMAND_TIMEOUT_S)

    # --- the semaphore --------------------------------------------------------------------------

    def hold(self, host: int) -> None:
        """See `Cluster.hold`: `o2cbd hold`, whose command says when it runs."""
        self.account.verb(host, "hold")
        said = f"echo $$ > {_HOLDER_PID}; echo held; exec sleep {SCENARIO_TIMEOUT_S}"
        holder = self.lab.guests[host].spawn(
            # No daemon may run that knows the name.
            ["o2cbd", "hold", "--cluster", self.spec.topology.cluster, "--", "sh", "-c", said],
            timeout_s=SCENARIO_TIMEOUT_S,
        )
        self._holders[host] = holder
        holder.wait_line("held")

    def release(self, host: int) -> None:
        """See `Cluster.release`."""
        self.account.verb(host, "release")
        self._end_holder(host, signal.SIGTERM)

    def kill_holder(self, host: int) -> None:
        """See `Cluster.kill_holder`."""
        self.account.verb(host, "kill-holder")
        self._end_holder(host, signal.SIGKILL)

    def _end_holder(self, host: int, number: signal.Signals) -> None:
        pid = self.tell(host, "cat", _HOLDER_PID).strip()
        self.tell(host, "kill", f"-{number.name.removeprefix('SIG')}", pid)
        self._holders.pop(host).result()

    def remove_semaphore(self, host: int) -> None:
        """See `Cluster.remove_semaphore`."""
        self.account.verb(host, "remove-semaphore")
        name = f"o2cb.{self.spec.topology.cluster}"
        self.tell(host, "ipcrm", "--semaphore-key", hex(key_of(name) % 2**32))

    # --- the daemon -----------------------------------------------------------------------------

    def daemon_start(self, host: int) -> None:
        """See `Cluster.daemon_start`."""
        self.account.verb(host, "daemon-start")
        self.tell(host, "systemctl", "start", "--no-block", UNIT)

    def _signal(self, host: int, number: signal.Signals) -> None:
        if number in _VERB_OF:
            self.account.verb(host, _VERB_OF[number])
        # To the main process alone: `systemctl stop` would send SIGCONT with it.
        self.tell(host, "kill", f"-{number.name.removeprefix('SIG')}", self._daemon_pid(host))

    def _daemon_pid(self, host: int) -> str:
        pid = str(self.eye(host, "unit")["MainPID"])
        if pid == "0":
            raise GuestError(f"no daemon runs on host {host}")
        return pid

    def daemon_kill(self, host: int) -> None:
        """See `Cluster.daemon_kill`; it is dead on return."""
        pid = self._daemon_pid(host)
        self._signal(host, signal.SIGKILL)
        self.eventually(
            f"systemd knows that the daemon of host {host} is dead",
            lambda: self.eye(host, "unit")["MainPID"] != pid,
        )

    def daemon_term(self, host: int) -> None:
        """See `Cluster.daemon_term`."""
        self._signal(host, signal.SIGTERM)

    def forget(self, host: int, node: str) -> None:
        """See `Cluster.forget`."""
        self.account.verb(host, "forget", name=node)
        self.tell(host, "o2cbd", "forget", node)

    @contextlib.contextmanager
    def unseen(self, host: int) -> Iterator[None]:
        """See `Cluster.unseen`: the daemon's process is stopped meanwhile."""
        self._signal(host, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(host, signal.SIGCONT)

    # --- the shutdown question ------------------------------------------------------------------

    def shutdown(self, host: int, *, force: bool = False, remove: bool = False) -> VmQuestion:
        """See `Cluster.shutdown`; corosync knows no `remove`."""
        if remove:
            raise GuestError("corosync cannot be asked to leave for good")
        self.account.verb(host, "shutdown", force=force)
        words = ["python3", "-m", "fakecluster.corosync.question", *(["--force"] if force else [])]
        asked = self.lab.guests[host].spawn(words, timeout_s=COMMAND_TIMEOUT_S)
        asked.wait_line("asked")
        return VmQuestion(asked)


class VmQuestion:
    """A shutdown that was asked of a guest's corosync."""

    def __init__(self, asked: Call) -> None:
        self._asked = asked

    @property
    def outcome(self) -> str | None:
        """See `Question.outcome`."""
        result = self._asked.poll()
        if result is None:
            return None
        if result.rc != 0:
            raise GuestError(f"the shutdown question failed: {result.err.strip()}")
        return result.out.splitlines()[-1]


def now_s() -> float:
    """Return the time in seconds; only differences mean anything."""
    return MonotonicClock().now_us() / 1_000_000
