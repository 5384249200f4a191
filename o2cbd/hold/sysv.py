"""The System V semaphore set of a hold, as libo2cb uses its own: two semaphores, element 0 a mutex.

One function a system call or two; each raises OSError with libc's errno.
"""

from __future__ import annotations

import errno
import os
import zlib
from typing import Any

from o2cbd.core.rules import SECOND_US
from o2cbd.eintr import uninterrupted
from o2cbd.hold._sysv_abi import ffi

_LIBC: Any = ffi.dlopen(None)

# <linux/ipc.h>, <linux/sem.h>: the same on every architecture of Linux.
_IPC_CREAT = 0o1000
_IPC_NOWAIT = 0o4000
_SEM_UNDO = 0o10000
_GETPID = 11
_GETVAL = 12

_SEMAPHORES = 2
_MUTEX = 0

SETS = "/proc/sysvipc/sem"
"""The kernel's list of all sets, which everybody can read."""

GONE = frozenset({errno.EIDRM, errno.EINVAL})
"""What a call on a set says that has been removed, during the call or before it."""


def key_of(name: str) -> int:
    """Return the key of a hold's name: crc32, as the signed 32-bit number that key_t is.

    Raises:
        OSError: EINVAL: the name's crc32 is IPC_PRIVATE, which nobody could share.
    """
    crc = zlib.crc32(os.fsencode(name))
    if crc == 0:
        raise OSError(errno.EINVAL, "this name's key is IPC_PRIVATE; choose another name", name)
    return crc - (1 << 32) if crc & (1 << 31) else crc


def named(key: int) -> str:
    """Return what errors call the set of a key."""
    return f"semaphore key {_hex(key)}"


def _hex(key: int) -> str:
    return f"0x{key & 0xFFFFFFFF:08x}"


def way_in(key: int) -> str:
    """Say whose the set of a key is that this process may not use, and what opens it.

    Empty where the kernel does not list it.
    """
    try:
        with open(SETS, encoding="ascii") as file:  # noqa: PTH123 - text stays text
            rows = [line.split() for line in file.readlines()[1:]]
    except OSError:
        return ""
    for number, _semid, mode, _nsems, uid, *_rest in rows:
        if int(number) != key:
            continue
        whose = f"the semaphore set belongs to uid {uid} with mode {mode:0>4}"
        removal = f"by `ipcrm -S {_hex(key)}`"
        if int(uid) == os.geteuid():
            return f'{whose}; set [hold] mode = "0600" and have root remove it once, {removal}'
        if int(uid) == 0:
            return (
                f'{whose}; run this as root, or set [hold] mode = "0666" and have root remove it'
                f" once, {removal}"
            )
        return f"{whose}; have root remove it, {removal}"
    return ""


def make_or_find(key: int, mode: int) -> int:
    """Return the id of the set; it is made when it is not there, with these mode bits.

    Raises:
        OSError: EINVAL when the key's set is of another shape; EACCES, ENOSPC, ENOMEM.
    """
    return _semget(key, _IPC_CREAT | mode)


def find(key: int) -> int | None:
    """Return the id of the set, None when there is none.

    Raises:
        OSError: as `make_or_find`.
    """
    try:
        return _semget(key, 0)
    except FileNotFoundError:
        return None


def _semget(key: int, flags: int) -> int:
    semid: int = _LIBC.semget(key, _SEMAPHORES, flags)
    if semid >= 0:
        return semid
    code = ffi.errno
    what = named(key)
    if code == errno.EINVAL:
        text = "a set of fewer than two semaphores has this key already; have root remove it, by"
        raise OSError(code, f"{text} `ipcrm -S {_hex(key)}`", what)
    raise OSError(code, os.strerror(code), what)


def try_lock(semid: int) -> bool:
    """Take the mutex if nobody has it; the kernel gives it back when this process ends.

    Raises:
        OSError: one of `GONE` when the set was removed; EACCES, ENOSPC, ENOMEM.
    """
    return _lock(semid, _IPC_NOWAIT, ffi.NULL)


def lock(semid: int, timeout_us: int | None) -> bool:
    """Take the mutex, waiting so long (None: for ever); False when the time is over.

    Raises:
        OSError: as `try_lock`; EINTR when a signal came.
    """
    if timeout_us is None:
        return _lock(semid, 0, ffi.NULL)
    seconds, microseconds = divmod(timeout_us, SECOND_US)
    return _lock(semid, 0, ffi.new("struct timespec *", (seconds, microseconds * 1000)))


def _lock(semid: int, flags: int, timeout: Any) -> bool:
    # Both in one call, exactly as libo2cb's mutex: wait until it is 0 and make it 1.
    operations = ffi.new(
        "struct sembuf[2]", [(_MUTEX, 0, flags | _SEM_UNDO), (_MUTEX, 1, flags | _SEM_UNDO)]
    )
    try:
        _checked(_LIBC.semtimedop(semid, operations, 2, timeout))
    except BlockingIOError:
        return False
    return True


def unlock(semid: int) -> None:
    """Give the mutex back.

    Raises:
        OSError: one of `GONE` when the set was removed; EAGAIN when nobody had it.
    """
    operations = ffi.new("struct sembuf[1]", [(_MUTEX, -1, _IPC_NOWAIT | _SEM_UNDO)])
    uninterrupted(_checked_unlock, semid, operations)


def _checked_unlock(semid: int, operations: Any) -> None:
    _checked(_LIBC.semop(semid, operations, 1))


def locked(semid: int) -> bool:
    """True while somebody has the mutex.

    Raises:
        OSError: one of `GONE` when the set was removed; EACCES.
    """
    return _control(semid, _GETVAL) != 0


def last_pid(semid: int) -> int:
    """Return the pid of who operated on the mutex last: its holder while it is held.

    0 when that process is not visible from this pid namespace.

    Raises:
        OSError: as `locked`.
    """
    return _control(semid, _GETPID)


def _control(semid: int, command: int) -> int:
    value: int = _LIBC.semctl(semid, _MUTEX, command)
    return _checked(value)


def _checked(result: int) -> int:
    if result < 0:
        code = ffi.errno
        raise OSError(code, os.strerror(code))
    return result
