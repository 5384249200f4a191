"""OCFS2 volumes on a guest's disks, with the kernel's own disk heartbeat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from integration.inside.tools import run_tool

_SUPERBLOCK_BYTES = 1 << 20
"""In so much of its beginning a volume is recognised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A volume, made or not."""

    disk: str
    mount_point: Path
    slots: int
    """How many nodes may have it mounted at once."""
    uuid: str | None = None
    """The kernel's heartbeat region has it for a name; None: mkfs.ocfs2 draws one."""

    def make(self, cluster: str) -> None:
        """Make the file system, for a cluster of the o2cb stack; one that is there already goes.

        Raises:
            OSError: mkfs.ocfs2 fails.
        """
        # mkfs.ocfs2 asks before it overwrites a volume, and here is nobody to answer.
        with Path(self.disk).open("r+b") as disk:
            disk.write(bytes(_SUPERBLOCK_BYTES))
        named = () if self.uuid is None else ("-U", self.uuid)
        run_tool(
            "mkfs.ocfs2", "-q", "-F", "-b", "4K", "-C", "4K", "-N", str(self.slots),
            "-J", "size=4M", *named, "--cluster-stack=o2cb", f"--cluster-name={cluster}",
            "--no-backup-super", self.disk,
        )  # fmt: skip

    def mount(self) -> None:
        """Mount it, once; the kernel starts the heartbeat region, which takes about ten seconds.

        Raises:
            OSError: mount fails.
        """
        self.mount_point.mkdir(exist_ok=True)
        run_tool("mount", "-t", "ocfs2", self.disk, str(self.mount_point))

    def umount(self) -> None:
        """Unmount it; the region goes with it.

        Raises:
            OSError: umount fails.
        """
        run_tool("umount", str(self.mount_point))


VOLUME_ID = "0FA1C0DE" * 4
"""The UUID of the own volume; the kernel's heartbeat region has it for a name."""
OWN = Volume(disk="/dev/vdc", mount_point=Path("/run/volume"), slots=2, uuid=VOLUME_ID)
"""On the empty disk that a guest of the smoke has for itself."""
SHARED = Volume(disk="/dev/vdb", mount_point=Path("/srv/volume"), slots=6)
"""On the disk that all guests of a cluster share."""
