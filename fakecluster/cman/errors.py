"""How a request to the fake cman fails."""

from __future__ import annotations

import errno


class RequestRefusedError(OSError):
    """The daemon's refusal: on the wire a status of -errno."""

    def __init__(self, code: int) -> None:
        super().__init__(code, errno.errorcode.get(code, str(code)))
        self.code = code
        """The errno, always there (OSError.errno is optional to a type checker)."""


class ConnectionGoneError(RequestRefusedError):
    """The daemon under this connection is gone: EHOSTDOWN, or ECONNRESET the first time."""


class ManagerStuckError(RuntimeError):
    """The daemon is stopped (SIGSTOP): a real caller would block here until it goes on.

    No libcman call ends like this. In one thread of virtual time nothing can block, so whoever
    drives the clients must not let one ask while `Engine.is_stopped(node_id)`.
    """
