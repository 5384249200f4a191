"""Calls by the thousand: every value, then random sequences, the same on a kernel and on the fake.

Made by both sides from the same seed; standard library only. Two things can crash a kernel and are
never made: an address that reads as `0.0.0.0`, and `local=0` while there is a region. A sequence
therefore has regions or writes to `local`, never both.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from fakecluster.conformance.configfs_operator import Operator
from fakecluster.conformance.configfs_row import Op
from integration.storm_values import CLUSTER, CLUSTER_VALUES, op, reset, values

_NODES = ("n0", "n1", "n2", "n3", "-n", "n 5", "ü", "x" * 64, "x" * 65, "x" * 256)
_REGIONS = ("r0", "r1", "r" * 32, "r" * 33)
_ATTRIBUTES = ("num", "ipv4_port", "ipv4_address", "local", "nothing")
_VALUES = {
    "num": ("0", "1", "2", "2\n", "254", "255", "x", ""),
    "ipv4_port": ("7777", "7777\n", "7778", "0", "65535", ""),
    "ipv4_address": ("10.77.0.1", "10.77.0.1\n", "10.77.0.2", "127.0.0.3", "9.9.9", ""),
    "local": ("1", "1\n", "0", "2", "x", ""),
    "nothing": ("1",),
}
_PLACES = ("", "/node", "/heartbeat", "/foo", "/fence_method", "/node/n0", "/node/n1",
           "/node/n0/num", "/node/n1/local", "/node/n0/x", "/node/n0/num/x", "/heartbeat/mode",
           "/heartbeat/r0", "/heartbeat/r0/pid")  # fmt: skip
_TARGETS = (*(CLUSTER + place for place in _PLACES), "cluster/d", "cluster/nowhere/at/all")
_ODD = ("unlink", "rename", "symlink", "link", "truncate", "create", "mkdir", "rmdir", "stat",
        "order", "get")  # fmt: skip
_HANDLES = ("a", "b")
NOT_OPEN = "not open"

ChoiceT = TypeVar("ChoiceT")


class _Draw:
    """One random sequence in the making."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a test's choice, not a secret
        self._regions = self._random.randrange(3) == 0
        self._kinds: tuple[tuple[int, Callable[[], list[Op]]], ...] = (
            (18, lambda: [op("mkdir", self._node())]),
            (10, lambda: [op("rmdir", self._node())]),
            (30, self._put),
            (8, lambda: [op("get", f"{self._node()}/{self._of(_ATTRIBUTES)}")]),
            (8, self._handle),
            (6, self._region),
            (6, self._attribute),
            (4, self._cluster),
            (10, self._odd),
        )

    def calls(self) -> list[Op]:
        """Draw one call, or two that belong together."""
        at = self._random.randrange(sum(weight for weight, _ in self._kinds))
        for weight, make in self._kinds:
            if at < weight:
                return make()
            at -= weight
        raise AssertionError("the weights are what they are the sum of")

    def _of(self, choices: Sequence[ChoiceT]) -> ChoiceT:
        return choices[self._random.randrange(len(choices))]

    def _node(self) -> str:
        return (
            f"{CLUSTER}/node/{self._of(_NODES if self._random.randrange(4) == 0 else _NODES[:4])}"
        )

    def _put(self) -> list[Op]:
        name = self._of(_ATTRIBUTES[:3] if self._regions else _ATTRIBUTES)
        return [op("put", f"{self._node()}/{name}", data=self._of(_VALUES[name]))]

    def _handle(self) -> list[Op]:
        handle = self._of(_HANDLES)
        match self._random.randrange(5):
            case 0 | 1:
                path = f"{self._node()}/{self._of(_ATTRIBUTES[:3])}"
                return [op("close", handle=handle), op("open", path, data="rw", handle=handle)]
            case 2:
                return [op("rewind", handle=handle), op("read", handle=handle)]
            case 3:
                return [op("write", handle=handle, data=self._of(("1", "7777", "x")))]
            case _:
                return [op("read", handle=handle)]

    def _region(self) -> list[Op]:
        region = f"{CLUSTER}/heartbeat/{self._of(_REGIONS)}"
        call = self._of(("mkdir", "mkdir", "rmdir", "order")) if self._regions else "stat"
        return [op(call, region)]

    def _attribute(self) -> list[Op]:
        name = self._of(tuple(CLUSTER_VALUES))
        return [op("put", f"{CLUSTER}/{name}", data=self._of(CLUSTER_VALUES[name]))]

    def _cluster(self) -> list[Op]:
        return [op(self._of(("mkdir", "rmdir")), self._of((CLUSTER, CLUSTER, "cluster/d")))]

    def _odd(self) -> list[Op]:
        call, path = self._of(_ODD), self._of(_TARGETS)
        if call == "mkdir" and "/heartbeat/" in path and not self._regions:
            call = "stat"
        other = self._of(_TARGETS) if call in {"rename", "symlink", "link"} else ""
        return [op(call, path, to=other)]


def sequence(seed: str, length: int) -> Iterator[Op]:
    """One random sequence, from an empty configfs to an empty configfs."""
    draw = _Draw(seed)
    yield op("mkdir", CLUSTER)
    for _ in range(length):
        yield from draw.calls()
    yield from _closing()


def _closing() -> Iterator[Op]:
    """See all that there is, and take it away."""
    for handle in _HANDLES:
        yield op("close", handle=handle)
    for path in ("cluster", CLUSTER, f"{CLUSTER}/node", f"{CLUSTER}/heartbeat"):
        yield op("order", path)
        yield op("stat", path)
    for name in _NODES[:8]:
        for attribute in _ATTRIBUTES[:4]:
            yield op("get", f"{CLUSTER}/node/{name}/{attribute}")
        yield op("rmdir", f"{CLUSTER}/node/{name}")
    for name in _REGIONS[:3]:
        yield op("rmdir", f"{CLUSTER}/heartbeat/{name}")
    for name in CLUSTER_VALUES:
        yield op("get", f"{CLUSTER}/{name}")
    yield from reset()
    yield op("rmdir", CLUSTER)
    yield op("rmdir", "cluster/d")
    yield op("order", "cluster")


def storm(seed: str, sequences: int, length: int) -> Iterator[Op]:
    """All values, then random sequences."""
    yield from values()
    for number in range(sequences):
        yield from sequence(f"{seed}/{number}", length)


def made(operator: Operator, one: Op) -> str:
    """Make one call; what it answered."""
    try:
        return operator.do(one)
    except KeyError:
        return NOT_OPEN


def shown(one: Op) -> str:
    """A call as a reader wants to see it beside its answer."""
    words = [one.call, one.path or one.handle, one.to, repr(one.data[:40]) if one.data else ""]
    return " ".join(word for word in words if word)
