"""Verbs as text: rows of a scenario file, requests on a control socket, details of a trace.

Reading collects everything that is wrong, in words for whoever wrote it. One loop over a verb's
arguments does what cattrs would, and keeps the two vocabularies apart: a request may call an
argument by another name, mean the opposite, or count in another unit (`verbs.Spelled`).
"""

from __future__ import annotations

import difflib
import errno
import ipaddress
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import address_problems
from fakecluster.configfs.callnames import checked
from fakecluster.rules_table import RULES_KEYS, read_rules, rules_fields
from fakecluster.toml_table import TomlTable
from fakecluster.verbs import (
    ANY_CALL,
    ANY_CHANGE,
    REQUIRED,
    VERBS,
    Argument,
    Command,
    CrashDaemonAt,
    Kind,
    Verb,
    arguments_of,
)
from o2cbd.core.records import Value
from o2cbd.core.reports import symbol

NodeOf = Callable[[str], int]
"""Gives the id of a node that is named by id or name; raises ValueError."""


class RequestError(ValueError):
    """A request that cannot be understood; its text has all that is wrong."""


# --- scenario files -----------------------------------------------------------------------------


def read_verb(
    row: dict[str, Any], where: str, problems: list[str], beside: Collection[str] = ()
) -> Verb | None:
    """Read a verb and its arguments from a parsed row.

    Args:
        row: `do` is the verb, the others are its arguments.
        where: the key path of the row, before each problem.
        problems: takes all that is wrong.
        beside: other keys that the row may have.

    Returns:
        None, and a note among the problems, when it cannot be read.
    """
    word = row.get("do")
    known = VERBS.get(word) if isinstance(word, str) else None
    if known is None:
        near = difflib.get_close_matches(str(word), VERBS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        problems.append(f"{where}do: there is no verb {word!r}{hint}")
        return None
    arguments = [one for one in arguments_of(known) if one.spelled.in_file]
    before = len(problems)
    table = TomlTable(row, where, (*beside, "do", *(one.name for one in arguments)), problems)
    given: dict[str, Any] = {}
    for one in arguments:
        if one.name in table:
            given[one.name] = _file_value(table, one)
        elif one.required:
            table.complain(one.name, f"is missing ({one.kind.value})")
    return None if len(problems) > before else known(**given)


def verb_row(verb: Verb, given: Collection[str] = ()) -> dict[str, Any]:
    """Return a verb as a row of a file, without the arguments that are as usual.

    Args:
        verb: which.
        given: arguments that are written though they are as usual.
    """
    row: dict[str, Any] = {"do": verb.word}
    for one in arguments_of(type(verb)):
        value = getattr(verb, one.name)
        if one.spelled.in_file and (value != one.default or one.name in given):
            row[one.name] = _plain(one.kind, value)
    return row


def _file_value(table: TomlTable, one: Argument) -> Any:
    if one.kind is Kind.NODE:
        return table.count(one.name, 1, least=1)
    value = _value(table, one.name, one.kind, _file_text)
    if one.kind is Kind.ADDRESSES:
        table.problems += address_problems(value, table.where.rstrip("."))
    return value


def _file_text(table: TomlTable, key: str, kind: Kind) -> Any:
    text = _text(table, key)
    try:
        return None if text is None else _READ[kind](text)
    except ValueError:
        table.complain(key, f"{text!r} is not {kind.value}")
        return None


# --- requests -----------------------------------------------------------------------------------


def read_request(command: Command, fields: Mapping[str, Any], node_of: NodeOf) -> Verb:
    """Read the verb of a request; fields that nobody knows are let pass.

    Args:
        command: the request's word.
        fields: the request; what is None is not given.
        node_of: finds the nodes that it names.

    Raises:
        RequestError: with everything that is wrong.
    """
    row = {name: value for name, value in fields.items() if value is not None}
    table = TomlTable(row, "", row)
    given: dict[str, Any] = dict(command.fixed)
    for one in arguments_of(command.verb):
        if one.spelled.request is None:
            continue
        if one.request in table:
            given[one.name] = _request_value(table, one, node_of)
        elif one.without is not REQUIRED:
            usual = one.without
            given[one.name] = usual(given) if callable(usual) else usual
        else:
            table.complain(one.request, f"is missing ({one.kind.value})")
    if command.verb is CrashDaemonAt and isinstance(row.get("call"), str):
        given |= _nth_call(row["call"], table.problems)
    if table.problems:
        raise RequestError("; ".join(table.problems))
    return command.verb(**given)


def request_of(verb: Verb) -> tuple[str, dict[str, Any]]:
    """Return the word of a request for a verb, and its fields; every node by its id.

    Raises:
        ValueError: no request means just this.
    """
    for command in type(verb).commands():
        if all(getattr(verb, name) == value for name, value in command.fixed.items()):
            fields = _request_fields(verb)
            if read_request(command, fields, int) == verb:
                return command.word, fields
    raise ValueError(f"no request means {verb}")


def _request_fields(verb: Verb) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for one in arguments_of(type(verb)):
        value = getattr(verb, one.name)
        if one.spelled.request is None or value is None:
            continue
        plain = _plain(one.kind, value)
        if one.kind is Kind.NODE:
            plain = str(value)
        elif one.spelled.negated:
            plain = not value
        elif one.spelled.scale != 1:
            plain = value // one.spelled.scale
        fields[one.request] = plain
    if isinstance(verb, CrashDaemonAt):
        fields["call"] = f"{verb.call}:{verb.nth}"
    return fields


def _request_value(table: TomlTable, one: Argument, node_of: NodeOf) -> Any:
    key = one.request
    match one.kind:
        case Kind.NODE:
            text = _some_text(table, key)
            return None if text is None else _node(table, text, node_of)
        case Kind.NODES:
            return tuple(_node(table, str(each), node_of) for each in table.numbers(key))
        case Kind.CRASH_CALL:
            return table.text(key, "")  # with its count: see `_nth_call`
        case _:
            value = _value(table, key, one.kind, _request_text)
    if one.spelled.negated:
        return not value
    return value * one.spelled.scale if one.spelled.scale != 1 else value


def _some_text(table: TomlTable, key: str) -> str | None:
    text = _text(table, key)
    if not text and text is not None:
        table.complain(key, "'' is no text")
        return None
    return text


def _node(table: TomlTable, text: str, node_of: NodeOf) -> int:
    try:
        return node_of(text)
    except ValueError as error:
        table.problems.append(str(error))
        return 0


def _request_text(table: TomlTable, key: str, kind: Kind) -> Any:
    text = _some_text(table, key)
    read = {Kind.ERRNO: errno_of, Kind.GROUPS: groups_of}.get(kind) or _READ[kind]
    try:
        return None if text is None else read(text)
    except ValueError as error:
        table.problems.append(f"{key}: {error}" if kind is Kind.ADDRESS else str(error))
        return None


def errno_of(text: str) -> int:
    """Return the errno that a symbol (`EBUSY`, in any case) or a number means.

    Raises:
        ValueError: there is no such errno.
    """
    number = int(text) if text.isascii() and text.isdigit() else _NUMBERS.get(text.upper(), 0)
    if number not in errno.errorcode:
        raise ValueError(f"{text!r} is no errno")
    return number


def _nth_call(text: str, problems: list[str]) -> dict[str, Any]:
    """Return the call and the count of `rmdir:3`; without a count it is the next such call."""
    call, _, count = text.rpartition(":")
    if not call or not (count.isascii() and count.isdigit()):
        call, count = text, "1"
    if not call or int(count) < 1:
        problems.append(f"{text!r} names no call like mkdir or write:num:2")
        return {}
    try:
        return {"call": checked(call), "nth": int(count)}
    except ValueError as error:
        problems.append(str(error))
        return {}


# --- traces -------------------------------------------------------------------------------------


def trace_detail(verb: Verb) -> dict[str, Value]:
    """Return what a trace notes of a verb beside its word and its node."""
    return {
        one.spelled.trace or one.name: _traced(one.kind, getattr(verb, one.name))
        for one in arguments_of(type(verb))
        if one.spelled.trace is not None
    }


def _traced(kind: Kind, value: Any) -> Value:
    if kind is Kind.ADDRESSES:
        return ",".join(value)
    if kind is Kind.ERRNO:
        return symbol(value)
    plain: Value = None if value is None else _plain(kind, value)
    return plain


# --- values -------------------------------------------------------------------------------------


def _value(  # noqa: PLR0911 - one arm a kind
    table: TomlTable, key: str, kind: Kind, text: Callable[[TomlTable, str, Kind], Any]
) -> Any:
    match kind:
        case Kind.COUNT:
            return table.count(key, 1, least=1)
        case Kind.NUMBER:
            return table.count(key, 0)
        case Kind.PERCENT:
            return min(table.count(key, 0), 100)
        case Kind.FLAG:
            return table.flag(key, default=False)
        case Kind.ADDRESSES:
            return table.texts(key)
        case Kind.RULES:
            return read_rules(table.table(key, RULES_KEYS))
        case Kind.FAULT:
            return NoticeFault(table.word(key, "drop", [fault.value for fault in NoticeFault]))
        case _:
            return text(table, key, kind)


def _text(table: TomlTable, key: str) -> str | None:
    """Return a text; None, and a note among the problems, where it is something else."""
    before = len(table.problems)
    text = table.text(key, "")
    return text if len(table.problems) == before else None


def _plain(kind: Kind, value: Any) -> Any:
    """Return a value as TOML and JSON hold it."""
    match kind:
        case Kind.ERRNO:
            return symbol(value)
        case Kind.FAULT:
            return value.value
        case Kind.GROUPS:
            return groups_text(value)
        case Kind.RULES:
            return rules_fields(value)
        case Kind.ADDRESSES | Kind.NODES:
            return list(value)
        case _:
            return value


_NUMBERS: Final = {symbol: number for number, symbol in errno.errorcode.items()}


def _number_of(symbol: str) -> int:
    if symbol not in _NUMBERS:
        raise ValueError(f"{symbol!r} is no errno")
    return _NUMBERS[symbol]


def groups_of(text: str) -> tuple[tuple[int, ...], ...]:
    """Return the groups of a partition: `1,2/3` is two groups.

    Raises:
        ValueError: it is something else.
    """
    try:
        return tuple(
            tuple(int(each) for each in group.split(",") if each) for group in text.split("/")
        )
    except ValueError:
        raise ValueError(f"{text!r} are no groups of node ids like 1,2/3") from None


def _groups_of_nodes(text: str) -> tuple[tuple[int, ...], ...]:
    """Return groups as a file has them: a node in every place."""
    return tuple(tuple(map(int, group.split(","))) for group in text.split("/"))


def groups_text(groups: Collection[Collection[int]]) -> str:
    """Return the text of groups: the reverse of `groups_of`."""
    return "/".join(",".join(map(str, group)) for group in groups)


def _address(text: str) -> str:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no numeric address") from None
    return text


def _crash_call(name: str) -> str:
    return name if name in {ANY_CALL, ANY_CHANGE} else checked(name)


_READ: Final[Mapping[Kind, Callable[[str], Any]]] = MappingProxyType(
    {
        Kind.TEXT: str,
        Kind.NAME: str,
        Kind.ERRNO: _number_of,
        Kind.GROUPS: _groups_of_nodes,
        Kind.ADDRESS: _address,
        Kind.CALL: checked,
        Kind.CRASH_CALL: _crash_call,
    }
)
"""What reads a text of a kind, or raises ValueError."""
