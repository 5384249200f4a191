"""The narrow node-tree interface that the agent knows, whatever is below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from o2cbd.core.model import Step, Tables


class NotConfigfsError(OSError):
    """What is mounted there is no o2cb configfs; the text says what the operator must do.

    errno is ENOENT (nothing mounted, module not loaded) or ENODEV (some other file system).
    """


class NodeTree(Protocol):
    """The o2cb configfs of this host; used by one thread for its whole life."""

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        """Read back the actual state.

        Args:
            cluster: ours; other clusters are only named in the result.
            own: the name of our own entry as wanted. Its `local` is always read. While it reads 1
                no other entry can be local (the kernel allows one), so theirs need no reading.
            attributes: cluster attributes to read, `heartbeat/dead_threshold` included.
            fresh: use nothing that was kept. Else a complete entry's num, address and port may be
                kept under its (name, inode); `local` and incomplete entries never are, and nothing
                is kept after an error.

        Raises:
            NotConfigfsError: this is no o2cb configfs.
            OSError: it cannot be read; filename says where.
        """
        ...

    def do(self, step: Step) -> None:
        """Do one step.

        Values are written in one write(2) each, without a newline, except `fence_method`, which
        the kernel takes only with one. EINTR is retried at once. `local=0` and `0.0.0.0` are
        refused with EINVAL before anything is touched.

        Raises:
            NotConfigfsError: `CreateCluster` made a plain directory; it was taken away again.
            OSError: the kernel's errno; filename says where. A half-made node of a failed
                `AddNode` was taken away again where that was possible.
        """
        ...

    def close(self) -> None:
        """Give back what is held open; may be called twice; never raises."""
        ...
