"""The unit's hardening allows what the daemon needs, which all other tests show, and no more."""

from __future__ import annotations

import pytest

from integration.real.conftest import Operate
from integration.real.operator import ALL, Operator

ALLOWED_CAPABILITIES = {"cap_ipc_owner", "cap_net_bind_service"}
TIMEOUT_S = 120


@pytest.fixture
def operator(operate: Operate) -> Operator:
    started = operate()
    started.own_unit()
    started.start_and_wait()
    return started


def tried(operator: Operator, *argv: str) -> str:
    """What a program says that sees the files as the daemon does."""
    inside = ["nsenter", "--mount", f"--target={operator.daemon_pid(1)}", *argv]
    return operator.cluster.lab.guest(1).run(inside, timeout_s=TIMEOUT_S).err


def test_no_more_than_is_needed(operator: Operator) -> None:
    """Rights, calls, files: what is closed is closed, and what it writes can be written."""
    pid = operator.daemon_pid(1)
    status = operator.cluster.tell(1, "cat", f"/proc/{pid}/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    names = operator.cluster.tell(1, "capsh", f"--decode={facts['CapBnd']}").strip()

    assert set(names.partition("=")[2].split(",")) == ALLOWED_CAPABILITIES
    assert facts["CapEff"] == facts["CapBnd"]
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    assert "Read-only file system" in tried(operator, "touch", "/etc/written")
    assert "Read-only file system" in tried(operator, "touch", "/usr/written")
    assert "Read-only file system" in tried(operator, "touch", "/proc/sys/kernel/hostname")
    assert "No such file" in tried(operator, "cat", "/dev/vda")
    assert tried(operator, "touch", "/run/o2cbd/written") == ""
    assert tried(operator, "mkdir", "/sys/kernel/config/cluster/o2/node/written") == ""
    operator.cluster.eventually(
        "the entry that nobody wanted is taken away again",
        lambda: operator.cluster.has(1, *(f"node{host}" for host in ALL)),
    )


def test_volumes_that_the_host_mounts_later_are_in_sight(operator: Operator) -> None:
    """The daemon's mount table follows the host's; it is what the shutdown vote is read from."""
    pid = operator.daemon_pid(1)

    def table() -> str:
        return operator.cluster.tell(1, "cat", f"/proc/{pid}/mountinfo")

    assert "hidepid=invisible" in table()
    assert " /mnt " not in table()
    operator.cluster.tell(1, "mount", "-t", "tmpfs", "none", "/mnt")
    assert " /mnt " in table()
    operator.cluster.tell(1, "umount", "/mnt")
    assert " /mnt " not in table()


def test_the_waiting_unit_gets_its_answer(operator: Operator) -> None:
    """It has no capability and no network, and its question to the daemon needs neither."""
    operator.cluster.tell(1, "systemctl", "start", "o2cbd-wait-sync.service")
    state = operator.cluster.tell(1, "systemctl", "is-active", "o2cbd-wait-sync.service")
    assert state.strip() == "active"
