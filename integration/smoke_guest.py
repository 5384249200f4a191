"""Guests of the smoke: their machine, and what is done to one before it works."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from integration import guest as guests
from integration import payload
from integration.cache import Progress
from integration.guest import Guest
from integration.image import image
from integration.packages import require_tools
from integration.qemu import Machine
from integration.recipes import SMOKE_IMAGE
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


@contextlib.contextmanager
def smoke_machine(
    cache: Path, say: Progress, *, suite: str, extra: Mapping[str, Path] | None = None
) -> Iterator[tuple[Machine, int]]:
    """A machine of the smoke's image, and the descriptor of the payload for its guests.

    Args:
        cache: where the image is kept.
        say: takes progress.
        suite: of which Debian release, by its codename; this machine's where it is empty.
        extra: what the payload has beside the project, by its name in the guest.

    Raises:
        CannotRunError: this machine lacks something.
    """
    require_tools()
    found = image(cache, SMOKE_IMAGE, say, suite=suite)
    payload_fd = payload.project_payload(extra or {})
    try:
        boot = functools.partial(guests.started, payload_fd=payload_fd)
        acceleration = guests.choose_acceleration(found, boot, cache, say)
        yield Machine(image=found, acceleration=acceleration), payload_fd
    finally:
        os.close(payload_fd)


def prepare(guest: Guest, say: Progress, name: str) -> None:
    """Wait for a guest that was just switched on, and make it ready for work.

    It has o2cb's modules, configfs and debugfs mounted, and the address of its node.

    Raises:
        GuestError: it does not come up, or refuses something.
    """
    guest.wait_ready(guests.BOOT_TIMEOUT_S)
    say(f"{name}: kernel {guest.kernel} is up after {guest.boot_s:.0f} s")
    for argv in _PREPARE:
        guest.check(argv, timeout_s=_PREPARE_TIMEOUT_S)
