"""A guest with o2cb's modules loaded, configfs and debugfs mounted, and the address of its node."""

from __future__ import annotations

from integration import guest as guests
from integration.cache import Progress
from integration.guest import Guest
from integration.stages import ADDRESSES, OWN

_PREPARE = (
    ("modprobe", "configfs"),
    ("modprobe", "ocfs2_stack_o2cb"),
    ("modprobe", "ocfs2_dlm"),
    ("modprobe", "ocfs2"),
    ("mount", "-t", "configfs", "configfs", "/sys/kernel/config"),
    ("mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"),
    ("ip", "address", "add", f"{ADDRESSES[OWN]}/32", "dev", "lo"),
)
_PREPARE_TIMEOUT_S = 180


def prepare(guest: Guest, say: Progress, name: str) -> None:
    """Wait for a guest that was just switched on, and make it ready for work.

    Raises:
        GuestError: it does not come up, or refuses something.
    """
    guest.wait_ready(guests.BOOT_TIMEOUT_S)
    say(f"{name}: kernel {guest.kernel} is up after {guest.boot_s:.0f} s")
    for argv in _PREPARE:
        guest.check(argv, timeout_s=_PREPARE_TIMEOUT_S)
