"""In the guest: the OCFS2 volume on the disk that all guests share."""

from __future__ import annotations

import subprocess
from pathlib import Path

DISK = "/dev/vdb"
MOUNT_POINT = Path("/srv/volume")
SLOTS = 6
"""How many nodes may have it mounted at once."""

_TIMEOUT_S = 300


def make_volume(cluster: str) -> None:
    """Make the file system, for a cluster of the o2cb stack.

    Raises:
        CalledProcessError: mkfs.ocfs2 fails.
    """
    _run(
        "mkfs.ocfs2", "-q", "-F", "-b", "4K", "-C", "4K", "-N", str(SLOTS), "-J", "size=4M",
        "--cluster-stack=o2cb", f"--cluster-name={cluster}", "--no-backup-super", DISK,
    )  # fmt: skip


def mount_volume() -> None:
    """Mount it, once and without trying again.

    Raises:
        CalledProcessError: mount fails.
    """
    MOUNT_POINT.mkdir(exist_ok=True)
    _run("mount", "-t", "ocfs2", DISK, str(MOUNT_POINT))


def umount_volume() -> None:
    """Unmount it; the heartbeat region goes with it.

    Raises:
        CalledProcessError: umount fails.
    """
    _run("umount", str(MOUNT_POINT))


def _run(*argv: str) -> None:
    done = subprocess.run(
        argv,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
    )
    if done.returncode != 0:
        error = subprocess.CalledProcessError(done.returncode, argv)
        error.add_note(done.stdout.strip())
        raise error
