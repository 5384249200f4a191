"""What every call to a fake kernel goes through: the lock, the hooks and faults, the journal."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from fakecluster.configfs.directories import Directories
from fakecluster.configfs.heartbeat import Heartbeat
from fakecluster.configfs.host import FakeHost
from fakecluster.configfs.items import ROOT, Caller, Item
from fakecluster.configfs.journal import Call, Journal, is_read
from fakecluster.configfs.kernel import Kernel
from fakecluster.configfs.values import Refusal
from fakecluster.configfs.variant import OBSERVED_6_1, KernelVariant

ResultT = TypeVar("ResultT")


class ModelBase:
    """The parts of a fake kernel, and the one way that a call takes."""

    def __init__(
        self,
        *,
        variant: KernelVariant = OBSERVED_6_1,
        addresses: Iterable[str] = (),
        owner_uid: int = 0,
        now_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        """Boot it.

        Args:
            variant: which kernels it behaves like.
            addresses: the host's, beside 127/8; `local=1` binds to one of them.
            owner_uid: whom everything belongs to.
            now_ns: the time that files bear, in nanoseconds of the epoch.
        """
        self.lock = threading.RLock()
        self.journal = Journal()
        self.host = FakeHost(addresses)
        self._variant = variant
        self._directories = Directories(
            Kernel(variant, self.host), owner_uid=owner_uid, now_ns=now_ns
        )
        self.heartbeat = Heartbeat(self.lock, self._directories)

    @property
    def change_count(self) -> int:
        """Another number after everything that can change what a reading shows."""
        return self._directories.change_count

    @property
    def kernel(self) -> Kernel:
        """The state behind the directories."""
        return self._directories.kernel

    def lookup(self, path: str, caller: Caller = ROOT) -> Item:
        """Walk to what has this path; no call, so no hook and no fault.

        Raises:
            OSError: ENOENT, ENOTDIR, ENAMETOOLONG or EACCES.
        """
        with self.lock:
            try:
                return self._directories.resolve(path, caller)
            except Refusal as refusal:
                raise _error(refusal.errno, path) from None

    def _do(
        self, name: str, path: str, work: Callable[[], ResultT], *, data: bytes = b"", pid: int = 0
    ) -> ResultT:
        """Do a call's work, after hooks and faults, and note it; see `Call` for the arguments."""
        with self.lock:
            journal = self.journal
            call = None
            if journal.wants(name):
                call = Call(name=name, path=path, data=data, pid=pid)
            try:
                if call is not None:
                    journal.enter(call)
                    if not is_read(name):
                        self._directories.change_count += 1
                result = work()
            except Refusal as refusal:
                error = _error(refusal.errno, path)
                if call is not None:
                    journal.note(call, error)
                raise error from None
            except OSError as error:
                if call is not None:
                    journal.note(call, error)
                raise
            if call is not None:
                journal.note(call, None)
            return result


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)


def require(condition: bool, number: int) -> None:  # noqa: FBT001 - reads as an assertion
    """Refuse with this errno unless the condition holds.

    Raises:
        Refusal: with the errno.
    """
    if not condition:
        raise Refusal(number)
