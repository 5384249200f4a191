"""Random episodes, the same for a kernel and for the fake: every value, then draws from a seed.

Two things can crash a kernel and are never drawn: an address that reads as `0.0.0.0`, and a
`local` of 0 in an episode that has regions. What is drawn stays harmless when any part of it is
left out, since shrinking does that.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from fakecluster.conformance.configfs_row import Op
from integration import random_values as places
from integration.episode import Episode
from integration.inside.volume import VOLUME_ID
from integration.random_values import (
    CLUSTER,
    CLUSTER_VALUES,
    NODE_VALUES,
    REGION_VALUES,
    op,
    reset,
    values,
)

FILES = tuple("abcdef")
DIRECTORIES = tuple("pqr")
INODES = ("i", "j")
_ODD = ("unlink", "rename", "symlink", "link", "truncate", "create", "mkdir", "rmdir", "mknod")
_LOOKS = ("stat", "status", "order", "names", "kinds", "get", "status", "order")
_AT = ("mkdir-at", "rmdir-at", "status-at", "get-at", "put-at", "order-handle", "order-handle",
       "status-handle")  # fmt: skip
_NO_RIGHTS_OF_PATHS = frozenset({"close", "read", "read-some", "seek", "host", "status-handle"})
_ALL_VALUES = NODE_VALUES | CLUSTER_VALUES | REGION_VALUES
_ONE_IN = 8
"""One operation in so many is not root's."""

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

ChoiceT = TypeVar("ChoiceT")


class Theme(enum.Enum):
    """What an episode may have in it."""

    LOCAL = "local"
    """Everything may be written to `local`, and there are no regions."""
    REGIONS = "regions"
    """Regions without a heartbeat; nothing is written to `local`."""
    VOLUME = "volume"
    """A mounted volume; only harmless values are written."""

    @property
    def has_regions(self) -> bool:
        """Regions may be made."""
        return self is not Theme.LOCAL


