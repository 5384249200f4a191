"""The mount table of a simulated host."""

from __future__ import annotations

from dataclasses import dataclass

OCFS2_OPTIONS = "rw,_netdev,heartbeat=local,nointr,data=ordered,errors=remount-ro"
"""What a kernel shows of an o2cb volume that is mounted with mount.ocfs2's defaults."""

_ESCAPED = " \t\n\\#"
"""What the kernel shows as an octal escape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeMount:
    """A line of a mount table."""

    point: str
    device: str = "/dev/vdb"
    kind: str = "ocfs2"
    options: str = OCFS2_OPTIONS


class FakeMountTable:
    """A host's mount table, in the order of mounting."""

    def __init__(self) -> None:
        self._mounts: dict[str, FakeMount] = {}
        self.unreadable_errno: int | None = None
        """While not None, reading it fails with this; ENOENT: there is no table."""

    def mount(self, mount: FakeMount) -> None:
        """Mount something; a mount point has one mount."""
        self._mounts[mount.point] = mount

    def umount(self, point: str) -> None:
        """Take the mount away; nothing happens when it is not there."""
        self._mounts.pop(point, None)

    def text(self) -> str:
        """Return the table as mountinfo shows it."""
        return "".join(
            f"{number} 1 0:{number} / {_escape(mount.point)} rw,relatime shared:{number}"
            f" - {mount.kind} {_escape(mount.device)} {mount.options}\n"
            for number, mount in enumerate(self._mounts.values(), start=20)
        )

    def read(self) -> str:
        """Read the table.

        Raises:
            OSError: `unreadable_errno`.
        """
        if self.unreadable_errno is not None:
            raise OSError(self.unreadable_errno, "mount table")
        return self.text()


def _escape(path: str) -> str:
    return "".join(f"\\{ord(char):03o}" if char in _ESCAPED else char for char in path)
