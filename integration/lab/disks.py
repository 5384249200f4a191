"""Disks of the cluster: overlays over what is in the cache, and the shared one."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from integration import build
from integration.packages import program
from integration.qemu import open_file

SHARED_MIB = 256


def make_overlay(file: IO[bytes], backing: Path, backing_format: str) -> None:
    """Make an empty file a qcow2 disk that starts as another one and takes what is written.

    Raises:
        CannotRunError: qemu-img is missing or failed.
    """
    build.run_tool(
        [program("qemu-img"), "create", "-q", "-f", "qcow2", "-b", backing.resolve(),
         "-F", backing_format, open_file(file.fileno())],
        "making a disk",
        fds=(file.fileno(),),
    )  # fmt: skip


@contextlib.contextmanager
def nameless_overlay(backing: Path, backing_format: str) -> Iterator[IO[bytes]]:
    """An overlay that never has a name, so that nothing is left behind whatever happens."""
    with tempfile.TemporaryFile() as file:
        make_overlay(file, backing, backing_format)
        yield file


@contextlib.contextmanager
def shared_disk(size_mib: int = SHARED_MIB) -> Iterator[IO[bytes]]:
    """An empty raw disk without a name."""
    with tempfile.TemporaryFile() as file:
        file.truncate(size_mib << 20)
        yield file
