"""Takes away the semaphore sets that the daemons of fake hosts leave in the real host's kernel."""

from __future__ import annotations

import errno
import os
from typing import Any

from o2cbd.hold import sysv
from o2cbd.hold._sysv_abi import ffi

_IPC_RMID = 0


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
