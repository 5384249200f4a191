"""In the guest: the volume on the disk that all guests share."""

from __future__ import annotations

from pathlib import Path

from integration.guest_volume import Volume

DISK = "/dev/vdb"
MOUNT_POINT = Path("/srv/volume")
VOLUME = Volume(disk=DISK, mount_point=MOUNT_POINT, slots=6)


def make_volume(cluster: str) -> None:
    """See `Volume.make`."""
    VOLUME.make(cluster)


def mount_volume() -> None:
    """See `Volume.mount`."""
    VOLUME.mount()


def umount_volume() -> None:
    """See `Volume.umount`."""
    VOLUME.umount()
