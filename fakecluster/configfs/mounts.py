"""The kernel's mount table as far as our FUSE mounts are concerned: find them, detach them."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = "fakecluster"
"""The source name of our mounts in the mount table."""

_MNT_FORCE, _MNT_DETACH, _UMOUNT_NOFOLLOW = 1, 2, 8
_HELPER_TIMEOUT_S = 30
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """One of our mounts."""

    path: str
    device: int
    """The minor number, by which the kernel names the FUSE connection."""


def place(path: str | os.PathLike[str]) -> str:
    """Return a path as the mount table has it, without touching what is mounted there."""
    parent, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - no resolve() of a mount
    return os.path.join(os.path.realpath(parent), name)  # noqa: PTH118 - text stays text


def our_mounts(below: str | os.PathLike[str] = "/") -> list[Mounted]:
    """List our mounts at or below a path, the innermost last.

    Reads the mount table only: a mount whose server is gone, or is this process, is not touched.
    """
    top = place(below).rstrip("/") + "/"
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields = line.split(" ")
        kind, source = fields[fields.index("-") + 1 :][:2]
        path = _ESCAPE.sub(lambda code: chr(int(code.group(1), 8)), fields[4])
        if kind.startswith("fuse") and source == SOURCE and f"{path}/".startswith(top):
            found.append(Mounted(path=path, device=int(fields[2].partition(":")[2])))
    return found


def unmount(path: str) -> None:
    """Take a mount out of the tree at once, busy or not, and end its connection.

    Raises:
        OSError: it is not mounted, or may not be unmounted by us.
    """
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        flags = _MNT_FORCE | _MNT_DETACH | _UMOUNT_NOFOLLOW
        if libc.umount2(os.fsencode(path), flags) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return
    here = [mounted for mounted in our_mounts(path) if mounted.path == place(path)]
    if not here:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
    for mounted in here:
        abort = Path(f"/sys/fs/fuse/connections/{mounted.device}/abort")
        if os.access(abort, os.W_OK):
            abort.write_text("1", encoding="ascii")
    helper = shutil.which("fusermount3") or shutil.which("fusermount")
    if helper is None:
        raise FileNotFoundError("fusermount3 is needed to unmount without being root")
    done = subprocess.run(
        [helper, "-u", "-z", "--", path],
        capture_output=True,
        text=True,
        timeout=_HELPER_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise OSError(errno.EPERM, done.stderr.strip(), path)


def detach_stale(below: str | os.PathLike[str]) -> list[str]:
    """Detach what a killed server left mounted at or below a path; return the mount points.

    Who calls this must know that no living server owns anything there.

    Raises:
        OSError: one cannot be detached.
    """
    stale = [mounted.path for mounted in reversed(our_mounts(below))]
    for path in stale:
        unmount(path)
    return stale
