"""What happens to a call beside its work: hooks hear of it, it may be made to fail, is noted."""

from __future__ import annotations

import collections
import errno
import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fakecluster.configfs.callnames import checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that somebody makes, before it is applied."""

    name: str
    """`mkdir`, `rmdir`, `open`, `scandir`, `stat`, `read:num`, `write:ipv4_address`,
    `chmod` ..."""
    path: str
    """From the root of the configfs, with a leading slash."""
    data: bytes = b""
    """What is written; the other path of a rename or link."""
    pid: int = 0
    """The caller's, 0 where it is not known."""

    def matches(self, pattern: str) -> bool:
        """Return whether a pattern means this call: its name, or the part before the colon."""
        return pattern in {self.name, self.name.partition(":")[0]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A call in the journal."""

    name: str
    path: str
    data: bytes = b""
    error: str = ""
    """The errno's symbol, empty when it went well."""


READS = frozenset({"open", "scandir", "stat", "read"})
"""The calls that change nothing; noted only if asked for."""


@functools.cache
def is_read(name: str) -> bool:
    """Return whether a call with this name changes nothing."""
    return name.partition(":")[0] in READS


Hook = Callable[[Call], None]
"""Told of every call before it is applied; what it raises keeps the call from being applied."""

Listener = Callable[[Done], None]
"""Told of every noted call after it was applied or refused; must not raise."""


class CallFault:
    """Makes the next calls of a kind fail with an errno, before they change anything."""

    def __init__(
        self, call: str, number: int, *, count: int | None = 1, path: str | None = None
    ) -> None:
        """Arm it.

        Args:
            call: the call's name or its part before the colon, see `Call.name`.
            number: the errno.
            count: how many calls fail; None: all, until it is taken away.
            path: only calls of this path, or below it.

        Raises:
            UnknownCallError: no call has this name.
        """
        self.call = checked(call)
        self.errno = number
        self.left = count
        self.path = path

    def strikes(self, call: Call) -> bool:
        """Return whether this call fails, and count it."""
        if self.left == 0 or not call.matches(self.call):
            return False
        if self.path is not None and not f"{call.path}/".startswith(f"{self.path}/"):
            return False
        if self.left is not None:
            self.left -= 1
        return True


class KillCaller:
    """A hook that ends the caller inside its K-th call of a kind, the change not applied."""

    def __init__(self, call: str, nth: int, kill: Callable[[int], None]) -> None:
        """Arm it.

        Args:
            call: as for `CallFault`.
            nth: 1 for the next such call.
            kill: ends the process with this pid; may raise what unwinds a simulated caller.

        Raises:
            UnknownCallError: no call has this name.
        """
        self._call = checked(call)
        self._left = nth
        self._kill = kill

    @property
    def fired(self) -> bool:
        """True when it has struck; it does so once."""
        return self._left <= 0

    def __call__(self, call: Call) -> None:
        """Count the call, and strike when it is the one.

        Raises:
            OSError: EINTR, so that the call is not applied.
        """
        if self._left <= 0 or not call.matches(self._call):
            return
        self._left -= 1
        if self._left == 0:
            self._kill(call.pid)
            raise OSError(errno.EINTR, os.strerror(errno.EINTR), call.path)


class CallJournal:
    """The calls in their order, the armed faults and the hooks."""

    def __init__(self) -> None:
        self.with_reads = False
        """Note also the calls that change nothing."""
        self._done: collections.deque[Done] = collections.deque()
        self._listeners: tuple[Listener, ...] = ()
        self._faults: list[CallFault] = []
        self._hooks: tuple[Hook, ...] = ()
        self._hooks_of_reads: tuple[Hook, ...] = ()

    def __iter__(self) -> Iterator[Done]:
        return iter(tuple(self._done))

    def __len__(self) -> int:
        return len(self._done)

    @property
    def watched(self) -> bool:
        """True when a hook is there, which wants to know the caller's pid."""
        return bool(self._hooks)

    def wants(self, name: str) -> bool:
        """Return whether anybody cares about a call with this name."""
        if self._hooks_of_reads or self._faults or self.with_reads:
            return True
        return not is_read(name)

    def keep(self, count: int | None) -> None:
        """Keep only the last `count` calls from now on; None: all of them."""
        self._done = collections.deque(self._done, maxlen=count)

    def clear(self) -> None:
        """Forget what was noted; faults and hooks stay."""
        self._done.clear()

    def arm(self, fault: CallFault) -> None:
        """Arm a fault; the first armed that fits strikes."""
        self._faults.append(fault)

    @property
    def armed(self) -> bool:
        """True while some call is still to fail."""
        return any(fault.left != 0 for fault in self._faults)

    @property
    def meddled(self) -> bool:
        """True from the first armed fault until all are taken away: a refusal may be one's."""
        return bool(self._faults)

    def disarm(self) -> None:
        """Take all faults away."""
        self._faults.clear()

    def add_hook(self, hook: Hook, *, first: bool = False, reads: bool = True) -> None:
        """Tell this hook of every call from now on.

        Args:
            hook: whom to tell.
            first: before those that are there; else after them.
            reads: also of the calls that change nothing.
        """
        self._hooks = (hook, *self._hooks) if first else (*self._hooks, hook)
        if reads:
            others = self._hooks_of_reads
            self._hooks_of_reads = (hook, *others) if first else (*others, hook)

    def remove_hook(self, hook: Hook) -> None:
        """Tell it no more; nothing happens when it is not there."""
        self._hooks = tuple(one for one in self._hooks if one != hook)
        self._hooks_of_reads = tuple(one for one in self._hooks_of_reads if one != hook)

    def listen(self, listener: Listener) -> None:
        """Tell it of every call that is noted, with its result."""
        self._listeners = (*self._listeners, listener)

    def enter(self, call: Call) -> None:
        """Let hooks and faults have their say before the call is applied.

        Raises:
            OSError: a fault's errno, or whatever a hook raises.
        """
        for hook in self._hooks_of_reads if is_read(call.name) else self._hooks:
            hook(call)
        for fault in self._faults:
            if fault.strikes(call):
                raise OSError(fault.errno, os.strerror(fault.errno), call.path)

    def note(self, call: Call, error: OSError | None) -> None:
        """Write the call down."""
        if not self.with_reads and is_read(call.name):
            return
        symbol = "" if error is None else errno.errorcode.get(error.errno or 0, str(error.errno))
        done = Done(name=call.name, path=call.path, data=call.data, error=symbol)
        self._done.append(done)
        for listener in self._listeners:
            listener(done)
