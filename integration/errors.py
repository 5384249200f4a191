"""What can go wrong on the way to a verdict, by what the caller is told."""

from __future__ import annotations

EXIT_CANNOT_RUN = 77
"""What a command ends with that could not run."""
NEEDS_QMP = (
    "Python's library qemu.qmp is missing: `pip install --group vm` in the checkout brings it,"
    " and so does `tox -e vm`"
)


class CannotRunError(Exception):
    """This machine lacks something that the run needs; the text says what to do about it."""


class GuestError(Exception):
    """The guest did not do what was asked of it: it ended, fell silent or broke the protocol."""
