"""The settings file: TOML in, `DaemonSettings` out, or every problem at once with its key path.

Each key has one row: where its value goes, and what checks it. What is not written has the default
of `DaemonSettings`.
"""

from __future__ import annotations

import difflib
import enum
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from o2cbd.core.model import MAX_NUM, MAX_PORT
from o2cbd.core.names import address_problem, node_name_problem
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
from o2cbd.core.subnet import Subnet, parse_subnet
from o2cbd.settings import (
    DEFAULT_SCOPES,
    DaemonSettings,
    HoldSettings,
    LogFormat,
    LogSettings,
    Paths,
    Problem,
    ServiceTiming,
    SettingsError,
    Source,
    ValueProblem,
    check_cluster_name,
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

FIRST_MULTICAST_OCTET = 224
"""Addresses from 224.0.0.0 on belong to groups, or to nobody."""

MAX_MODE = 0o777
"""A semaphore set has permission bits only."""

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
        raise SettingsError(path, (Problem(path="", text=f"invalid TOML: {error}"),)) from None
    return from_data(data, origin=path)


def from_data(data: Mapping[str, object], *, origin: str) -> DaemonSettings:
    """Check what a TOML file held.

    Args:
        data: the parsed file.
        origin: the name by which problems call it.

    Raises:
        SettingsError: something in it is wrong; it names all that is.
    """
    found = _Found()
    found.read(data)
    problems = [*found.problems, *_cross_problems(data)]
    if problems:
        raise SettingsError(origin, tuple(sorted(problems, key=lambda problem: problem.path)))
    values = found.values
    source = values["settings"].get("source", DaemonSettings().source)
    scope = values["table"].pop("scope", None)
    return DaemonSettings(
        **values["settings"],
        scope_chosen=scope is not None,
        rules=Rules(
            **values["rules"],
            table=TableRules(
                **values["table"],
                scope=scope or DEFAULT_SCOPES[source],
                settings_file=origin,
                nodes=MappingProxyType(
                    {name: NodeOverride(**given) for name, given in found.nodes.items()}
                ),
            ),
            removals=RemovalRules(**values["removals"]),
            attributes=MappingProxyType(values["attributes"]),
            timing=Timing(**values["timing"]),
        ),
        paths=Paths(**values["paths"]),
        hold=HoldSettings(**values["hold"]),
        log=LogSettings(**values["log"]),
        timing=ServiceTiming(**values["service"]),
    )


class _Found:
    """What a file holds, as far as it is right, and what is wrong with the rest."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
        self.nodes: dict[str, dict[str, Any]] = {}
        self.problems: list[Problem] = []

    def read(self, data: Mapping[str, object]) -> None:
        """Take the whole file in."""
        self._unknown(data, (*KEYS, "nodes"), ())
        for section, keys in KEYS.items():
            table = self._table(data, section, ())
            self._unknown(table, keys, (section,))
            for name, (part, field, check) in keys.items():
                if name in table:
                    self._value(self.values[part], field, check, table[name], (section, name))
        nodes = self._table(data, "nodes", ())
        for node in nodes:
            table, given = self._table(nodes, node, ("nodes",)), self.nodes.setdefault(node, {})
            self._unknown(table, NODE_KEYS, ("nodes", node))
            for name, check in NODE_KEYS.items():
                if name in table:
                    self._value(given, name, check, table[name], ("nodes", node, name))

    def _table(
        self, data: Mapping[str, object], key: str, path: tuple[str, ...]
    ) -> Mapping[str, object]:
        value = data.get(key, {})
        if isinstance(value, dict):
            return value
        self._add((*path, key), f"must be a table, not {_kind(value)}")
        return {}

    def _unknown(
        self,
        table: Mapping[str, object],
        known: Mapping[str, object] | tuple[str, ...],
        path: tuple[str, ...],
    ) -> None:
        for key in table.keys() - set(known):
            close = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
            hint = f', did you mean "{close[0]}"?' if close else ""
            self._add((*path, key), f"unknown key{hint}")

    def _value(
        self, into: dict[str, Any], field: str, check: Check, value: object, path: tuple[str, ...]
    ) -> None:
        try:
            into[field] = check(value)
        except ValueProblem as problem:
            self._add(path, str(problem))

    def _add(self, path: tuple[str, ...], text: str) -> None:
        self.problems.append(Problem(path=_render(path), text=text))


# What no single value shows: judged on the raw data, so that it is told together with the rest.


def _cross_problems(data: Mapping[str, object]) -> Iterator[Problem]:
    cluster = _table(data, "cluster")
    idle = cluster.get("idle_timeout_ms", KERNEL_IDLE_TIMEOUT_MS)
    keepalive = cluster.get("keepalive_delay_ms", KERNEL_KEEPALIVE_DELAY_MS)
    if _is_number(idle) and _is_number(keepalive) and idle <= keepalive:
        path = "idle_timeout_ms" if "idle_timeout_ms" in cluster else "keepalive_delay_ms"
        text = f"idle_timeout_ms ({idle}) must be greater than keepalive_delay_ms ({keepalive})"
        yield Problem(path=f"cluster.{path}", text=text)
    membership = _table(data, "membership")
    if "ring" in membership and "subnet" in membership:
        text = "ring and subnet both choose the address: give one of them"
        yield Problem(path="membership.subnet", text=text)
    timing = _table(data, "timing")
    defaults = Timing()
    first = timing.get("retry_first_s", defaults.retry_first_us / SECOND_US)
    last = timing.get("retry_max_s", defaults.retry_max_us / SECOND_US)
    if _is_number(first) and _is_number(last) and first > last:
        text = f"retry_first_s ({first:g}) must not be greater than retry_max_s ({last:g})"
        yield Problem(path="timing.retry_first_s", text=text)
    name = cluster.get("name")
    if name and isinstance(name, str) and "o2cb_name" not in cluster:
        try:
            check_cluster_name(name)
        except ValueProblem as problem:
            text = f"{problem}; if it is the manager's name, set OCFS2's with o2cb_name"
            yield Problem(path="cluster.name", text=text)
    yield from _node_problems(data)


def _node_problems(data: Mapping[str, object]) -> Iterator[Problem]:
    owners: dict[tuple[str, object], str] = {}
    for name in sorted(nodes := _table(data, "nodes")):
        wrong = node_name_problem(name)
        if wrong is not None:
            yield Problem(path=_render(("nodes", name)), text=wrong)
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


# The checks: each returns the value as `DaemonSettings` has it, or raises ValueProblem.

Check = Callable[[object], object]


def _whole(value: object, *, lowest: int, highest: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueProblem(f"must be a whole number, not {_kind(value)}")
    if not lowest <= value <= highest:
        raise ValueProblem(f"{value} is outside {lowest}..{highest}")
    return value


def _micros(value: object, *, lowest: float = MIN_SECONDS, highest: float = MAX_SECONDS) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueProblem(f"must be a number of seconds, not {_kind(value)}")
    if not lowest <= value <= highest:  # also false for nan
        raise ValueProblem(f"{value:g} s is outside {lowest:g}..{highest:g} s")
    return round(value * SECOND_US)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueProblem(f"must be a string, not {_kind(value)}")
    if not value or "\0" in value:
        raise ValueProblem("must not be empty")
    return value


def _path(value: object) -> str:
    path = _text(value)
    if not path.startswith("/"):
        raise ValueProblem(f"{path!r} must be an absolute path")
    return path


def _address(value: object) -> str:
    address = _text(value)
    problem = address_problem(address)
    if problem is not None:
        raise ValueProblem(problem)
    if int(address.split(".", 1)[0]) >= FIRST_MULTICAST_OCTET:
        raise ValueProblem(f"{address} is not a single host's address")
    return address


def _subnet(value: object) -> Subnet:
    text = _text(value)
    try:
        return parse_subnet(text)
    except ValueError as error:
        raise ValueProblem(str(error)) from None


def _mode(value: object) -> int:
    text = _text(value)
    if text.strip("01234567"):
        raise ValueProblem(f'{text!r} must be an octal text like "0600"')
    mode = int(text, 8)
    if mode > MAX_MODE:
        raise ValueProblem(f"{text} is over {MAX_MODE:04o}")
    return mode


def _choice(choices: Mapping[str, object]) -> Check:
    def check(value: object) -> object:
        if not isinstance(value, str) or value not in choices:
            wanted = " or ".join(f'"{name}"' for name in choices)
            raise ValueProblem(f"must be {wanted}, not {_kind(value)}")
        return choices[value]

    return check


def _one_of(kind: type[enum.Enum]) -> Check:
    return _choice({member.value: member for member in kind})


def _attribute(check: Check) -> Check:
    """As text, which is what configfs has."""
    return lambda value: str(check(value))


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    return json.dumps(value, default=str, ensure_ascii=False)


def _render(path: tuple[str, ...]) -> str:
    """Write a key path as TOML would."""
    return ".".join(
        key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)
        for key in path
    )


_PORT: Final = partial(_whole, lowest=1, highest=MAX_PORT)
_MILLISECONDS: Final = _attribute(partial(_whole, lowest=1, highest=MAX_MS))
_DEAD_THRESHOLD: Final = _attribute(
    partial(_whole, lowest=MIN_DEAD_THRESHOLD, highest=MAX_DEAD_THRESHOLD)
)

PARTS: Final = (
    *("settings", "rules", "table", "removals", "attributes", "timing"),
    *("paths", "hold", "log", "service"),
)
"""The parts of `DaemonSettings` that values go to."""

KEYS: Final[Mapping[str, Mapping[str, tuple[str, str, Check]]]] = {
    "membership": {
        "source": ("settings", "source", _one_of(Source)),
        "libcman": ("settings", "libcman", _text),
        "cluster_conf": ("settings", "cluster_conf", _path),
        "ring": ("table", "ring", partial(_whole, lowest=0, highest=MAX_RING)),
        "subnet": ("table", "subnet", _subnet),
    },
    "cluster": {
        "name": ("rules", "cluster", _text),
        "o2cb_name": ("rules", "o2cb_name", lambda value: check_cluster_name(_text(value))),
        "idle_timeout_ms": ("attributes", "idle_timeout_ms", _MILLISECONDS),
        "keepalive_delay_ms": ("attributes", "keepalive_delay_ms", _MILLISECONDS),
        "reconnect_delay_ms": ("attributes", "reconnect_delay_ms", _MILLISECONDS),
        "fence_method": (
            *("attributes", "fence_method"),
            _choice({"reset": "reset", "panic": "panic"}),
        ),
        "dead_threshold": ("attributes", "heartbeat/dead_threshold", _DEAD_THRESHOLD),
        "heartbeat_mode": (
            *("attributes", "heartbeat/mode"),
            _choice({"local": "local", "global": "global"}),
        ),
    },
    "table": {
        "scope": ("table", "scope", _one_of(Scope)),
        "port": ("table", "port", _PORT),
        "num_offset": (
            *("table", "num_offset"),
            partial(_whole, lowest=-MAX_NODE_ID, highest=MAX_NUM),
        ),
    },
    "removals": {
        "quorum": ("removals", "quorum", _one_of(QuorumRule)),
        "two_node": ("removals", "two_node", _one_of(TwoNodeRule)),
        "majority": ("removals", "majority", _one_of(MajorityRule)),
        "settle_s": ("removals", "settle_us", partial(_micros, lowest=0)),
    },
    "hold": {
        "name": ("hold", "name", _text),
        "mode": ("hold", "mode", _mode),
    },
    "paths": {
        name: ("paths", name, _path) for name in ("configfs", "mounts", "debugfs", "runtime_dir")
    },
    "timing": {
        "resync_s": ("timing", "resync_us", _micros),
        "retry_first_s": ("timing", "retry_first_us", _micros),
        "retry_max_s": ("timing", "retry_max_us", _micros),
        "pinned_retry_s": ("timing", "pinned_retry_us", _micros),
        "hold_retry_s": ("timing", "hold_retry_us", _micros),
        "hold_warn_s": ("timing", "hold_warn_us", _micros),
        "stuck_after_s": ("service", "stuck_after_us", _micros),
        "stop_grace_s": (
            *("service", "stop_grace_us"),
            partial(_micros, highest=MAX_STOP_GRACE_SECONDS),
        ),
    },
    "log": {
        "format": ("log", "format", _one_of(LogFormat)),
        "level": ("log", "level", _choice({one.name.lower(): one for one in Severity})),
    },
}
"""Of each key of each section: the part, the field in it, and the check."""

NODE_KEYS: Final[Mapping[str, Check]] = {
    "address": _address,
    "port": _PORT,
    "num": partial(_whole, lowest=0, highest=MAX_NUM),
}
"""The keys of `[nodes.NAME]`, which are `NodeOverride`'s fields."""
