"""What the eye of a guest consists of: the modules that its agent imports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

EYE_DIRECTORY = "/usr/lib/guest"
"""Where the guest's agent looks for modules."""

_HERE = Path(__file__).parents[1]
_NAMES = (
    "arm/__init__",
    "arm/guest_changes",
    "arm/guest_cmap",
    "arm/guest_corosync",
    "arm/guest_eye",
    "arm/guest_furnish",
    "arm/guest_load",
    "arm/guest_question",
    "arm/guest_tables",
    "arm/guest_units",
    "arm/guest_volume",
    "guest_tools",
    "guest_volume",
)


def eye_files() -> Iterator[tuple[str, Path]]:
    """Each module: (name below `EYE_DIRECTORY`, path here)."""
    for name in _NAMES:
        yield f"integration/{name}.py", _HERE / f"{name}.py"
