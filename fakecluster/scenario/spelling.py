"""How values stand in a scenario file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def spelled(value: Any) -> str:
    """Return a value as TOML.

    Raises:
        TypeError: a file cannot hold such a value.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:_}"
        case str():
            # JSON's escapes are TOML's; DEL alone is left bare by it.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple() | list():
            return f"[{', '.join(spelled(each) for each in value)}]"
        case Mapping():
            return inline(value)
        case _:
            raise TypeError(f"{value!r} cannot stand in a scenario")


def inline(fields: Mapping[str, Any]) -> str:
    """Return an inline table."""
    inner = ", ".join(f"{_key(name)} = {spelled(value)}" for name, value in fields.items())
    return f"{{ {inner} }}" if inner else "{}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else spelled(name)
