"""`fakecluster gate`."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import click

from fakecluster.gate.libraries import load_libraries
from fakecluster.gate.service import TakenError, leave_now, serve_gate
from fakecluster.transport.listener import PathTooLongError
from o2cbd.errors import said


@click.command("gate")
@click.option(
    "--socket-dir",
    "directory",
    default="/run",
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where cman_client and cman_admin go; libcman looks in /var/run.",
)
def gate_command(directory: Path) -> int:
    """Serve cman's sockets from this host's corosync 3, until SIGTERM.

    Corosync may come and go: while it is away there are no sockets.
    """
    try:
        if not serve_gate(load_libraries(), directory, os.environ):
            leave_now(0)
    except PathTooLongError as error:
        return _fail(f"{error.filename}: {error.strerror}", os.EX_USAGE)
    except TakenError as error:
        return _fail(said(error), os.EX_CANTCREAT)
    except PermissionError as error:
        return _fail(f"{said(error)}: run as root", os.EX_NOPERM)
    except OSError as error:
        library = error.errno in {errno.ELIBACC, errno.ENOTSUP}
        return _fail(said(error), os.EX_UNAVAILABLE if library else os.EX_CANTCREAT)
    return 0


def _fail(text: str, code: int) -> int:
    click.echo(f"fakecluster gate: {text}", err=True)
    return code
