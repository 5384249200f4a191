"""What gates tell each other over corosync's process group: one JSON object a message."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, Final

from cattrs import Converter

from fakecluster.cman.answers import FenceInfo

GROUP: Final = "cman-gate"
"""The name of the group, one for all gates of a cluster."""

_U32_MAX: Final = 2**32 - 1


class NoMessageError(ValueError):
    """What came from the group is no message of a gate."""


@dataclass(frozen=True, slots=True)
class PortChanged:
    """A client of the sender has bound or freed a port."""

    port: int
    opened: bool


@dataclass(frozen=True, slots=True)
class PortsAsked:
    """The sender wants to know the ports of a node."""

    to: int


@dataclass(frozen=True, slots=True)
class PortsTold:
    """All ports of the sender, to a node that asked."""

    to: int
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PortMessage:
    """A message of a client to a port."""

    to: int
    """A node id; 0: every node but the sender's."""
    port: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Fenced:
    """A fence daemon told the sender of a fenced node."""

    info: FenceInfo


@dataclass(frozen=True, slots=True)
class VotesChanged:
    """The sender has given a node other votes; votequorum tells nobody of fewer."""


Message = PortChanged | PortsAsked | PortsTold | PortMessage | Fenced | VotesChanged

_KINDS: Final[dict[str, type[Message]]] = {
    "port": PortChanged,
    "ports asked": PortsAsked,
    "ports": PortsTold,
    "data": PortMessage,
    "fenced": Fenced,
    "votes": VotesChanged,
}
_NAMES: Final = {message: kind for kind, message in _KINDS.items()}


def encode_message(message: Message) -> bytes:
    """Write a message."""
    kind = type(message)
    return json.dumps({"kind": _NAMES[kind], **_CONVERTER.unstructure(message)}).encode()


def decode_message(raw: bytes) -> Message:
    """Read a message.

    Raises:
        NoMessageError: it is none.
    """
    try:
        fields = json.loads(raw)
        return _CONVERTER.structure(fields, _KINDS[fields["kind"]])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NoMessageError(f"{len(raw)} bytes: {error}") from error


def _converter() -> Converter:
    made = Converter(detailed_validation=False)
    made.register_structure_hook(int, lambda value, _: _number(value))
    made.register_structure_hook(bool, lambda value, _: _flag(value))
    made.register_structure_hook(bytes, lambda value, _: base64.b64decode(value, validate=True))
    made.register_unstructure_hook(bytes, lambda value: base64.b64encode(value).decode())
    made.register_structure_hook(Fenced, _fenced)
    made.register_unstructure_hook(Fenced, _fenced_fields)
    return made


def _fenced(fields: dict[str, Any], _type: object) -> Fenced:
    agent = base64.b64decode(fields["agent"], validate=True).decode("utf-8", "surrogateescape")
    node_id, time_s = _number(fields["node"]), _number(fields["time_s"], maximum=2**64 - 1)
    return Fenced(info=FenceInfo(node_id=node_id, fenced=True, time_s=time_s, agent=agent))


def _fenced_fields(message: Fenced) -> dict[str, object]:
    info = message.info
    agent = base64.b64encode(info.agent.encode("utf-8", "surrogateescape")).decode()
    return {"node": info.node_id, "time_s": info.time_s, "agent": agent}


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise NoMessageError(f"{value!r} is neither true nor false")
    return value


def _number(value: object, *, maximum: int = _U32_MAX) -> int:
    if type(value) is not int or not 0 <= value <= maximum:
        raise NoMessageError(f"{value!r} is no number that can be meant")
    return value


_CONVERTER: Final = _converter()
