"""In the guest: the volume on the empty disk that it has for itself."""

from __future__ import annotations

from pathlib import Path

from integration.guest_volume import Volume

VOLUME_ID = "0FA1C0DE" * 4
"""The volume's UUID; the kernel's heartbeat region has it for a name."""
OWN_VOLUME = Volume(disk="/dev/vdc", mount_point=Path("/run/volume"), slots=2, uuid=VOLUME_ID)
