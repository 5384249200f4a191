"""The simulator's cman as an engine under test: behind its sockets, in virtual time."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.conformance.cman_driver import LibraryPlace
from fakecluster.conformance.serving import ServingThread


class SimCman:
    """A `CmanDriver` over an engine without draws."""

    def __init__(self, topology: Topology, profile: Profile, *, library: Path | None) -> None:
        """Serve a cluster in a directory of its own; `library`: a stand-in."""
        self.profile = profile
        self.library = library
        self._place = LibraryPlace()
        self._home = tempfile.TemporaryDirectory(prefix="fc-", dir="/tmp")
        directories = {i: self.socket_dir(i) for i in topology.ids}
        for directory in directories.values():
            directory.mkdir()
        self._serving = ServingThread(topology, directories, profile=profile)
        self._engine = self._serving.engine

    def socket_dir(self, node_id: int) -> Path:
        return Path(self._home.name) / f"n{node_id}"

    def use_library_on(self, node_id: int) -> None:
        self._place.use(self.socket_dir(node_id))

    def start(self, node_id: int) -> None:
        self._serving.do(lambda: self._engine.start(node_id))

    def crash(self, node_id: int) -> None:
        self._serving.do(lambda: self._engine.crash(node_id))

    crash_all = crash

    def stop(self, node_id: int) -> None:
        self._serving.do(lambda: self._engine.stop(node_id))

    def cont(self, node_id: int) -> None:
        self._serving.do(lambda: self._engine.cont(node_id))

    def partition(self, groups: Sequence[Sequence[int]]) -> None:
        self._serving.do(lambda: self._engine.partition(groups))

    def cut(self, speaker_id: int, listener_id: int) -> None:
        self._serving.do(lambda: self._engine.cut(speaker_id, listener_id))

    def heal(self) -> None:
        self._serving.do(self._engine.heal)

    def write_config(self, node_id: int, version: int, nodes: Sequence[NodeConfig]) -> None:
        self._serving.do(lambda: self._engine.write_config(node_id, nodes, version=version))

    def now_us(self) -> int:
        return self._serving.do(self._engine.timeline.now_us)

    def let_pass(self, span_us: int) -> None:
        timeline = self._engine.timeline
        self._serving.do(lambda: timeline.run_until(timeline.now_us() + span_us))

    def settle(self, span_us: int) -> None:
        self.let_pass(span_us)

    def close(self) -> None:
        self._serving.close()
        self._home.cleanup()
        self._place.close()
