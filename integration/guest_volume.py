"""In the guest: an OCFS2 volume on the empty disk, with the kernel's own disk heartbeat."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

DISK = "/dev/vdc"
MOUNT_POINT = Path("/run/volume")
VOLUME_ID = "0FA1C0DE" * 4
"""The volume's UUID; the kernel's heartbeat region has it for a name."""

_TIMEOUT_S = 180
_SUPERBLOCK_BYTES = 1 << 20
"""In so much of its beginning a volume is recognised."""


def run(*argv: str) -> None:
    """Run a command.

    Raises:
        OSError: EIO with what it said, when it fails.
    """
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
        raise OSError(errno.EIO, f"{' '.join(argv)}: {done.stdout.strip()}")


def make_volume(cluster: str) -> None:
    """Make the file system, for a cluster of the o2cb stack; one that is there already goes.

    Raises:
        OSError: mkfs.ocfs2 fails.
    """
    # mkfs.ocfs2 asks before it overwrites a volume, and here is nobody to answer.
    with Path(DISK).open("r+b") as disk:
        disk.write(bytes(_SUPERBLOCK_BYTES))
    run(
        "mkfs.ocfs2", "-q", "-F", "-b", "4K", "-C", "4K", "-N", "2", "-J", "size=4M",
        "-U", VOLUME_ID, "--cluster-stack=o2cb", f"--cluster-name={cluster}",
        "--no-backup-super", DISK,
    )  # fmt: skip


def mount_volume() -> None:
    """Mount it; the kernel starts the heartbeat region, which takes about ten seconds.

    Raises:
        OSError: mount fails.
    """
    MOUNT_POINT.mkdir(exist_ok=True)
    run("mount", "-t", "ocfs2", DISK, str(MOUNT_POINT))


def umount_volume() -> None:
    """Unmount it; the region goes with it.

    Raises:
        OSError: umount fails.
    """
    run("umount", str(MOUNT_POINT))