class OpDraw:
    """One random sequence in the making."""

    def __init__(self, seed: str, theme: Theme) -> None:
        """Begin with a seed, any text."""
        self._random = random.Random(seed)  # noqa: S311 - a test's choice, not a secret
        self._theme = theme
        self._made: list[str] = []
        """Nodes that were made, and may be there still."""
        self._opened: list[str] = []
        """Handles that were opened, which may have failed."""
        self._kinds: tuple[tuple[int, Callable[[], list[Op]]], ...] = (
            (12, self._mkdir),
            (8, lambda: [op("rmdir", self.node())]),
            (6, self._whole_node),
            (4, self._whole_local),
            (28, self._put),
            (6, lambda: [op("get", f"{self.node()}/{self.of(places.NODE_ATTRIBUTES)}")]),
            (14, self._file),
            (8, self._directory),
            (6, self._region),
            (7, self._attribute),
            (3, self._cluster),
            (8, self._odd),
            (8, self._look),
            (3, self._rights),
            (3, self._inode),
        )
        self._weights = sum(weight for weight, _ in self._kinds)

    def of(self, choices: Sequence[ChoiceT]) -> ChoiceT:
        """One of these."""
        return choices[self._random.randrange(len(choices))]

    def one_in(self, count: int) -> bool:
        """True once in so many times."""
        return self._random.randrange(count) == 0

    def calls(self) -> list[Op]:
        """OpDraw one operation, or some that belong together."""
        at = self._random.randrange(self._weights)
        for weight, make in self._kinds:
            if at < weight:
                return [self._somebody(one) for one in make()]
            at -= weight
        raise AssertionError("the weights are what they are the sum of")

    def node(self) -> str:
        """The path of a node, which may be there or not."""
        if self._made and not self.one_in(3):
            return self.of(self._made)
        return self._any_node()

    def _any_node(self) -> str:
        return f"{CLUSTER}/node/{self.of(places.ODD_NODES if self.one_in(5) else places.NODES)}"

    # ---- kinds

    def _somebody(self, one: Op) -> Op:
        if one.call in _NO_RIGHTS_OF_PATHS or not self.one_in(_ONE_IN):
            return one
        return dataclasses.replace(one, not_root=True)

    def _value(self, attribute: str) -> str:
        if self._theme is Theme.VOLUME and attribute in places.HARMLESS_VALUES:
            return self.of(places.HARMLESS_VALUES[attribute])
        if attribute in _ALL_VALUES and self.one_in(4):
            return self.of(_ALL_VALUES[attribute])
        return self.of(places.SHORT_VALUES[attribute])

    def _node_attribute(self) -> str:
        """One that may be written in this theme."""
        if self._theme is Theme.REGIONS:
            return self.of(places.NODE_ATTRIBUTES[:3])
        return self.of(places.NODE_ATTRIBUTES)

    def _mkdir(self) -> list[Op]:
        node = self._any_node()
        if node not in self._made:
            self._made = [*self._made[-5:], node]
        return [op("mkdir", node)]

    def _whole_local(self) -> list[Op]:
        """A node that is to be the local one, where that may be asked for."""
        if self._theme is not Theme.LOCAL:
            return [op("get", f"{self.node()}/local")]
        address = self.of(("127.0.0.5", "127.0.0.6", "10.77.0.1", "10.77.0.2"))
        calls = self._whole_node(address)
        path = calls[-1].path.removesuffix("num") + "local"
        return [
            *calls,
            *(op("put", path, data=self.of(("1", "1\n", "0", "2"))) for _ in range(3)),
            op("get", path),
        ]

    def _whole_node(self, address: str = "") -> list[Op]:
        number = self._random.randrange(1, 9)
        made = self._mkdir()
        node = made[0].path
        return [
            *made,
            op("put", f"{node}/ipv4_port", data="7777"),
            op("put", f"{node}/ipv4_address", data=address or f"10.77.0.{number}"),
            op("put", f"{node}/num", data=str(number)),
        ]

    def _put(self) -> list[Op]:
        name = self._node_attribute()
        call = self.of(("put", "put", "put", "put", "put-truncating", "put-appending"))
        return [op(call, f"{self.node()}/{name}", data=self._value(name))]

    def _handle(self, names: Sequence[str]) -> str:
        """Mostly one that was opened."""
        opened = [name for name in names if name in self._opened]
        return self.of(opened if opened and not self.one_in(6) else names)

    def _file(self) -> list[Op]:
        handle = self._handle(FILES)
        match self._random.randrange(9) if handle in self._opened else 0:
            case 0 | 1 | 2:
                path = f"{self.node()}/{self.of(places.NODE_ATTRIBUTES[:3])}"
                if self.one_in(4):
                    path = f"{CLUSTER}/{self.of(places.CLUSTER_ATTRIBUTES[:4])}"
                flags = self.of(places.FILE_FLAGS)
                self._opened.append(handle)
                return [op("close", handle=handle), op("open-with", path, data=flags,
                                                       handle=handle)]  # fmt: skip
            case 3:
                return [op("seek", data="set 0", handle=handle), op("read", handle=handle)]
            case 4 | 5:
                return [op("write", handle=handle, data=self.of(places.HANDLE_VALUES))]
            case 6:
                return [op("seek", data=self.of(places.SEEKS), handle=handle)]
            case 7:
                return [op("read-some", data=self.of(("1", "2", "5", "5000")), handle=handle)]
            case _:
                return [op(self.of(("read", "status-handle")), handle=handle)]

    def _directory(self) -> list[Op]:
        handle = self._handle(DIRECTORIES)
        if handle not in self._opened or self.one_in(4):
            path = self.of((self.node(), CLUSTER, f"{CLUSTER}/node", f"{CLUSTER}/heartbeat"))
            flags = self.of(places.DIRECTORY_FLAGS)
            self._opened.append(handle)
            return [op("close", handle=handle), op("open-with", path, data=flags, handle=handle)]
        call = self.of(_AT)
        if call in {"order-handle", "status-handle"}:
            return [op(call, handle=handle)]
        if call in {"get-at", "put-at"}:
            name = self.of(("num", "ipv4_port", "ipv4_address"))
            return [op(call, name, data=self._value(name) * (call == "put-at"), handle=handle)]
        name = self.of((*places.NODES, "num", "heartbeat", "node/n0", "x" * 65))
        return [op(call, name, handle=handle)]

    def _region(self) -> list[Op]:
        region = f"{CLUSTER}/heartbeat/{self.of(places.REGIONS)}"
        if not self._theme.has_regions:
            return [op("stat", region)]
        if self.one_in(2):
            return [op(self.of(("mkdir", "mkdir", "rmdir", "order", "status")), region)]
        name = self.of(places.REGION_ATTRIBUTES)
        path = f"{region}/{name}"
        return [op("put", path, data=self._value(name)), op("get", path)]

    def _attribute(self) -> list[Op]:
        name = self.of(places.CLUSTER_ATTRIBUTES)
        path = f"{CLUSTER}/{name}"
        return [op("put", path, data=self._value(name)), op("get", path)]

    def _cluster(self) -> list[Op]:
        return [op(self.of(("mkdir", "rmdir")), self.of((CLUSTER, *places.CLUSTERS)))]

    def _odd(self) -> list[Op]:
        call, path = self.of(_ODD), self.of(places.TARGETS)
        if call == "mkdir" and "/heartbeat/" in path and not self._theme.has_regions:
            call = "stat"
        other = self.of(places.TARGETS) if call in {"rename", "symlink", "link"} else ""
        data = self.of(("", "0", "1", "5000")) if call == "truncate" else ""
        return [op(call, path, to=other, data=data)]

    def _look(self) -> list[Op]:
        return [op(self.of(_LOOKS), self.of((*places.TARGETS, self.node())))]

    def _rights(self) -> list[Op]:
        path = self.of((f"{self.node()}/{self.of(places.NODE_ATTRIBUTES[:3])}", self.node(),
                        f"{CLUSTER}/node", f"{CLUSTER}/fence_method"))  # fmt: skip
        if self.one_in(3):
            return [op("chown", path, data=self.of(places.OWNERS)), op("status", path)]
        return [op("chmod", path, data=self.of(places.MODES)), op("status", path)]

    def _inode(self) -> list[Op]:
        path, handle = self.of((self.node(), f"{CLUSTER}/node")), self.of(INODES)
        return [op(self.of(("remember-inode", "compare-inode")), path, handle=handle)]


def every_value() -> Iterator[Episode]:
    """Every value to every attribute, each read back."""
    for name, operations in values():
        yield Episode(name=f"values/{name}", operations=operations)


def episode(seed: str, theme: Theme, length: int = LENGTH) -> Episode:
    """One random episode without a mounted volume."""
    draw = OpDraw(seed, theme)
    calls = [op("mkdir", CLUSTER)]
    for _ in range(length):
        calls += draw.calls()
    return _closed(seed, calls)


def volume_episode(seed: str, length: int = MOUNTED_LENGTH) -> Episode:
    """One random episode around two mounts of a volume, whose heartbeat pins what it needs."""
    draw = OpDraw(seed, Theme.VOLUME)
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


def _pinned(draw: OpDraw) -> list[Op]:
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
    draw = OpDraw(seed, Theme.LOCAL)
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
    draw = OpDraw(f"{seed}/themes", Theme.LOCAL)
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
