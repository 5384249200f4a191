"""Draws random operations; standard library only, and the same everywhere from the same seed.

Two things can crash a kernel and are never drawn: an address that reads as `0.0.0.0`, and a
`local` of 0 in an episode that has regions. What is drawn stays harmless when any part of it is
left out, since shrinking does that.
"""

from __future__ import annotations

import dataclasses
import enum
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from fakecluster.conformance.configfs_row import Op
from integration import storm_places as places
from integration.storm_values import CLUSTER, CLUSTER_VALUES, NODE_VALUES, REGION_VALUES, op

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


class Draw:
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
        """Draw one operation, or some that belong together."""
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
