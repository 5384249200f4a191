"""What gates tell each other over corosync's process group: one JSON object a message."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fakecluster.cman.answers import FenceInfo

GROUP: Final = "cman-gate"
"""The name of the group, one for all gates of a cluster."""

_U32_MAX: Final = 2**32 - 1


class NoMessageError(ValueError):
    """What came from the group is no message of a gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortChanged:
    """A client of the sender has bound or freed a port."""

    port: int
    opened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PortsAsked:
    """The sender wants to know the ports of a node."""

    to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PortsTold:
    """All ports of the sender, to a node that asked."""

    to: int
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PortMessage:
    """A message of a client to a port."""

    to: int
    """A node id; 0: every node but the sender's."""
    port: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fenced:
    """A fence daemon told the sender of a fenced node."""

    info: FenceInfo


@dataclass(frozen=True, slots=True)
class VotesChanged:
    """The sender has given a node other votes; votequorum tells nobody of fewer."""


Message = PortChanged | PortsAsked | PortsTold | PortMessage | Fenced | VotesChanged


def encode_message(message: Message) -> bytes:
    """Write a message."""
    match message:
        case PortChanged(port=port, opened=opened):
            fields: dict[str, object] = {"kind": "port", "port": port, "opened": opened}
        case PortsAsked(to=to):
            fields = {"kind": "ports asked", "to": to}
        case PortsTold(to=to, ports=ports):
            fields = {"kind": "ports", "to": to, "ports": ports}
        case PortMessage(to=to, port=port, payload=payload):
            text = base64.b64encode(payload).decode()
            fields = {"kind": "data", "to": to, "port": port, "payload": text}
        case Fenced(info=info):
            fields = {"kind": "fenced", "node": info.node_id, "time_s": info.time_s}
            fields["agent"] = base64.b64encode(
                info.agent.encode("utf-8", "surrogateescape")
            ).decode()
        case VotesChanged():
            fields = {"kind": "votes"}
    return json.dumps(fields).encode()


def decode_message(raw: bytes) -> Message:
    """Read a message.

    Raises:
        NoMessageError: it is none.
    """
    try:
        fields = json.loads(raw)
        return _message(fields)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise NoMessageError(f"{len(raw)} bytes: {error}") from error


def _message(fields: Mapping[str, Any]) -> Message:
    match fields["kind"]:
        case "port":
            opened = fields["opened"]
            if type(opened) is not bool:
                raise NoMessageError(f"opened is {opened!r}")
            return PortChanged(port=_number(fields["port"]), opened=opened)
        case "ports asked":
            return PortsAsked(to=_number(fields["to"]))
        case "ports":
            ports = tuple(map(_number, fields["ports"]))
            return PortsTold(to=_number(fields["to"]), ports=ports)
        case "data":
            payload = base64.b64decode(fields["payload"], validate=True)
            return PortMessage(
                to=_number(fields["to"]), port=_number(fields["port"]), payload=payload
            )
        case "fenced":
            agent = base64.b64decode(fields["agent"], validate=True)
            return Fenced(
                info=FenceInfo(
                    node_id=_number(fields["node"]),
                    fenced=True,
                    time_s=_number(fields["time_s"], maximum=2**64 - 1),
                    agent=agent.decode("utf-8", "surrogateescape"),
                )
            )
        case "votes":
            return VotesChanged()
        case kind:
            raise NoMessageError(f"a message of kind {kind!r}")


def _number(value: object, *, maximum: int = _U32_MAX) -> int:
    if type(value) is not int or not 0 <= value <= maximum:
        raise NoMessageError(f"{value!r} is no number that can be meant")
    return value
