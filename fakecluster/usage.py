"""The facts behind a shutdown vote on a host that is not there, and its mount table."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass

from fakecluster.configfs.model import ConfigfsModel
from o2cbd.core.model import Region, Usage
from o2cbd.eintr import uninterrupted
from o2cbd.usage.mounts import ocfs2_mounts
from o2cbd.usage.reader import HolderReader

_TOP = "/cluster"
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


class FakeUsage:
    """Reads a fake kernel's regions, a fake mount table and a fake hold; a `UsageReader`."""

    def __init__(
        self,
        model: ConfigfsModel,
        mounts: FakeMountTable,
        make_hold: Callable[[str], HolderReader],
    ) -> None:
        """Tie them.

        Args:
            model: the host's kernel.
            mounts: the host's mount table.
            make_hold: gives the hold of a cluster by the cluster's name.
        """
        self._model = model
        self._mounts = mounts
        self._make_hold = make_hold

    def read(self, cluster: str | None) -> Usage:
        """Read all facts anew, see `UsageReader.read`."""
        unreadable: list[str] = []
        regions: list[Region] = []
        for name in self._directories(_TOP, unreadable) if cluster is None else [cluster]:
            regions.extend(self._regions(f"{_TOP}/{name}/heartbeat", unreadable))
        mounts: tuple[str, ...] = ()
        try:
            mounts = ocfs2_mounts(self._mounts.read())
        except FileNotFoundError:
            pass
        except OSError as error:
            unreadable.append(_named("mountinfo", error))
        held_by = None
        try:
            held_by = None if cluster is None else self._make_hold(cluster).holder()
        except OSError as error:
            unreadable.append(_named("semaphore", error))
        return Usage(
            regions=tuple(regions), mounts=mounts, held_by=held_by, unreadable=tuple(unreadable)
        )

    def _regions(self, where: str, unreadable: list[str]) -> list[Region]:
        running = []
        for name in self._directories(where, unreadable):
            file = f"{where}/{name}/pid"
            try:
                text = uninterrupted(self._model.read_value, file).decode().strip()
            except OSError as error:
                if error.errno != errno.ENOENT or self._model.find(f"{where}/{name}") is not None:
                    unreadable.append(_named(file, error))
                continue
            if text:
                running.append(Region(name=name, pid=int(text)))
        return running

    def _directories(self, path: str, unreadable: list[str]) -> list[str]:
        try:
            found = uninterrupted(self._model.scandir, path)
        except FileNotFoundError:
            return []
        except OSError as error:
            unreadable.append(_named(path, error))
            return []
        return sorted(entry.name for entry in found if entry.is_dir)


def _named(path: str, error: OSError) -> str:
    return f"{path}: {errno.errorcode.get(error.errno or 0, str(error.errno))}"
