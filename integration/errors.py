"""What can go wrong on the way to a verdict, by what the caller is told."""

from __future__ import annotations

JSON_HELP = "end with a summary as one JSON line"
EXIT_CANNOT_RUN = 77
"""What a command ends with that could not run."""


def missing_library_text(error: ModuleNotFoundError) -> str:
    """Return how to install the library from PyPI whose import failed.

    Raises:
        ModuleNotFoundError: the module is one of the checkout's own.
    """
    library = (error.name or "").partition(".")[0]
    if library in {"", "benchmarks", "fakecluster", "integration", "o2cbd"}:
        raise error
    return (
        f"Python's library {'qemu.qmp' if library == 'qemu' else library} is missing:"
        " `pip install --editable . --group vm` in the checkout brings it, and so does `tox -e vm`"
    )


class CannotRunError(Exception):
    """This machine lacks something that the run needs; the text says what to do about it."""


class GuestError(Exception):
    """The guest did not do what was asked of it: it ended, fell silent or broke the protocol."""
