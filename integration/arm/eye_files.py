"""What the eye of a guest consists of: the modules that its agent imports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

EYE_DIRECTORY = "/usr/lib/guest"
"""Where the guest's agent looks for modules."""

_ROOT = Path(__file__).parents[2]
_NAMES = (
    "fakecluster/__init__",
    "fakecluster/corosync/__init__",
    "fakecluster/corosync/cmap",
    "fakecluster/corosync/question",
    "fakecluster/corosync/view",
    "integration/arm/__init__",
    "integration/arm/guest_changes",
    "integration/arm/guest_cman",
    "integration/arm/guest_cman_question",
    "integration/arm/guest_corosync",
    "integration/arm/guest_eye",
    "integration/arm/guest_furnish",
    "integration/arm/guest_load",
    "integration/arm/guest_tables",
    "integration/arm/guest_units",
    "integration/arm/guest_volume",
    "integration/guest_tools",
    "integration/guest_volume",
)


def eye_files() -> Iterator[tuple[str, Path]]:
    """Each module: (name below `EYE_DIRECTORY`, path here)."""
    return module_files(_NAMES)


def module_files(names: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Modules by their names without `.py`: (name below `EYE_DIRECTORY`, path here)."""
    return ((f"{name}.py", _ROOT / f"{name}.py") for name in names)
