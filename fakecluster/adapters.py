"""The deep parts: the real adapters, with the fakes below them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from unittest import mock

from fakecluster.cman.engine_table import EngineTable
from fakecluster.configfs.direct import DirectTree
from fakecluster.configfs.model_os import ModelOs
from fakecluster.depth import Parts, Place
from o2cbd.calls import CallBoard
from o2cbd.clock import Clock
from o2cbd.membership.cman import connect_cman
from o2cbd.membership.interface import MembershipSource
from o2cbd.usage import reader
from o2cbd.usage.reader import HostUsage

_CONFIGFS = "/sys/kernel/config"
_MOUNTS = "/proc/self/mountinfo"


def deep_parts(place: Place) -> Parts:
    """Return the real adapters on the fakes of a place."""
    calls = CallBoard(_Clock(place))
    table = EngineTable(place.engine, place.node_id, place.on_readable)
    host_os = ModelOs(place.model, _CONFIGFS, shown={_MOUNTS: lambda: place.mounts.read().encode()})

    def connect() -> MembershipSource:
        return connect_cman(table, calls, every_address=place.every_address)

    @contextlib.contextmanager
    def on_stage() -> Iterator[None]:
        with mock.patch.object(reader, "os", host_os):
            yield

    return Parts(
        connect=connect,
        tree=DirectTree(place.model),
        usage=HostUsage(
            configfs_path=_CONFIGFS, mounts_path=_MOUNTS, make_hold=place.make_hold, calls=calls
        ),
        on_stage=on_stage,
        readable=table.readable,
    )


class _Clock(Clock):
    def __init__(self, place: Place) -> None:
        self._place = place

    def now_us(self) -> int:
        return self._place.now_us()
