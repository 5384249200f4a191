"""Finds the OCFS2 mounts of an o2cb cluster in a mountinfo table; see proc_pid_mountinfo(5)."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\([0-7]{3})")
_MOUNT_POINT = 4
_FIELDS_MIN = 6
"""Before the optional fields, which end with a single hyphen."""


def ocfs2_mounts(table: str) -> tuple[str, ...]:
    """Return the mount points of the o2cb cluster's volumes, in the table's order.

    A volume that is mounted without a cluster (`heartbeat=none`) or under another cluster stack
    (`cluster_stack=pcmk`) is none of them.

    Raises:
        ValueError: a line is no line of mountinfo.
    """
    return tuple(
        mount_point
        for number, line in enumerate(table.split("\n"), start=1)
        if line and (mount_point := _ours(line, number)) is not None
    )


def _ours(line: str, number: int) -> str | None:
    fields = line.split(" ")
    try:
        hyphen = fields.index("-", _FIELDS_MIN)
        kind, _source, options = fields[hyphen + 1 : hyphen + 4]
    except ValueError:
        raise ValueError(f"line {number} is not a line of mountinfo") from None
    if kind != "ocfs2":
        return None
    settings = options.split(",")
    stacks = [item for item in settings if item.startswith("cluster_stack=")]
    if "heartbeat=none" in settings or any(item != "cluster_stack=o2cb" for item in stacks):
        return None
    return _unescape(fields[_MOUNT_POINT])


def _unescape(field: str) -> str:
    r"""Resolve the octal escapes, `\040` for a blank; they stand for single bytes."""
    raw = _ESCAPE.sub(
        lambda match: chr(0xDC00 + code) if (code := int(match[1], 8)) > 0x7F else chr(code), field
    )
    return raw.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
