"""`o2cbd hold`."""

from __future__ import annotations

import errno
import os
import shutil

import click

from o2cbd.commands.common import (
    Failure,
    Seconds,
    cluster_name,
    config_option,
    load_settings,
    runtime_dir_option,
)
from o2cbd.core.exit_codes import (
    EXIT_CANNOT_CREATE,
    EXIT_CANNOT_RUN,
    EXIT_NO_PERMISSION,
    EXIT_NOT_FOUND,
    EXIT_TRY_AGAIN,
    EXIT_UNAVAILABLE,
)
from o2cbd.errors import said
from o2cbd.hold.semaphore import CannotRunError, HeldError, exec_with_hold
from o2cbd.service.client import ControlClient, NoDaemonError, RefusedError
from o2cbd.settings import DaemonSettings


@click.command("hold", context_settings={"allow_interspersed_args": False})
@click.option(
    "--timeout",
    type=Seconds(),
    metavar="S",
    help="Give up after S seconds, with exit code 75 (default: never).",
)
@click.option("--cluster", metavar="NAME", callback=cluster_name, help="The cluster's name.")
@config_option
@runtime_dir_option
@click.argument("argv", metavar="-- CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    timeout: float | None,
    cluster: str | None,
    config: str | None,
    runtime_dir: str | None,
    argv: tuple[str, ...],
) -> None:
    """Run CMD while o2cbd makes no changes to configfs; they follow when CMD ends.

    CMD replaces this command, so the exit code is CMD's.
    """
    settings = load_settings(config)
    name = _hold_name(settings, cluster, runtime_dir or settings.paths.runtime_dir)
    _check_command(argv[0])
    try:
        # Another user's set would be theirs to remove while the daemon holds it, and closed to a
        # daemon without CAP_IPC_OWNER.
        exec_with_hold(name, settings.hold.mode, timeout, argv, make=os.geteuid() == 0)
    except CannotRunError as error:
        raise Failure(EXIT_CANNOT_RUN, f"{argv[0]}: {error}; the semaphore was released") from None
    except HeldError as error:
        raise Failure(EXIT_TRY_AGAIN, f"timed out: {error}") from None
    except PermissionError as error:
        raise Failure(EXIT_NO_PERMISSION, f"cannot hold {name}: {said(error)}") from None
    except OSError as error:
        raise Failure(EXIT_CANNOT_CREATE, f"cannot hold {name}: {said(error)}") from None


def _check_command(word: str) -> None:
    """Refuse, before anything is held, what could not be run after it."""
    if shutil.which(word) is not None:
        return
    if "/" in word and os.path.exists(word):  # noqa: PTH110 - text stays text
        number = errno.EISDIR if os.path.isdir(word) else errno.EACCES  # noqa: PTH112
        raise Failure(EXIT_CANNOT_RUN, f"{word}: {os.strerror(number)}")
    raise Failure(EXIT_NOT_FOUND, f"{word}: command not found")


def _hold_name(settings: DaemonSettings, cluster: str | None, runtime_dir: str) -> str:
    """Find out whose hold: as settings say, else of the cluster that is given, runs or is set."""
    if settings.hold.name is not None:
        return settings.hold.name
    known = cluster or _running_cluster(runtime_dir) or settings.rules.cluster
    if known is None:
        raise Failure(
            EXIT_UNAVAILABLE,
            "unknown cluster name: no running o2cbd knows it, and [cluster] name is not set;"
            " give --cluster NAME",
        )
    return settings.hold.name_for(known)


def _running_cluster(runtime_dir: str) -> str | None:
    try:
        with ControlClient(runtime_dir) as client:
            cluster = client.ask({"request": "status"})["cluster"]
    except (NoDaemonError, RefusedError, OSError):
        return None  # the settings may know it
    return cluster if isinstance(cluster, str) else None
