"""The settings file: TOML in, `DaemonSettings` out, or every problem at once with its key path."""

from __future__ import annotations

import ast
import difflib
import enum
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import attrs
from cattrs import Converter
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_mapping_structure_fn

from o2cbd import settings
from o2cbd.core.model import MAX_NUM
from o2cbd.core.reports import Severity
from o2cbd.core.rules import (
    SECOND_US,
    MajorityRule,
    NodeOverride,
    QuorumRule,
    RemovalRules,
    Rules,
    Scope,
    TableRules,
    Timing,
    TwoNodeRule,
)
from o2cbd.settings import DaemonSettings, Problem, SettingsError, ValueProblem
from o2cbd.settings_sections import (
    TIMING,
    Address,
    ClusterName,
    ClusterSection,
    DeadThreshold,
    FenceMethod,
    File,
    HeartbeatMode,
    Level,
    Micros,
    Milliseconds,
    Mode,
    NodeSection,
    Num,
    NumOffset,
    Path,
    Port,
    Ring,
    Settle,
    StopGrace,
    SubnetText,
    Text,
)

KERNEL_IDLE_TIMEOUT_MS = 30000
KERNEL_KEEPALIVE_DELAY_MS = 2000
"""What a new cluster directory reads (seen on 6.1); they reset with each mkdir of the cluster."""

MAX_MS = 2**32 - 2
"""The kernel answers ERANGE to 4294967295 (seen on 6.1)."""
MIN_DEAD_THRESHOLD = 3
"""The kernel takes a write of 2 or less and silently ignores it."""
MAX_DEAD_THRESHOLD = 2**31 - 1

MAX_RING = 7
"""Corosync has eight links at the most, cman two."""

MAX_NODE_ID = 2**32 - 1
"""Node ids are 32-bit numbers."""

MIN_SECONDS = 0.01
MAX_SECONDS = 86400.0
MAX_STOP_GRACE_SECONDS = 4.5
"""SIGTERM is done within 5 s."""


def load(path: str) -> DaemonSettings:
    """Read and check a settings file.

    Raises:
        OSError: it cannot be read.
        SettingsError: something in it is wrong; it names all that is.
    """
    with open(path, "rb") as stream:  # noqa: PTH123 - pathlib costs more start than it gives here
        content = stream.read()
    try:
        data = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(path, (Problem(path="", text=f"no TOML: {error}"),)) from None
    return from_data(data, origin=path)


def from_data(data: Mapping[str, object], *, origin: str) -> DaemonSettings:
    """Check what a TOML file held.

    Args:
        data: the parsed file.
        origin: the name by which problems call it.

    Raises:
        SettingsError: something in it is wrong; it names all that is.
    """
    problems: list[Problem] = []
    parsed = File()
    try:
        parsed = _make_converter().structure(data, File)
    except ExceptionGroup as group:
        problems += _problems_in(group, ())
    problems += _cross_problems(data)
    if problems:
        raise SettingsError(origin, tuple(sorted(problems, key=lambda problem: problem.path)))
    return _settings_of(parsed, origin)


def _settings_of(file: File, origin: str) -> DaemonSettings:
    timing, source = file.timing, file.membership.source
    return DaemonSettings(
        source=source,
        scope_chosen=file.table.scope is not None,
        libcman=file.membership.libcman,
        cluster_conf=file.membership.cluster_conf,
        rules=Rules(
            cluster=file.cluster.name,
            o2cb_name=file.cluster.o2cb_name,
            table=TableRules(
                scope=file.table.scope or settings.DEFAULT_SCOPES[source],
                port=file.table.port,
                num_offset=file.table.num_offset,
                settings_file=origin,
                ring=file.membership.ring,
                subnet=file.membership.subnet,
                nodes=MappingProxyType(
                    {
                        name: NodeOverride(address=node.address, port=node.port, num=node.num)
                        for name, node in file.nodes.items()
                    }
                ),
            ),
            removals=RemovalRules(
                quorum=file.removals.quorum,
                two_node=file.removals.two_node,
                majority=file.removals.majority,
                settle_us=file.removals.settle_s,
            ),
            attributes=MappingProxyType(_attributes_of(file.cluster)),
            timing=Timing(
                resync_us=timing.resync_s,
                retry_first_us=timing.retry_first_s,
                retry_max_us=timing.retry_max_s,
                pinned_retry_us=timing.pinned_retry_s,
                hold_retry_us=timing.hold_retry_s,
                hold_warn_us=timing.hold_warn_s,
            ),
        ),
        paths=settings.Paths(**attrs.asdict(file.paths)),
        hold=settings.HoldSettings(name=file.hold.name, mode=file.hold.mode),
        log=settings.LogSettings(
            format=file.log.format, level=Severity[file.log.level.value.upper()]
        ),
        timing=settings.ServiceTiming(
            stuck_after_us=timing.stuck_after_s, stop_grace_us=timing.stop_grace_s
        ),
    )


