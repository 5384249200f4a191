"""Running a guest's tools, whose own words are told when they fail."""

from __future__ import annotations

import errno
import subprocess

_TIMEOUT_S = 300


def run_tool(*argv: str, stdin: str = "") -> None:
    """Run a tool that must succeed.

    Args:
        argv: the program and its arguments.
        stdin: its standard input.

    Raises:
        OSError: EIO with what it said, when it fails.
        subprocess.TimeoutExpired: it does not end.
    """
    done = subprocess.run(
        argv,
        check=False,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
    )
    if done.returncode != 0:
        raise OSError(errno.EIO, f"{' '.join(argv)}: {done.stdout.strip()}")
