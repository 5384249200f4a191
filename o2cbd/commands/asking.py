"""Asking the running daemon, with this project's exit codes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from o2cbd.commands.common import (
    Failure,
)
from o2cbd.core.exit_codes import EXIT_NO_PERMISSION, EXIT_TRY_AGAIN, EXIT_UNAVAILABLE, EXIT_USAGE
from o2cbd.errors import said
from o2cbd.service.client import ControlClient, NoDaemonError, RefusedError


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """Turn what can go wrong with asking into failures."""
    try:
        yield
    except NoDaemonError as error:
        raise Failure(EXIT_UNAVAILABLE, str(error)) from None
    except RefusedError as error:
        raise Failure(EXIT_USAGE, str(error)) from None
    except PermissionError as error:
        raise Failure(
            EXIT_NO_PERMISSION, f"only root may use the control socket: {said(error)}"
        ) from None
    except TimeoutError as error:
        raise Failure(EXIT_TRY_AGAIN, f"o2cbd is running and does not answer: {error}") from None
    except OSError as error:
        raise Failure(EXIT_UNAVAILABLE, f"the control socket: {said(error)}") from None


def ask(runtime_dir: str, request: Mapping[str, object]) -> dict[str, Any]:
    """Ask once.

    Raises:
        Failure: there is no answer.
    """
    with exit_codes(), ControlClient(runtime_dir) as client:
        return client.ask(request)
