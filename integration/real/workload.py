"""A workload on a guest's volume, seen from the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from integration.arm.vm import VmCluster
from integration.conversation import GuestCall
from integration.errors import GuestError
from integration.inside.volume import SHARED

_PROGRAM: Final = ("python3", "-m", "integration.inside.load")
_TIMEOUT_S: Final = 1800
_VERIFY_TIMEOUT_S: Final = 300


@dataclass(slots=True, kw_only=True)
class Workload:
    """Blocks that are appended to a file of the volume, one after the other."""

    cluster: VmCluster
    host: int
    seed: str
    call: GuestCall
    _seen: int = 0

    @classmethod
    def begun(cls, cluster: VmCluster, host: int) -> Self:
        """Begin to write on a host; the file goes on where an earlier load of it has ended."""
        seed = f"load{host}"
        words = [*_PROGRAM, "write", f"{SHARED.mount_point}/{seed}", seed]
        call = cluster.lab.guest(host).spawn(words, timeout_s=_TIMEOUT_S)
        return cls(cluster=cluster, host=host, seed=seed, call=call)

    @property
    def written(self) -> int:
        """How many blocks are surely on the disk.

        Raises:
            GuestError: it ended by itself.
        """
        result = self.call.poll()
        if result is not None and result.rc != 0:
            raise GuestError(f"the load of node {self.host} ended: {result.err.strip()}")
        return self.lost_with_its_host()

    def goes_on(self) -> bool:
        """Whether a block was written since this was last asked."""
        written = self.written
        grown = written > self._seen
        self._seen = written
        return grown

    def lost_with_its_host(self) -> int:
        """How many blocks are surely on the disk of a host whose power is gone."""
        return int((self.call.lines() or ["0"])[-1])

    def end(self) -> int:
        """Let it end; how many blocks it has written."""
        self.cluster.tell(self.host, "pkill", "-TERM", "-f", f"inside.load write .* {self.seed}")
        result = self.call.result()
        if result.rc != 0:
            raise GuestError(f"the load of node {self.host} failed: {result.err.strip()}")
        return self.written

    def right_blocks_on(self, host: int) -> int:
        """How many blocks from the start another host reads as they were written."""
        words = [*_PROGRAM, "verify", f"{SHARED.mount_point}/{self.seed}", self.seed]
        text = self.cluster.lab.guest(host).check(words, timeout_s=_VERIFY_TIMEOUT_S)
        return int(text)
