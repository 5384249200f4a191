"""The semaphore sets of fake hosts, which are in the real host's kernel."""

from __future__ import annotations

import errno
import os
from typing import Any

from o2cbd.hold import sysv
from o2cbd.hold._sysv_abi import ffi

_IPC_RMID = 0


HOLD_MODE = 0o600
"""Of a fake host's set: it belongs to whoever runs the fakes."""


def make_hold(name: str) -> None:
    """Make the set of this hold, which `o2cbd hold` does for root alone.

    Raises:
        OSError: there is no room, or somebody else's has its key.
    """
    sysv.make_or_find(sysv.key_of(name), HOLD_MODE)


def remove_hold(name: str) -> None:
    """Remove the set of this hold; nothing happens when there is none.

    Raises:
        OSError: it is somebody else's (EPERM).
    """
    semid = sysv.find(sysv.key_of(name))
    if semid is None:
        return
    libc: Any = ffi.dlopen(None)
    if libc.semctl(semid, 0, _IPC_RMID) < 0 and ffi.errno not in {
        errno.EINVAL,
        errno.EIDRM,
    }:
        raise OSError(ffi.errno, os.strerror(ffi.errno), name)
