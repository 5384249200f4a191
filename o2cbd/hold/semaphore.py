"""The hold of a cluster's configfs, shared with C programs through libo2cb's kind of mutex."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

from o2cbd.clock import Clock, MonotonicClock
from o2cbd.core.rules import SECOND_US
from o2cbd.hold import sysv

_LOOKUPS_MAX = 16
"""Each try looks the set up anew. Only somebody who removes it again and again uses them up."""

_OWNERS = 0o600
"""What a process needs of a set of its own, unless it has CAP_IPC_OWNER."""

_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)

_R = TypeVar("_R")


class HeldError(Exception):
    """The time was over and somebody else still holds."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"held by process {pid}" if pid else "held by an unknown process")
        self.pid = pid
        """0: unknown."""


class SysvHold:
    """One semaphore by its name, seen from this process; implements `Hold`.

    The kernel gives it back when the process ends, however it ends (SEM_UNDO).
    """

    def __init__(self, name: str, mode: int = 0, *, make: bool = True) -> None:
        """Touch nothing yet.

        Args:
            name: all who share it use the same; `o2cb.<cluster>` by default.
            mode: permission bits of a set that we make; libo2cb's are 0: root only.
            make: make the set where there is none. One that we could not use is never made.

        Raises:
            OSError: EINVAL: the name has no key that could be shared.
        """
        self._key = sysv.key_of(name)
        self._mode = mode
        self._make = make and (os.geteuid() == 0 or mode & _OWNERS == _OWNERS)
        self._held_id: int | None = None

    def take(self) -> int | None:
        """Try to take it without waiting, see `Hold.take`."""
        return self._anew(self._try)

    def _try(self) -> int | None:
        semid = self._set()
        if sysv.try_lock(semid):
            self._held_id = semid
            return None
        return sysv.last_pid(semid)

    def wait(self, timeout_us: int | None, clock: Clock) -> int | None:
        """Take it, waiting so long (None: for ever).

        Returns:
            None when it is ours now; else the pid of the process that holds it (0: unknown).

        Raises:
            OSError: it cannot be used at all.
        """
        deadline_us = None if timeout_us is None else clock.now_us() + timeout_us

        def try_once() -> int | None:
            semid = self._set()
            while True:
                left_us = None if deadline_us is None else max(0, deadline_us - clock.now_us())
                try:
                    if sysv.lock(semid, left_us):
                        self._held_id = semid
                        return None
                except InterruptedError:
                    continue  # a signal's handler has run; it raises if it wants an end
                return sysv.last_pid(semid)

        return self._anew(try_once)

    def _set(self) -> int:
        if self._make:
            return sysv.make_or_find(self._key, self._mode)
        semid = sysv.find(self._key)
        if semid is None:
            text = "no semaphore set exists, and only root may create one: run this once as root"
            raise PermissionError(errno.EACCES, text, sysv.named(self._key))
        return semid

    def release(self) -> None:
        """Give it back, see `Hold.release`."""
        semid, self._held_id = self._held_id, None
        if semid is None:
            return
        try:
            sysv.unlock(semid)
        except OSError as error:
            # Removed, or reset by somebody's SETVAL, which drops every undo: not ours any more.
            if error.errno not in sysv.GONE and error.errno != errno.EAGAIN:
                raise

    def holder(self) -> int | None:
        """Say which other process holds it, see `Hold.holder`."""
        pid = self._anew(self._look)
        return None if pid == os.getpid() else pid

    def _look(self) -> int | None:
        semid = sysv.find(self._key)
        if semid is None or not sysv.locked(semid):
            return None
        return sysv.last_pid(semid)

    def close(self) -> None:
        """Release it; never raises."""
        try:
            self.release()
        except OSError:
            return  # the process's end gives it back

    def _anew(self, attempt: Callable[[], _R]) -> _R:
        """Try again while the set that was just looked up turns out to be removed.

        Raises:
            PermissionError: it may not be used; whose it is, and what opens it.
            OSError: as `attempt`.
        """
        left = _LOOKUPS_MAX
        while True:
            try:
                return attempt()
            except PermissionError as error:
                way_in = sysv.way_in(self._key)
                text = f"{error.strerror}: {way_in}" if way_in else error.strerror
                raise PermissionError(error.errno, text, sysv.named(self._key)) from None
            except OSError as error:
                left -= 1
                # With a filename it is semget's: that key's set has another shape, which stays so.
                if not left or error.errno not in sysv.GONE or error.filename is not None:
                    raise


class CannotRunError(Exception):
    """The command could not be run; nothing is held any more."""


def exec_with_hold(
    name: str,
    mode: int,
    timeout_s: float | None,
    argv: Sequence[str],
    clock: Clock | None = None,
    *,
    make: bool = True,
) -> NoReturn:
    """Take the hold and become the command: the hold ends exactly with it.

    The kernel's undo belongs to the process and survives exec; children do not inherit it.

    Args:
        name: the hold's.
        mode: permission bits of a set that is made.
        timeout_s: wait so long in seconds for who holds; None: for ever.
        argv: the command, looked up in PATH.
        clock: for the time-out.
        make: make the set where there is none.

    Raises:
        HeldError: somebody still holds at the end of the time.
        CannotRunError: the command could not be run.
        OSError: the semaphore cannot be used.
    """
    hold = SysvHold(name, mode, make=make)
    timeout_us = None if timeout_s is None else round(timeout_s * SECOND_US)
    pid = hold.wait(timeout_us, clock or MonotonicClock())
    if pid is not None:
        raise HeldError(pid)
    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores these, and exec would hand that on to the command.
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in _IGNORED_BY_PYTHON}
    try:
        os.execvp(argv[0], list(argv))
    except OSError as error:
        raise CannotRunError(error.strerror or str(error)) from None
    finally:  # only reached when exec failed
        for number, handler in handlers.items():
            signal.signal(number, handler)
        hold.close()
