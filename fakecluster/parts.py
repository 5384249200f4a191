"""The parts of a simulated daemon, for either depth."""

from __future__ import annotations

import contextlib

from fakecluster.adapters import deep_parts
from fakecluster.cman.source import engine_connect
from fakecluster.configfs.direct import DirectTree
from fakecluster.configfs.remembering import RememberingTree
from fakecluster.depth import Depth, Parts, Place
from fakecluster.usage import FakeUsage


def parts_of(depth: Depth, place: Place) -> Parts:
    """Return the parts for a daemon at a place."""
    if depth is Depth.ADAPTERS:
        return deep_parts(place)
    return Parts(
        connect=engine_connect(
            place.engine,
            place.node_id,
            on_readable=place.on_readable,
            every_address=place.every_address,
        ),
        tree=RememberingTree(DirectTree(place.model), place.model),
        usage=FakeUsage(place.model, place.mounts, place.make_hold),
        on_stage=contextlib.nullcontext,
        readable=_never,
    )


def _never(_fd: int | None) -> bool:
    return False  # nothing to poll: `on_readable` says when to look
