"""The process of the gate: its two sockets, its loop, what systemd is told, its end."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import click

from fakecluster.cman.outside import Sockets
from fakecluster.cman.wire.server import SOCKET_NAMES, WireServer
from fakecluster.gate.context import HERE, GateContext, GatePhase
from fakecluster.gate.table import GateTable
from fakecluster.transport.poller import READ, Poller
from fakecluster.transport.pump import Pump, stop_requests
from o2cbd.calls import CallBoard
from o2cbd.clock import Clock, MonotonicClock, pause
from o2cbd.service.notify import Notifier
from o2cbd.service.wakeup import Wakeup

STACK_BYTES: Final = 8 * 1024 * 1024
"""Each dispatch of corosync's libraries puts 1 MiB on the stack."""

LOCK_NAME: Final = "fakecluster-gate.lock"
"""Beside the sockets; it stays when the gate ends, and locks nothing then."""

_TAKEN: Final = "a cman or another gate serves here: end it first, or choose another --socket-dir"

WATCH_US: Final = 2_000_000
"""How often it is looked whether the gate's thread is stuck."""

STUCK_US: Final = 3_000_000
"""A call that lasts so long is one that corosync does not answer: it stands still."""

STOP_US: Final = 3_000_000
"""The loop has so long to end; then it is inside a call that corosync does not answer."""


class TakenError(OSError):
    """A living cman, or another gate, has the sockets."""


def claim(directory: Path) -> None:
    """Make sure that nobody serves in a directory; stale sockets may be there.

    Raises:
        TakenError: somebody does.
        OSError: that cannot be found out.
    """
    for name in SOCKET_NAMES.values():
        path = directory / name
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(0)
            try:
                probe.connect(os.fspath(path))
            except (FileNotFoundError, ConnectionRefusedError):
                continue
            except BlockingIOError:
                pass  # its backlog is full: it lives, and is stopped
        raise TakenError(errno.EADDRINUSE, _TAKEN, os.fspath(path))


@contextlib.contextmanager
def hold_directory(directory: Path) -> Iterator[None]:
    """Be the only gate of a directory, for as long as this lasts, also while corosync is away.

    Raises:
        TakenError: another gate is it.
        OSError: the lock cannot be made.
    """
    path = directory / LOCK_NAME
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise TakenError(errno.EADDRINUSE, _TAKEN, os.fspath(path)) from error
    finally:
        os.close(fd)


class StatusLine:
    """What an operator is shown: how the gate stands, or a call that corosync does not answer."""

    def __init__(self, notifier: Notifier, board: CallBoard, clock: Clock) -> None:
        """Show nothing yet.

        Args:
            notifier: takes the line.
            board: where the gate's thread declares its calls.
            clock: the board's.
        """
        self._notifier = notifier
        self._board = board
        self._clock = clock
        self._text = ""

    def show(self, text: str) -> None:
        """Show how the gate stands; called by its thread, which then is in no call."""
        self._text = text
        self._notifier.status(text)

    def look(self) -> None:
        """Show the call that the gate's thread is stuck in, if it is; called by another thread."""
        call = self._board.current
        for_us = 0 if call is None else self._clock.now_us() - call.since_us
        if call is not None and for_us >= STUCK_US:
            seconds = for_us // 1_000_000
            self._notifier.status(f"corosync has not answered {call.name} for {seconds} s")
        else:
            self._notifier.status(self._text)


