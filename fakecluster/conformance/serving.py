"""A fake cman behind its sockets in a thread of its own, so that whoever asks it may block.

Its time is virtual: it stands still but for what `do` is given.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Final, TypeVar

from fakecluster.clock import Timeline
from fakecluster.cman.engine import Engine
from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import Topology
from fakecluster.cman.wire.server import WireServer
from fakecluster.transport.poller import READ, Poller

ANSWER_TIMEOUT_S: Final = 60

_T = TypeVar("_T")


class ServingThread:
    """Serves an engine's nodes, each in its directory, until `close`."""

    def __init__(
        self,
        topology: Topology,
        directories: Mapping[int, Path],
        *,
        profile: Profile = Profile.B,
    ) -> None:
        """Start serving.

        Args:
            topology: the cluster.
            directories: by node id: where its sockets go; further nodes have none.
            profile: which observed version.

        Raises:
            PathTooLongError: a socket's path would be cut.
        """
        self._poller = Poller()
        self._server = WireServer(self._poller, directories)
        self.engine = Engine(topology, Timeline(), watcher=self._server, profile=profile)
        """It belongs to the server's thread: see `do`."""
        self._server.attach(self.engine)
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_read, self._wake_write = os.pipe()
        self._poller.watch(self._wake_read, READ, self._woken)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="wire-server", daemon=True)
        self._thread.start()

    def do(self, act: Callable[[], _T]) -> _T:
        """Do it in the server's thread; what clients have sent before this is served before it."""
        result: Future[_T] = Future()

        def job() -> None:
            try:
                result.set_result(act())
            except Exception as error:  # noqa: BLE001 - raised again where it was asked for
                result.set_exception(error)

        self._jobs.put(job)
        os.write(self._wake_write, b"!")
        return result.result(ANSWER_TIMEOUT_S)

    def close(self) -> None:
        """End the server and remove its sockets."""
        self.do(self._stop)
        self._thread.join(ANSWER_TIMEOUT_S)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _stop(self) -> None:
        self._server.close()
        self._poller.forget(self._wake_read)
        self._stopping = True

    def _woken(self, _events: int) -> None:
        os.read(self._wake_read, 4096)

    def _serve(self) -> None:
        while not self._stopping:
            self._poller.wait(None)
            while not self._jobs.empty():
                while self._poller.wait(0):
                    pass
                self._jobs.get()()
