"""Lines and columns for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any


def facts(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Write names and values, the values below each other."""
    rows = list(pairs)
    width = max(len(name) for name, _value in rows) + 1
    for name, value in rows:
        yield f"{name + ':':<{width}} {value}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write columns; the first one is of numbers."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [line[0].rjust(widths[0])]
        cells += [cell.ljust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        yield "  ".join(cells).rstrip()


def pending(items: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Write what waits, and for what."""
    if items:
        yield ""
        yield f"Pending ({len(items)}):"
    for item in items:
        errno = f" {item['errno']}" if item["errno"] else ""
        since = f" since {item['since']}" if item.get("since") else ""
        yield f"  {item['text']}  [{item['why']}{errno}{since}]"
        yield f"    {item['reason']}"


def left_out(items: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Write who is in no table, and why."""
    if items:
        yield ""
        yield f"Excluded ({len(items)}):"
    for item in items:
        yield f"  {item['name'] or '(no name)'} (id {item['id']}): {item['reason']}"


def warnings(items: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Write what host and configuration have that stops nothing and should be looked at."""
    if items:
        yield ""
        yield f"Warnings ({len(items)}):"
    for item in items:
        yield f"  {item['severity']}: {item['text']}"
