"""Asks cman for a shutdown as an administrator does, and knows when it is asked.

Nothing tells an administrator when the question has reached those who vote. So this is a requester
and, on a second connection, a voter that says yes: once it is asked, everybody is.

Prints two lines: `asked`, then how it ended: `allowed`, or an errno's symbol.
"""

from __future__ import annotations

import ctypes
import errno
import select
import sys
import threading
from typing import Final

from integration.inside.cman import Cman, CmanRefusedError

_TRY_SHUTDOWN: Final = 3
_DISPATCH_ALL: Final = 1
_FORCE, _REMOVE = 1, 2
_YES: Final = 1
_LOOK_MS: Final = 50
_GONE: Final = frozenset({errno.EHOSTDOWN, errno.ECONNRESET})
"""cman may be gone before its answer is read: that is what was asked for."""

_Noticed = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)


class ShutdownRequester:
    """One question, from its beginning to its end."""

    def __init__(self) -> None:
        """Connect both."""
        self._voter, self._requester = Cman(), Cman(admin=True)
        self._outcome = ""
        self._asked = False
        self._told = False
        self._callback = _Noticed(self._noticed)
        self._voter.ask("cman_start_notification", self._callback)

    def ask(self, flags: int) -> str:
        """Ask, say `asked` once everybody is, and return the outcome."""
        worker = threading.Thread(target=self._request, args=(flags,))
        worker.start()
        while worker.is_alive():
            # Another descriptor while messages are queued, so it is asked for each time.
            poll = select.poll()
            poll.register(self._voter.ask("cman_get_fd"), select.POLLIN)
            if not poll.poll(_LOOK_MS):
                continue
            try:
                self._voter.ask("cman_dispatch", _DISPATCH_ALL)
            except CmanRefusedError:
                break  # cman is gone, and the requester hears of it
            self._tell()
        worker.join()
        self._asked = True
        self._tell()
        return self._outcome

    def _request(self, flags: int) -> None:
        try:
            self._requester.ask("cman_shutdown", flags)
        except CmanRefusedError as error:
            code = error.errno or 0
            self._outcome = "allowed" if code in _GONE else errno.errorcode[code]
        else:
            self._outcome = "allowed"

    def _noticed(self, handle: int, _private: int, reason: int, _argument: int) -> None:
        if reason == _TRY_SHUTDOWN:
            self._voter.library.cman_replyto_shutdown(ctypes.c_void_p(handle), _YES)
            self._asked = True

    def _tell(self) -> None:
        if self._asked and not self._told:
            self._told = True
            print("asked", flush=True)


def main() -> int:
    """`cman_question [--force] [--remove]`."""
    force, remove = "--force" in sys.argv[1:], "--remove" in sys.argv[1:]
    print(ShutdownRequester().ask(_FORCE * force | _REMOVE * remove), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
