"""Errors of the operating system in words for a person: where, what, and errno's symbol."""

from __future__ import annotations

import os

from o2cbd.core.reports import symbol


def said(error: OSError) -> str:
    """Return `/run/o2cbd: Permission denied (EACCES)`; what is not known is left out."""
    where = "" if error.filename is None else f"{_text(error.filename)}: "
    # Not every OSError comes from a system call: "AF_UNIX path too long" has no errno.
    what = error.strerror or "".join(map(str, error.args[:1])) or type(error).__name__
    return f"{where}{what}{'' if error.errno is None else f' ({symbol(error.errno)})'}"


def _text(filename: object) -> str:
    return os.fsdecode(filename) if isinstance(filename, str | bytes) else str(filename)


def printable(text: str) -> str:
    """Escape what must not reach a terminal: control characters, undecodable bytes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
