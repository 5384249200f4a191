"""What the eye of a guest consists of: the modules that its agent imports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

EYE_DIRECTORY = "/usr/lib/guest"
"""Where the guest's agent looks for modules."""

_HERE = Path(__file__).parent
_NAMES = ("__init__", "guest_changes", "guest_corosync", "guest_eye", "guest_furnish",
          "guest_load", "guest_question", "guest_tables", "guest_volume")  # fmt: skip


def eye_files() -> Iterator[tuple[str, Path]]:
    """Each module: (name below `EYE_DIRECTORY`, path here)."""
    for name in _NAMES:
        yield f"integration/arm/{name}.py", _HERE / f"{name}.py"
