"""The initial RAM disk: busybox, the modules that reach the root disk, and a little shell."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MAGIC = "070701"
_DIRECTORY = 0o040755
_PROGRAM = 0o100755
_FILE = 0o100644

INIT = """\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in {modules}; do insmod /modules/$module.ko; done
tries=0
until [ -b /dev/vda ] || [ $tries -ge 100 ]; do tries=$((tries + 1)); sleep 0.1; done
mount -t ext4 /dev/vda /root || {{ echo "no root file system"; poweroff -f; }}
for path in proc sys dev; do mount --move /$path /root/$path; done
exec switch_root /root {start}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file or directory of the archive."""

    path: str
    mode: int
    data: bytes = b""


def _record(member: Member, inode: int) -> bytes:
    """One entry of a "newc" cpio archive: a header of 8-digit hexadecimal fields, name, data."""
    name = member.path.encode() + b"\0"
    links = 2 if member.mode == _DIRECTORY else 1
    fields = (inode, member.mode, 0, 0, links, 0, len(member.data), 0, 0, 0, 0, len(name), 0)
    head = (_MAGIC + "".join(f"{field:08x}" for field in fields)).encode() + name
    return _padded(head) + _padded(member.data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def archive(members: Sequence[Member]) -> bytes:
    """A cpio archive as the kernel unpacks it."""
    end = Member(path="TRAILER!!!", mode=0)
    records = [_record(member, inode) for inode, member in enumerate((*members, end), start=1)]
    return b"".join(records)


def _uncompressed(module: Path) -> bytes:
    """A module as busybox loads it: Debian 13 has them compressed."""
    data = module.read_bytes()
    return lzma.decompress(data) if module.suffix == ".xz" else data


def initrd(busybox: Path, modules: Sequence[Path], start: str) -> bytes:
    """The compressed initial RAM disk.

    Args:
        busybox: a static one.
        modules: in the order in which they are loaded.
        start: the program of the root disk that it hands over to.
    """
    names = [module.name.partition(".ko")[0] for module in modules]
    directories = ("bin", "dev", "proc", "sys", "root", "modules")
    applets = ("sh", "mount", "insmod", "sleep", "echo", "switch_root", "poweroff")
    members = [Member(path=name, mode=_DIRECTORY) for name in directories]
    members.append(Member(path="bin/busybox", mode=_PROGRAM, data=busybox.read_bytes()))
    members += [Member(path=f"bin/{name}", mode=0o120777, data=b"busybox") for name in applets]
    init = INIT.format(modules=" ".join(names), start=start)
    members.append(Member(path="init", mode=_PROGRAM, data=init.encode()))
    members += [
        Member(path=f"modules/{name}.ko", mode=_FILE, data=_uncompressed(module))
        for name, module in zip(names, modules, strict=True)
    ]
    return gzip.compress(archive(members), compresslevel=6, mtime=0)
