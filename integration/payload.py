"""What is put into the guest at each boot: a tar archive as its second disk."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from integration.packages import CHECKOUT

PROJECT_TREES = ("o2cbd", "fakecluster", "integration")
DIRECTORY = "/run/payload"
"""Where the guest unpacks it."""

_SECTOR = 512
_LEFT_OUT = ("__pycache__",)


def project_files(checkout: Path = CHECKOUT) -> Iterator[tuple[str, Path]]:
    """Every file of the project's packages: (name in the guest, path here), sorted."""
    for tree in PROJECT_TREES:
        for path in sorted((checkout / tree).rglob("*")):
            if path.is_file() and not set(_LEFT_OUT) & set(path.parts):
                yield str(path.relative_to(checkout)), path


def project_payload(extra: Mapping[str, Path], checkout: Path = CHECKOUT) -> int:
    """An open file descriptor of the project's packages as an archive.

    Args:
        extra: more files, name in the guest -> path here.
        checkout: where the project's packages are.
    """
    return pack([*project_files(checkout), *sorted(extra.items())])


def pack(files: Iterable[tuple[str, Path]]) -> int:
    """An open file descriptor of an archive; the file has no name, so nothing is left behind."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, path in files:
            info = tarfile.TarInfo(name)
            info.size = path.stat().st_size
            info.mode = 0o755 if os.access(path, os.X_OK) else 0o644
            with path.open("rb") as file:
                tar.addfile(info, file)
    data = buffer.getvalue()
    with tempfile.TemporaryFile() as file:
        file.write(data + b"\0" * (-len(data) % _SECTOR))
        file.flush()
        return os.dup(file.fileno())
