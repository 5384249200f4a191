"""The third way in: the model mounted with FUSE, for real processes and a shell."""

from __future__ import annotations

import os
import threading
from typing import Self

import mfusepy  # type: ignore[import-untyped]

from fakecluster.configfs import fuse_session, mounts
from fakecluster.configfs.fuse_operations import EXCEPTIONS, ConfigfsOperations
from fakecluster.configfs.model import ConfigfsModel

__all__ = ["EXCEPTIONS", "FuseMount"]

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 10.0


class FuseMount:
    """A model mounted at a directory; one thread serves it until `stop`.

    A thread of this process may touch the mount only in calls that let go of the interpreter, as
    those of `os` do: else the answer could not be given.
    """

    def __init__(self, model: ConfigfsModel, path: str | os.PathLike[str]) -> None:
        """Prepare it; nothing is mounted yet.

        Args:
            model: what is served.
            path: an existing directory; it becomes the root, which holds `cluster`.
        """
        self.model = model
        self.path = mounts.place(path)
        self._settled = threading.Event()
        """It is usable, or has ended."""
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Mount it; returns when it is usable. What a killed server left there is detached.

        Raises:
            OSError: it cannot be mounted.
            TimeoutError: the kernel did not answer in time.
        """
        mounts.detach_stale(self.path)
        self._settled.clear()
        self._ended.clear()
        self._failure = None
        self._thread = threading.Thread(target=self._serve, name=f"fuse {self.path}", daemon=True)
        self._thread.start()
        if not self._settled.wait(START_TIMEOUT_S):
            raise TimeoutError(f"{self.path}: the kernel asked nothing")
        if self._ended.is_set():
            need = "fuse3 must be installed, and /dev/fuse open to this user"
            raise OSError(f"cannot mount {self.path} with FUSE ({need}): {self._failure}")

    def stop(self) -> None:
        """Unmount it, busy or not, and end its thread; may be called again.

        Raises:
            TimeoutError: the thread did not end.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if any(mounted.path == self.path for mounted in mounts.our_mounts(self.path)):
            mounts.unmount(self.path)
        thread.join(STOP_TIMEOUT_S)
        if thread.is_alive():
            raise TimeoutError(f"{self.path}: the FUSE session did not end")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self) -> None:
        fuse_session.install()
        try:
            mfusepy.FUSE(
                ConfigfsOperations(self.model, self._settled.set),
                self.path,
                foreground=True,
                nothreads=True,  # measured: twice as fast as libfuse's threads under one GIL
                fsname=mounts.SOURCE,
                subtype="configfs",
                direct_io=True,
                use_ino=True,
                default_permissions=True,
                attr_timeout=0,
                ac_attr_timeout=0,
                entry_timeout=0,
                negative_timeout=0,
                allow_other=os.geteuid() == 0,
            )
        except (OSError, RuntimeError) as error:
            self._failure = error
        finally:
            self._ended.set()
            self._settled.set()