def _attributes_of(cluster: ClusterSection) -> dict[str, str]:
    """Return the attributes that were set, by their configfs names."""
    values: dict[str, int | enum.Enum | None] = {
        "idle_timeout_ms": cluster.idle_timeout_ms,
        "keepalive_delay_ms": cluster.keepalive_delay_ms,
        "reconnect_delay_ms": cluster.reconnect_delay_ms,
        "fence_method": cluster.fence_method,
        "heartbeat/dead_threshold": cluster.dead_threshold,
        "heartbeat/mode": cluster.heartbeat_mode,
    }
    return {
        name: str(value.value if isinstance(value, enum.Enum) else value)
        for name, value in values.items()
        if value is not None
    }


# What no single value shows: judged on the raw data, so that it is told together with the rest.


def _cross_problems(data: Mapping[str, object]) -> Iterator[Problem]:
    cluster = _table(data, "cluster")
    idle = cluster.get("idle_timeout_ms", KERNEL_IDLE_TIMEOUT_MS)
    keepalive = cluster.get("keepalive_delay_ms", KERNEL_KEEPALIVE_DELAY_MS)
    if _is_number(idle) and _is_number(keepalive) and idle <= keepalive:
        path = "idle_timeout_ms" if "idle_timeout_ms" in cluster else "keepalive_delay_ms"
        text = f"idle_timeout_ms ({idle}) must be over keepalive_delay_ms ({keepalive})"
        yield Problem(path=f"cluster.{path}", text=text)
    membership = _table(data, "membership")
    if "ring" in membership and "subnet" in membership:
        text = "ring and subnet both choose the address: give one of them"
        yield Problem(path="membership.subnet", text=text)
    timing = _table(data, "timing")
    first = timing.get("retry_first_s", TIMING.retry_first_us / SECOND_US)
    last = timing.get("retry_max_s", TIMING.retry_max_us / SECOND_US)
    if _is_number(first) and _is_number(last) and first > last:
        text = f"retry_first_s ({first:g}) must not be over retry_max_s ({last:g})"
        yield Problem(path="timing.retry_first_s", text=text)
    name = cluster.get("name")
    if name and isinstance(name, str) and "o2cb_name" not in cluster:
        try:
            settings.check_cluster_name(name)
        except ValueProblem as problem:
            text = f"{problem}; if the manager's is so, give OCFS2's with o2cb_name"
            yield Problem(path="cluster.name", text=text)
    yield from _node_problems(data)


def _node_problems(data: Mapping[str, object]) -> Iterator[Problem]:
    owners: dict[tuple[str, object], str] = {}
    for name in sorted(nodes := _table(data, "nodes")):
        try:
            settings.check_node_name(name)
        except ValueProblem as problem:
            yield Problem(path=_render(("nodes", name)), text=str(problem))
        for key in ("address", "num"):
            value = _table(nodes, name).get(key)
            if not isinstance(value, str | int):
                continue
            if owners.setdefault((key, value), name) != name:
                text = f"{value} is the {key} of {owners[key, value]}, too"
                yield Problem(path=_render(("nodes", name, key)), text=text)


