"""The initial RAM disk: busybox, the modules that reach the root disk, and a little shell."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterable, Sequence
from pathlib import Path

_MAGIC = "070701"
_DIRECTORY = 0o040755
_PROGRAM = 0o100755
_FILE = 0o100644
_LINK = 0o120777
_APPLETS = ("sh", "mount", "insmod", "sleep", "echo", "switch_root", "poweroff")

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


def archive(members: Iterable[tuple[str, int, bytes]]) -> bytes:
    """A "newc" cpio archive as the kernel unpacks it, of (path, mode, contents)."""
    end = ("TRAILER!!!", 0, b"")
    return b"".join(_record(inode, *one) for inode, one in enumerate((*members, end), start=1))


def _record(inode: int, path: str, mode: int, data: bytes) -> bytes:
    """One entry: a header of 8-digit hexadecimal fields, name, data."""
    name = path.encode() + b"\0"
    links = 2 if mode == _DIRECTORY else 1
    fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0)
    head = (_MAGIC + "".join(f"{field:08x}" for field in fields)).encode() + name
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


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
    init = INIT.format(modules=" ".join(names), start=start)
    members = [
        *((name, _DIRECTORY, b"") for name in ("bin", "dev", "proc", "sys", "root", "modules")),
        ("bin/busybox", _PROGRAM, busybox.read_bytes()),
        *((f"bin/{name}", _LINK, b"busybox") for name in _APPLETS),
        ("init", _PROGRAM, init.encode()),
        *(
            (f"modules/{name}.ko", _FILE, _uncompressed(module))
            for name, module in zip(names, modules, strict=True)
        ),
    ]
    return gzip.compress(archive(members), compresslevel=6, mtime=0)
