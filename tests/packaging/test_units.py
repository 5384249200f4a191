"""The units: what they may never say, and that what they say has its reason."""

from __future__ import annotations

import os
import shlex

import click
import pytest

from fakecluster.gate.cli import gate_command
from fakecluster.gate.service import STOP_US
from o2cbd.cli import LazyGroup
from o2cbd.core.exit_codes import EXIT_BAD_SETTINGS
from o2cbd.service.notify import Notifier
from tests.packaging.conftest import Unit

MANAGERS = {"corosync.service", "cman.service"}

# Everything by which one unit takes another along, in either direction.
BONDS = (
    "Requires",
    "Requisite",
    "BindsTo",
    "PartOf",
    "Upholds",
    "Conflicts",
    "Wants",
    "PropagatesStopTo",
    "StopPropagatedFrom",
    "PropagatesReloadTo",
    "ReloadPropagatedFrom",
    "JoinsNamespaceOf",
)

# Those by which stopping or restarting another unit reaches this one.
STOPPING_BONDS = [bond for bond in BONDS if bond != "Wants"]

# What would cut off the kernel's sockets, the shared semaphore, or the sight of mounted volumes.
NEVER = (
    "PrivateIPC",
    "PrivateNetwork",
    "PrivateUsers",
    "NetworkNamespacePath",
    "IPCNamespacePath",
    "IPAddressDeny",
    "IPAddressAllow",
    "SocketBindDeny",
    "SocketBindAllow",
    "RestrictNetworkInterfaces",
    "ProtectHome",
    "PrivateTmp",
    "InaccessiblePaths",
    "TemporaryFileSystem",
    "RootDirectory",
    "RootImage",
    "DynamicUser",
    "User",
    "MemoryDenyWriteExecute",
    "MountFlags",
    "ProcSubset",
)

HARDENING = (
    "AmbientCapabilities",
    "CapabilityBoundingSet",
    "LockPersonality",
    "MemoryDeny",
    "NoNewPrivileges",
    "Private",
    "Protect",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "Restrict",
    "SystemCall",
    "UMask",
)
"""Beginnings of the keys that take rights away or give them back."""


def seconds(value: str) -> float:
    """A time as these units write it."""
    return float(value.removesuffix("s"))


def test_the_daemon_is_bound_to_configfs_and_to_no_manager(daemon_unit: Unit) -> None:
    assert daemon_unit.values("Requires") == ["sys-kernel-config.mount"]
    assert [key for key in BONDS if key in daemon_unit.keys] == ["Requires"]


def test_the_daemon_is_ordered_after_what_it_uses(daemon_unit: Unit) -> None:
    """So at shutdown it ends before the manager does."""
    after = set(daemon_unit.values("After"))
    assert after == {"sys-kernel-config.mount", "network-online.target", *MANAGERS}


def test_ready_is_told_by_the_daemon_and_awaited_for_as_long_as_it_takes(daemon_unit: Unit) -> None:
    """The job of starting ends all the same, or a boot without a cluster would never end."""
    assert daemon_unit.one("Type") == "notify"
    assert daemon_unit.one("TimeoutStartSec") == "infinity"
    assert 30 <= seconds(daemon_unit.one("JobRunningTimeoutSec")) <= 120


def test_the_module_is_loaded_first_with_the_rights_that_the_daemon_lacks(
    daemon_unit: Unit,
) -> None:
    """`-`: it may be built in, or called otherwise; the daemon says what is missing."""
    assert daemon_unit.one("ExecStartPre") == "+-/sbin/modprobe -ab ocfs2_stack_o2cb"


def test_it_is_started_again_for_ever_but_for_bad_settings(daemon_unit: Unit) -> None:
    assert daemon_unit.one("Restart") == "on-failure"
    assert daemon_unit.one("RestartPreventExitStatus") == str(EXIT_BAD_SETTINGS)
    assert daemon_unit.one("StartLimitIntervalSec") == "0"
    assert seconds(daemon_unit.one("RestartSec")) > 0


def test_nothing_is_killed_before_30_s(daemon_unit: Unit) -> None:
    """SIGTERM first, to the one process that there is."""
    assert seconds(daemon_unit.one("TimeoutStopSec")) >= 30
    assert not daemon_unit.keys & {"KillMode", "KillSignal", "ExecStop", "ExecStopPost"}


def test_the_watchdog_has_more_patience_than_the_daemon(daemon_unit: Unit) -> None:
    """The daemon is fed at half of it, and calls its own thread late after 5 s."""
    watchdog_us = int(seconds(daemon_unit.one("WatchdogSec")) * 1e6)
    interval_us = Notifier({"WATCHDOG_USEC": str(watchdog_us)}).watchdog_interval_us
    assert interval_us is not None
    assert interval_us >= 10_000_000


def test_no_line_takes_away_what_the_kernel_needs_in_the_daemons_name(daemon_unit: Unit) -> None:
    assert [key for key in NEVER if key in daemon_unit.keys] == []


