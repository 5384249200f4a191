"""The settings file of a daemon: the scenario's settings, and the arm's own."""

from __future__ import annotations

import json
from collections.abc import Mapping

Sections = Mapping[str, Mapping[str, str | float]]
"""Values by section and key."""


def with_sections(text: str, sections: Sections) -> str:
    """Add values to a settings file; a section that it has gets them as well.

    Args:
        text: TOML, in which a section's head has a line of its own.
        sections: none of these keys is in the text.
    """
    lines = text.splitlines()
    for name, values in sections.items():
        # A number and an ASCII text are written alike in TOML and in JSON.
        rows = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        head = f"[{name}]"
        if head not in lines:
            lines.append(head)
        place = lines.index(head) + 1
        lines[place:place] = rows
    return "".join(f"{line}\n" for line in lines)
