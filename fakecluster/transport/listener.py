"""A listening AF_UNIX socket of a fake daemon: bound, stopped, left stale, taken away."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from fakecluster.transport.poller import READ, Poller

PATH_MAX_BYTES = 107
"""sun_path holds 108 bytes and a NUL ends it."""

_BACKLOG = 4096
_OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class PathTooLongError(OSError):
    """A socket's path does not fit AF_UNIX; cut, it would be another path."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            errno.ENAMETOOLONG,
            f"a socket's path has at most {PATH_MAX_BYTES} bytes, this one has "
            f"{len(os.fsencode(path))}: choose a shorter directory",
            str(path),
        )


def check_path(path: Path) -> None:
    """Refuse a path that AF_UNIX would cut.

    Raises:
        PathTooLongError: it has more than 107 bytes.
    """
    if len(os.fsencode(path)) > PATH_MAX_BYTES:
        raise PathTooLongError(path)


class Listener:
    """One bound path. Between construction and `close` clients can connect."""

    def __init__(
        self, path: Path, *, mode: int, poller: Poller, accepted: Callable[[socket.socket], None]
    ) -> None:
        """Bind and listen; a stale socket in the way is replaced.

        Args:
            path: where.
            mode: the socket file's permission bits, there before anybody can connect.
            poller: what calls us.
            accepted: called with each new stream.

        Raises:
            PathTooLongError: the path would be cut.
            OSError: it cannot be bound.
        """
        check_path(path)
        remove_socket(path)
        self._path = path
        self._poller = poller
        self._accepted = accepted
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._sock.bind(os.fspath(path))
            self._inode = path.lstat().st_ino
            path.chmod(mode)
            self._sock.listen(_BACKLOG)
        except OSError:
            self._sock.close()
            raise
        self._frozen = False
        self.resume()

    def resume(self) -> None:
        """Accept again after a moment without descriptors; harmless at any other time."""
        if not self._frozen and self._sock.fileno() >= 0:
            self._poller.watch(self._sock.fileno(), READ, self._ready)

    def freeze(self, *, frozen: bool) -> None:
        """Leave newcomers in the backlog, or take them again."""
        self._frozen = frozen
        if frozen:
            self._poller.forget(self._sock.fileno())
        else:
            self.resume()

    def close(self, *, stale: bool) -> None:
        """Listen no longer; `stale` leaves the socket's file behind (ECONNREFUSED)."""
        if self._sock.fileno() < 0:
            return
        self._poller.forget(self._sock.fileno())
        self._sock.close()
        if not stale:
            self.unlink()

    def unlink(self) -> None:
        """Remove the socket's file, unless another one has taken its place."""
        with contextlib.suppress(FileNotFoundError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()

    def _ready(self, _events: int) -> None:
        # One a turn: the others' requests come between newcomers, however many there are.
        try:
            sock, _ = self._sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in _OUT_OF_DESCRIPTORS:
                raise
            # The listener stays readable: without this the loop would spin until one closes.
            self._poller.forget(self._sock.fileno())
            return
        self._accepted(sock)


def remove_socket(path: Path) -> None:
    """Remove a socket's file, and nothing that is not a socket.

    Raises:
        FileExistsError: something else is there.
    """
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(errno.EEXIST, "not a socket", str(path))
        path.unlink()