def test_the_tables_can_be_written_where_all_else_can_be_read(daemon_unit: Unit) -> None:
    assert daemon_unit.one("ProtectKernelTunables") == "yes"
    assert daemon_unit.one("ProtectSystem") == "strict"
    assert daemon_unit.values("ReadWritePaths") == ["-/sys/kernel/config"]


@pytest.mark.parametrize("which", ["daemon_unit", "wait_unit", "gate_unit"])
def test_each_hardening_line_has_its_own_reason(which: str, request: pytest.FixtureRequest) -> None:
    unit = request.getfixturevalue(which)
    found = [line for line in unit.lines if line.key.startswith(HARDENING)]
    assert len(found) > 15
    assert [line.key for line in found if not line.reason] == []


def test_waiting_is_not_ordered_after_mounts_that_wait_for_it(wait_unit: Unit) -> None:
    """PrivateTmp requires the mounts of /tmp and /var/tmp; these keys name any."""
    assert not wait_unit.keys & {"PrivateTmp", "RequiresMountsFor", "WorkingDirectory"}


def test_waiting_takes_no_mount_with_it_when_the_daemon_ends(wait_unit: Unit) -> None:
    """Mounts may require it; so it must not be bound to anything that is restarted."""
    assert [key for key in STOPPING_BONDS if key in wait_unit.keys] == []
    assert set(wait_unit.values("Wants")) == {"o2cbd.service", "remote-fs-pre.target"}
    assert wait_unit.values("After") == ["o2cbd.service"]
    assert wait_unit.values("Before") == ["remote-fs-pre.target"]


def test_waiting_is_done_once_and_stays_done(wait_unit: Unit) -> None:
    """Restarted by itself, it would restart mounts that require it."""
    assert wait_unit.one("Type") == "oneshot"
    assert wait_unit.one("RemainAfterExit") == "yes"
    assert "Restart" not in wait_unit.keys


def test_waiting_ends_by_itself_before_systemd_ends_it(wait_unit: Unit) -> None:
    words = shlex.split(wait_unit.one("ExecStart"))
    assert " ".join(words[1:]) == "wait --in-sync --quorate --settle 3 --timeout 120"
    assert seconds(wait_unit.one("TimeoutStartSec")) > 120


@pytest.mark.parametrize("which", ["daemon_unit", "wait_unit"])
def test_the_commands_are_in_the_package_and_take_these_words(
    which: str, request: pytest.FixtureRequest
) -> None:
    program, command, *words = shlex.split(request.getfixturevalue(which).one("ExecStart"))
    assert program == "/usr/bin/o2cbd"
    found = LazyGroup().get_command(click.Context(LazyGroup()), command)
    assert found is not None
    found.make_context(command, words)


# -- the gate


def test_the_gate_is_bound_to_nothing_and_comes_between_corosync_and_the_daemon(
    gate_unit: Unit,
) -> None:
    """Bound to corosync it would end before its clients could be asked."""
    assert [key for key in BONDS if key in gate_unit.keys] == ["Wants"]
    assert gate_unit.values("Wants") == gate_unit.values("After") == ["corosync.service"]
    assert gate_unit.values("Before") == ["o2cbd.service"]


def test_the_gate_says_when_its_sockets_are_there(gate_unit: Unit) -> None:
    assert gate_unit.one("Type") == "notify"
    assert gate_unit.one("TimeoutStartSec") == "infinity"
    assert 30 <= seconds(gate_unit.one("JobRunningTimeoutSec")) <= 120


def test_the_gate_is_started_again_but_for_what_does_not_mend_itself(gate_unit: Unit) -> None:
    lasting = {str(code) for code in (os.EX_UNAVAILABLE, os.EX_CANTCREAT, os.EX_NOPERM)}
    assert gate_unit.one("Restart") == "on-failure"
    assert set(gate_unit.values("RestartPreventExitStatus")) == lasting
    assert gate_unit.one("StartLimitIntervalSec") == "0"


def test_systemd_waits_longer_for_the_gates_end_than_the_gate_for_corosync(
    gate_unit: Unit,
) -> None:
    assert seconds(gate_unit.one("TimeoutStopSec")) * 1e6 > 2 * STOP_US


def test_the_gates_sockets_are_where_libcman_looks(gate_unit: Unit) -> None:
    program, command, *words = shlex.split(gate_unit.one("ExecStart"))
    assert (program, command, words) == ("/usr/bin/fakecluster", "gate", ["--socket-dir", "/run"])
    gate_command.make_context(command, list(words))
    assert gate_unit.values("ReadWritePaths") == words[1:]


def test_the_gate_sees_corosyncs_sockets_and_may_run_what_cffi_writes(gate_unit: Unit) -> None:
    assert not gate_unit.keys & {"PrivateNetwork", "MemoryDenyWriteExecute", "PrivateUsers"}