def _table(data: Mapping[str, object], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


# One check a type: strict, since cattrs would take "7777" or true for an int.


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueProblem(f"must be a whole number, not {_kind(value)}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueProblem(f"must be a text, not {_kind(value)}")
    if not value or "\0" in value:
        raise ValueProblem("must not be empty")
    return value


def _in_range(value: int, lowest: int, highest: int) -> int:
    if not lowest <= value <= highest:
        raise ValueProblem(f"{value} is outside {lowest}..{highest}")
    return value


def _micros(value: object, highest_s: float, lowest_s: float = MIN_SECONDS) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueProblem(f"must be a number of seconds, not {_kind(value)}")
    if not lowest_s <= value <= highest_s:  # also false for nan
        raise ValueProblem(f"{value:g} s is outside {lowest_s:g}..{highest_s:g} s")
    return round(value * SECOND_US)


_CHECKS: dict[object, Callable[[object], object]] = {
    Port: lambda value: settings.check_port(_integer(value)),
    Num: lambda value: settings.check_num(_integer(value)),
    NumOffset: lambda value: _in_range(_integer(value), -MAX_NODE_ID, MAX_NUM),
    Ring: lambda value: _in_range(_integer(value), 0, MAX_RING),
    SubnetText: lambda value: settings.check_subnet(_text(value)),
    Address: lambda value: settings.check_address(_text(value)),
    ClusterName: lambda value: settings.check_cluster_name(_text(value)),
    Text: _text,
    Path: lambda value: settings.check_path(_text(value)),
    Mode: lambda value: settings.check_mode(_text(value)),
    Milliseconds: lambda value: _in_range(_integer(value), 1, MAX_MS),
    DeadThreshold: lambda value: _in_range(_integer(value), MIN_DEAD_THRESHOLD, MAX_DEAD_THRESHOLD),
    Micros: lambda value: _micros(value, MAX_SECONDS),
    Settle: lambda value: _micros(value, MAX_SECONDS, 0),
    StopGrace: lambda value: _micros(value, MAX_STOP_GRACE_SECONDS),
}


_CHOICES: tuple[type[enum.Enum], ...] = (
    settings.Source,
    settings.LogFormat,
    FenceMethod,
    HeartbeatMode,
    Level,
    Scope,
    QuorumRule,
    TwoNodeRule,
    MajorityRule,
)


def _choice(value: object, kind: type[enum.Enum]) -> enum.Enum:
    names = [member.value for member in kind]
    if value not in names:
        wanted = " or ".join(f'"{name}"' for name in names)
        raise ValueProblem(f"must be {wanted}, not {_kind(value)}")
    return kind(value)


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    return json.dumps(value, default=str, ensure_ascii=False)


def _tables_only(fill: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, wanted: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueProblem(f"must be a table, not {_kind(value)}")
        return fill(value, wanted)

    return structure


def _make_converter() -> Converter:
    converter = Converter()

    def register(wanted: object, check: Callable[[object], object]) -> None:
        converter.register_structure_hook_func(
            lambda kind: kind == wanted, lambda value, _kind: check(value)
        )

    def section_hook(kind: Any) -> Callable[[Any, Any], Any]:
        return _tables_only(make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True))

    converter.register_structure_hook_factory(attrs.has, section_hook)
    for choice in _CHOICES:
        converter.register_structure_hook(choice, _choice)
    for wanted, check in _CHECKS.items():
        register(wanted, check)
    nodes = dict[str, NodeSection]
    fill_nodes = _tables_only(make_mapping_structure_fn(nodes, converter))
    register(nodes, lambda value: fill_nodes(value, nodes))
    return converter


def _problems_in(error: Exception, path: tuple[str, ...]) -> Iterator[Problem]:
    """Flatten what cattrs collected; the key of each error is in its note."""
    if isinstance(error, ExceptionGroup):
        for inner in error.exceptions:
            yield from _problems_in(inner, (*path, *_key_of(inner)))
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl)]
        for key in sorted(error.extra_fields):
            close = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
            hint = f', did you mean "{close[0]}"?' if close else ""
            yield Problem(path=_render((*path, key)), text=f"unknown key{hint}")
    else:
        yield Problem(path=_render(path), text=str(error))


_NOTE = re.compile(r" @ (?P<what>attribute|key) (?P<key>.*)$", re.DOTALL)


def _key_of(error: Exception) -> tuple[str, ...]:
    """Return the key that cattrs noted on the error, none where it noted none."""
    for note in getattr(error, "__notes__", ()):
        found = _NOTE.search(note)
        if found is not None:
            key = found["key"]
            return (key if found["what"] == "attribute" else ast.literal_eval(key),)
    return ()


def _render(path: tuple[str, ...]) -> str:
    """Write a key path as TOML would."""
    return ".".join(
        key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
        for key in path
    )
