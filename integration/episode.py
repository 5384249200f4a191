"""An episode: operations on one configfs, from an empty one to an empty one; standard library only.

Both sides play it alike, and what they answer is compared.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fakecluster.conformance.configfs_operator import RowOperator
from fakecluster.conformance.configfs_row import Op
from fakecluster.conformance.configfs_rows import clear
from integration.random_values import CLUSTER

NOT_OPEN = "not open"
"""What an operation on a handle answers that nobody opened."""

A_PID = "=a pid\n"
"""What stands for the pid of a heartbeat thread, which differs each time."""

_DATA_SHOWN = 40


class EpisodeError(ValueError):
    """What should be an episode is none; the text says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Operations that belong together."""

    name: str
    operations: tuple[Op, ...]


def made(operator: RowOperator, one: Op) -> str:
    """Do one operation; what it answered, without what differs each time."""
    try:
        answer = operator.do(one)
    except KeyError:
        return NOT_OPEN
    if one.path.endswith("/pid") and answer[1:].strip().isdigit():
        return A_PID
    return answer


def play(operator: RowOperator, operations: Iterable[Op]) -> tuple[str, ...]:
    """Play an episode from an empty configfs, and leave an empty one; an answer an operation.

    Raises:
        OSError: what was there before, or is left, cannot be cleared away.
    """
    # What is module-wide is set back through a cluster, so there must be one.
    operator.do(Op(call="mkdir", path=CLUSTER))
    clear(operator)
    answers = tuple([made(operator, one) for one in operations])
    clear(operator)
    return answers


def shown(one: Op) -> str:
    """An operation as a reader wants to see it beside its answer."""
    data = repr(one.data[:_DATA_SHOWN]) if one.data else ""
    who = "(not root)" if one.not_root else ""
    words = [one.call, one.handle, one.path, one.to, data, who]
    return " ".join(word for word in words if word)


# ---- as text

_DEFAULTS = dataclasses.asdict(Op(call=""))


def encode_operations(operations: Iterable[Op]) -> str:
    """Operations as one line of JSON: an object each, without what is as usual."""
    plain = [
        {name: value for name, value in dataclasses.asdict(one).items() if value != _DEFAULTS[name]}
        for one in operations
    ]
    return json.dumps(plain, separators=(",", ":"), sort_keys=True)


def decode_operations(text: str) -> tuple[Op, ...]:
    """Operations out of their JSON.

    Raises:
        EpisodeError: it is not that.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise EpisodeError(f"not JSON: {error}") from None
    if not isinstance(found, list):
        raise EpisodeError("not a list of operations")
    return tuple(_operation(number, fields) for number, fields in enumerate(found, start=1))


def _operation(number: int, fields: Mapping[str, Any]) -> Op:
    try:
        one = Op(**fields)
    except TypeError as error:
        raise EpisodeError(f"operation {number}: {error}") from None
    for name, usual in _DEFAULTS.items():
        if type(getattr(one, name)) is not type(usual):
            raise EpisodeError(f"operation {number}: {name} is not of type {type(usual).__name__}")
    return one