class GateService:
    """Everything but the signals, in a thread of its own.

    Corosync's libraries wait without end for a corosync that is stopped; whoever ends the gate then
    must not wait for it.
    """

    def __init__(self, table: GateTable, directory: Path, environ: Mapping[str, str]) -> None:
        """Check the paths; nothing is bound or connected yet.

        Raises:
            PathTooLongError: a socket's path would be cut.
        """
        self._directory = directory
        self._notifier = Notifier(environ)
        self._poller = Poller()
        self._server = WireServer(self._poller, {HERE: directory})
        clock = MonotonicClock()
        board = CallBoard(clock)
        self.status_line = StatusLine(self._notifier, board, clock)
        self._pump = Pump(self._poller, clock, first=self._refresh)
        self._context = GateContext(table, self._pump.timeline, self, board, pause)
        self._server.attach(self._context)
        self._watched: tuple[int, ...] = ()
        self._jobs: deque[Callable[[], None]] = deque()
        self._woken = Wakeup()
        self._stopping = False
        self._failure: BaseException | None = None
        self.ended = Wakeup()
        """Set when the thread has ended."""

    # -- the thread

    def run(self) -> None:
        """Serve until `stop`; what ends it otherwise is in `failure`."""
        try:
            with hold_directory(self._directory):
                self._serve()
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            self._failure = error
        finally:
            self.ended.set()

    def _serve(self) -> None:
        try:
            self._poller.watch(self._woken.fileno(), READ, self._wake)
            claim(self._directory)
            self._context.connect_corosync()
            while not self._stopping:
                self._pump.turn()
        finally:
            self._context.close()
            self._server.close()

    def _refresh(self) -> None:
        self._context.refresh()

    def _wake(self, _events: int) -> None:
        self._woken.clear()
        while self._jobs:
            self._jobs.popleft()()

    # -- the main thread

    def stop(self) -> None:
        """Ask the thread to end."""
        self._notifier.stopping()

        def stop() -> None:
            self._stopping = True

        self._call_soon(stop)

    def abandon(self) -> None:
        """Remove the sockets of a thread that cannot; the process must end now."""
        with contextlib.suppress(OSError):
            self._server.unlink()

    def check(self) -> None:
        """Raise what ended the thread, if it was not `stop`."""
        if self._failure is not None:
            raise self._failure

    # -- what the world needs (Outside)

    def sockets(self, node_id: int, sockets: Sockets) -> None:
        """Show or remove the sockets; nothing of somebody else's is replaced."""
        if sockets is Sockets.LISTENING:
            claim(self._directory)
        self._server.sockets(node_id, sockets)
        if sockets is Sockets.LISTENING:
            self._notifier.ready()

    def stopped(self, node_id: int, *, stopped: bool) -> None:
        """Serve nobody, or go on."""
        self._server.stopped(node_id, stopped=stopped)

    def watch(self, fds: tuple[int, ...]) -> None:
        """Wake up for these; what is there is taken before anything else, by `refresh`."""
        for fd in self._watched:
            self._poller.forget(fd)
        self._watched = fds
        for fd in fds:
            self._poller.watch(fd, READ, _nothing)

    def aside(self, work: Callable[[], Callable[[], None]]) -> None:
        """Run this in a thread of its own, then what it returns in the gate's thread."""
        threading.Thread(target=lambda: self._call_soon(work()), name="aside", daemon=True).start()

    def _call_soon(self, act: Callable[[], None]) -> None:
        self._jobs.append(act)
        self._woken.set()

    def show(self, phase: GatePhase, detail: str) -> None:
        """Report it to systemd."""
        self.status_line.show(f"{phase.value}: {detail}" if detail else phase.value)

    def log(self, text: str) -> None:
        """Write a line to stderr."""
        click.echo(f"fakecluster gate: {text}", err=True)


def _nothing(_events: int) -> None:
    pass


def serve_gate(table: GateTable, directory: Path, environ: Mapping[str, str]) -> bool:
    """Serve until a stop signal.

    Args:
        table: corosync's libraries.
        directory: where the sockets go.
        environ: has systemd's variables.

    Returns:
        False where the gate's thread is stuck inside a library: nothing may wait for it.

    Raises:
        TakenError: a cman or another gate has the sockets.
        OSError: corosync lets nobody in, or the sockets cannot be made.
    """
    gate = GateService(table, directory, environ)
    main = Poller()
    over: list[int] = []
    main.watch(gate.ended.fileno(), READ, over.append)
    before = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=gate.run, name="gate", daemon=True)
        with stop_requests(main) as stopped:
            thread.start()
            while not (stopped() or over):
                main.wait(WATCH_US)
                gate.status_line.look()
            gate.stop()
            clock = MonotonicClock()
            until_us = clock.now_us() + STOP_US
            while not over and (left_us := until_us - clock.now_us()) > 0:
                main.wait(left_us)  # another signal wakes us, too
    finally:
        threading.stack_size(before)
    if not over:
        gate.abandon()
        return False
    thread.join()
    gate.check()
    return True


def leave_now(code: int) -> None:
    """End the process without waiting for any thread."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
