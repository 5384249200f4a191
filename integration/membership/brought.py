"""What a guest is brought beside its eye: the modules that its agent imports for the checks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from integration.arm.eye_files import module_files

_NAMES: Final = (
    "fakecluster/__init__",
    "fakecluster/corosync/__init__",
    "fakecluster/corosync/observer",
    "integration/membership/__init__",
    "integration/membership/guest_manager",
    "integration/membership/guest_sources",
    "integration/membership/values",
)


def brought_files() -> Iterator[tuple[str, Path]]:
    """Each module: (name below the directory of the eye, path here)."""
    return module_files(_NAMES)
