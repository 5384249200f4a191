"""One deed of a scenario file, checked against its verb."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import address_problems
from fakecluster.configfs.callnames import checked
from fakecluster.faults import ANY_CALL, ANY_CHANGE
from fakecluster.scenario.model import Arg, Deed
from fakecluster.scenario.rules_table import RULES_KEYS, read_rules
from fakecluster.scenario.verbs import VERBS, Kind, groups_of, number_of
from fakecluster.toml_table import TomlTable


def read_deed(row: dict[str, Any], where: str, problems: list[str]) -> Deed | None:
    """Read a deed; None and a note among the problems when it cannot be."""
    verb = row.get("do")
    known = VERBS.get(verb) if isinstance(verb, str) else None
    if known is None or not isinstance(verb, str):
        near = difflib.get_close_matches(str(verb), VERBS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        problems.append(f"{where}do: there is no verb {verb!r}{hint}")
        return None
    before = len(problems)
    table = TomlTable(row, where, ("at_us", "do", *known.takes), problems)
    at_us = table.count("at_us", 0)
    args: dict[str, Arg] = {}
    for name, kind in known.takes.items():
        if name in table:
            args[name] = _value(table, name, kind)
        elif name in known.needs:
            table.complain(name, f"is missing ({kind.value})")
    if len(problems) > before:
        return None
    return Deed(at_us=at_us, verb=verb, args=MappingProxyType(args))


def _value(table: TomlTable, name: str, kind: Kind) -> Arg:  # noqa: PLR0911 - one arm a kind
    match kind:
        case Kind.NODE | Kind.COUNT:
            return table.count(name, 1, least=1)
        case Kind.NUMBER:
            return table.count(name, 0)
        case Kind.PERCENT:
            return min(table.count(name, 0), 100)
        case Kind.FLAG:
            return table.flag(name, default=False)
        case Kind.ADDRESSES:
            addresses = table.texts(name)
            table.problems += address_problems(addresses, table.where.rstrip("."))
            return addresses
        case Kind.RULES:
            return read_rules(table.table(name, RULES_KEYS))
        case Kind.FAULT:
            return table.word(name, "drop", [fault.value for fault in NoticeFault])
        case _:
            return _text(table, name, kind)


def _text(table: TomlTable, name: str, kind: Kind) -> str:
    text = table.text(name, "")
    try:
        _CHECKS.get(kind, str)(text)
    except (KeyError, ValueError):
        table.complain(name, f"{text!r} is not {kind.value}")
    return text


def _crash_call(name: str) -> str:
    return name if name in {ANY_CALL, ANY_CHANGE} else checked(name)


_CHECKS: Mapping[Kind, Callable[[str], object]] = MappingProxyType(
    {
        Kind.ERRNO: number_of,
        Kind.GROUPS: groups_of,
        Kind.ADDRESS: ipaddress.ip_address,
        Kind.CALL: checked,
        Kind.CRASH_CALL: _crash_call,
    }
)
"""What raises KeyError or ValueError where a text is not of its kind."""
