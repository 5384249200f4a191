"""Episodes by the hundred: every value, then random ones, the same on a kernel and on the fake.

Made from a seed; standard library only. See `storm_draw` for what is never done to a kernel.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from fakecluster.conformance.configfs_row import Op
from integration import storm_places as places
from integration.episode import Episode
from integration.inside.volume import VOLUME_ID
from integration.storm_draw import Draw, Theme
from integration.storm_values import CLUSTER, CLUSTER_VALUES, op, reset, values

CROWD_COUNT = 255
"""Nodes of a crowd: as many as a cluster can have."""

_OWN = "own"
"""The local node of an episode with a mounted volume."""

LENGTH = 130
"""Draws in an ordinary episode; some draws are several operations."""

MOUNTED_LENGTH = 160
"""Draws while a volume is mounted: more, since a mount takes its time."""

_VOLUME_EPISODES = 3
_REGIONS_ONE_IN = 3


def every_value() -> Iterator[Episode]:
    """Every value to every attribute, each read back."""
    for name, operations in values():
        yield Episode(name=f"values/{name}", operations=operations)


def episode(seed: str, theme: Theme, length: int = LENGTH) -> Episode:
    """One random episode without a mounted volume."""
    draw = Draw(seed, theme)
    calls = [op("mkdir", CLUSTER)]
    for _ in range(length):
        calls += draw.calls()
    return _closed(seed, calls)


def volume_episode(seed: str, length: int = MOUNTED_LENGTH) -> Episode:
    """One random episode around two mounts of a volume, whose heartbeat pins what it needs."""
    draw = Draw(seed, Theme.VOLUME)
    calls = [op("mkdir", CLUSTER), *_own_node(draw.of((0, 1, 7, 254)))]
    for _ in range(2):
        calls += [each for _ in range(length // 4) for each in draw.calls()]
        calls += [*_before_mount(), op("host", "mount", data=VOLUME_ID)]
        for _ in range(length // 2):
            calls += _pinned(draw) if draw.one_in(6) else draw.calls()
        calls += [op("get", f"{_REGION}/{name}") for name in places.REGION_ATTRIBUTES]
        calls.append(op("host", "umount", data=VOLUME_ID))
    calls += [each for _ in range(length // 4) for each in draw.calls()]
    return _closed(seed, calls)


_REGION = f"{CLUSTER}/heartbeat/{VOLUME_ID}"


def _own_node(number: int) -> Iterator[Op]:
    node = f"{CLUSTER}/node/{_OWN}"
    yield op("mkdir", node)
    for name, value in (("ipv4_port", "7777"), ("ipv4_address", "10.77.0.1"),
                        ("num", str(number)), ("local", "1")):  # fmt: skip
        yield op("put", f"{node}/{name}", data=value)


def _before_mount() -> Iterator[Op]:
    """What a mount needs, whatever was drawn before it."""
    yield op("put", f"{CLUSTER}/heartbeat/dead_threshold", data="31")
    yield op("put", f"{CLUSTER}/heartbeat/mode", data="local")


def _pinned(draw: Draw) -> list[Op]:
    """Something that a running heartbeat forbids, ignores or does not mind."""
    node = f"{CLUSTER}/node/{_OWN}"
    name = draw.of(places.REGION_ATTRIBUTES)
    threshold = f"{CLUSTER}/heartbeat/dead_threshold"
    return draw.of(
        (
            [op("rmdir", node)],
            [op("rmdir", _REGION)],
            [op("rmdir", CLUSTER)],
            [op("put", f"{node}/local", data=draw.of(("1", "2", "x"))), op("get", f"{node}/local")],
            [op("put", f"{node}/num", data="9"), op("get", f"{node}/num")],
            [op("put", f"{_REGION}/{name}", data=draw.of(("1", "512", "x"))),
             op("get", f"{_REGION}/{name}")],
            [op("put", threshold, data=draw.of(("32", "61", "x"))), op("get", threshold)],
            [op("status", _REGION), op("order", _REGION)],
            [op("rename", _REGION, to=f"{CLUSTER}/heartbeat/r0"), op("mkdir", _REGION)],
        )
    )  # fmt: skip


def crowd(seed: str, length: int = LENGTH) -> Episode:
    """As many nodes as a cluster can have, random operations among them, and all of them gone."""
    draw = Draw(seed, Theme.LOCAL)
    names = [f"{CLUSTER}/node/m{number}" for number in range(CROWD_COUNT)]
    calls = [op("mkdir", CLUSTER)]
    for number, name in enumerate(names):
        calls += [
            op("mkdir", name),
            op("put", f"{name}/ipv4_port", data="7777"),
            op("put", f"{name}/ipv4_address", data=f"10.78.0.{number}"),
            op("put", f"{name}/num", data=str(number)),
        ]
        if draw.one_in(8):
            calls += draw.calls()
    calls += [op("order", f"{CLUSTER}/node"), op("status", f"{CLUSTER}/node")]
    for _ in range(length):
        other = draw.of(names)
        calls += [*draw.calls(), op(draw.of(("rmdir", "mkdir", "status", "order")), other)]
        calls.append(op("put", f"{other}/num", data=str(names.index(draw.of(names)))))
    while names:
        calls.append(op("rmdir", names.pop(names.index(draw.of(names)))))
        if draw.one_in(16):
            calls += draw.calls()
    return _closed(seed, calls)


def _closing(calls: Iterable[Op]) -> Iterator[Op]:
    """See all that there is after these operations, and take it away."""
    made: dict[str, None] = {}
    handles: dict[str, None] = {}
    for one in calls:
        if one.call == "mkdir":
            made[one.path] = None
        elif one.call == "open-with":
            handles[one.handle] = None
    for handle in handles:
        yield op("close", handle=handle)
    for path in ("cluster", CLUSTER, f"{CLUSTER}/node", f"{CLUSTER}/heartbeat"):
        yield op("order", path)
        yield op("status", path)
    for name in places.NODES:
        for attribute in places.NODE_ATTRIBUTES[:4]:
            yield op("get", f"{CLUSTER}/node/{name}/{attribute}")
    for name in CLUSTER_VALUES:
        yield op("get", f"{CLUSTER}/{name}")
    yield from reset()
    for path in reversed(made):
        yield op("rmdir", path)
    yield op("order", "cluster")


def _closed(seed: str, calls: Sequence[Op]) -> Episode:
    return Episode(name=seed, operations=(*calls, *_closing(calls)))


def ordinary_episodes(seed: str, count: int | None = None) -> Iterator[Episode]:
    """Episodes that mount nothing: so many, or for ever."""
    draw = Draw(f"{seed}/themes", Theme.LOCAL)
    for number in itertools.count() if count is None else range(count):
        theme = Theme.REGIONS if draw.one_in(_REGIONS_ONE_IN) else Theme.LOCAL
        yield episode(f"{seed}/{number}", theme)


def episodes(seed: str, operations: int) -> Iterator[Episode]:
    """Random episodes until there are so many operations: some that mount, a crowd, others."""
    mounting = (volume_episode(f"{seed}/volume/{number}") for number in range(_VOLUME_EPISODES))
    count = 0
    for one in itertools.chain(mounting, [crowd(f"{seed}/crowd")], ordinary_episodes(seed)):
        if count >= operations:
            return
        yield one
        count += len(one.operations)
