"""Asks corosync for a shutdown as an administrator does, and knows when it is asked.

`corosync-cfgtool -H` cannot be used: it ends with 0 whatever the answer, and nobody can tell when
the question has reached those who vote. So this is a requester and, on a second connection, a
voter that says yes: once it is asked, everybody is.

Prints two lines: `asked`, then how it ended: `allowed`, or an errno's symbol.
"""

from __future__ import annotations

import ctypes
import select
import sys
import threading
from typing import Final

_CS_OK: Final = 1
_CS_ERR_LIBRARY: Final = 2
_DISPATCH_ALL: Final = 2
_REQUEST, _REGARDLESS = 0, 1
_YES: Final = 1
_OUTCOMES: Final = {_CS_OK: "allowed", _CS_ERR_LIBRARY: "allowed", 10: "EBUSY", 14: "EALREADY"}
"""corosync may be gone before its answer is read: that is what was asked for."""
_LOOK_MS: Final = 50

_Asked = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.c_int)


class _Callbacks(ctypes.Structure):
    _fields_ = (("shutdown", _Asked),)


class AdminQuestion:
    """One question, from its beginning to its end."""

    def __init__(self) -> None:
        """Connect both."""
        self._library = ctypes.CDLL("libcfg.so.7")
        self._callbacks = _Callbacks(_Asked(self._reply))
        self._voter = self._connect(ctypes.byref(self._callbacks))
        self._requester = self._connect(None)
        self._result: list[int] = []
        self._asked = False
        self._announced = False
        self._check(self._library.corosync_cfg_trackstart(self._voter, ctypes.c_uint8(0)))

    def ask(self, *, force: bool) -> str:
        """Ask, say `asked` once everybody is, and return the outcome."""
        worker = threading.Thread(target=self._request, args=(force,))
        worker.start()
        descriptor = ctypes.c_int()
        self._check(self._library.corosync_cfg_fd_get(self._voter, ctypes.byref(descriptor)))
        poll = select.poll()
        poll.register(descriptor.value, select.POLLIN)
        while worker.is_alive():
            if not poll.poll(_LOOK_MS):
                continue
            if self._library.corosync_cfg_dispatch(self._voter, _DISPATCH_ALL) != _CS_OK:
                break  # corosync is gone, and the requester hears of it
            self._announce()
        worker.join()
        self._asked = True
        self._announce()
        return _OUTCOMES.get(self._result[0], f"cs_error {self._result[0]}")

    def _request(self, force: bool) -> None:  # noqa: FBT001 - a thread's argument
        flags = _REGARDLESS if force else _REQUEST
        self._result.append(self._library.corosync_cfg_try_shutdown(self._requester, flags))

    def _reply(self, handle: int, _flags: int) -> None:
        self._library.corosync_cfg_replyto_shutdown(ctypes.c_uint64(handle), _YES)
        self._asked = True

    def _announce(self) -> None:
        if self._asked and not self._announced:
            self._announced = True
            print("asked", flush=True)

    def _connect(self, callbacks: object) -> ctypes.c_uint64:
        handle = ctypes.c_uint64()
        self._check(self._library.corosync_cfg_initialize(ctypes.byref(handle), callbacks))
        return handle

    @staticmethod
    def _check(result: int) -> None:
        if result != _CS_OK:
            raise SystemExit(f"corosync refuses: cs_error {result}")


def main() -> int:
    """`python -m fakecluster.corosync.question [--force]`."""
    print(AdminQuestion().ask(force="--force" in sys.argv[1:]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
