"""What the operator decided about the daemon as a whole: frozen values and their checks.

The file behind them is read by `o2cbd.settings_file`, which a start without a file never imports.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from o2cbd.core.model import CLUSTER_NAME_MAX_CHARS, MAX_NUM, MAX_PORT
from o2cbd.core.names import address_problem, node_name_problem
from o2cbd.core.reports import Severity
from o2cbd.core.rules import SECOND_US, SETTINGS_FILE, Rules, Scope
from o2cbd.core.subnet import Subnet, parse_subnet

DEFAULT_FILE = SETTINGS_FILE
"""Read when it is there; a file that was asked for by name must be there."""

DEFAULT_CLUSTER_CONF = "/etc/ocfs2/cluster.conf"

FIRST_MULTICAST_OCTET = 224
"""Addresses from 224.0.0.0 on belong to groups, or to nobody."""

MAX_MODE = 0o777
"""A semaphore set has permission bits only."""


class Source(enum.Enum):
    """The cluster manager whose membership is followed."""

    CMAN = "cman"
    COROSYNC = "corosync"
    """Corosync 3."""
    STATIC = "static"
    """None: ocfs2-tools' cluster.conf is the membership."""


DEFAULT_SCOPES: Mapping[Source, Scope] = MappingProxyType(
    {
        Source.CMAN: Scope.MEMBERS,
        Source.COROSYNC: Scope.CONFIGURED,
        Source.STATIC: Scope.MEMBERS,
    }
)
"""Corosync's node list has the addresses of nodes that are away, cman's has not."""


class LogFormat(enum.Enum):
    """How a line of the log looks."""

    AUTO = "auto"
    """`journal` under systemd (JOURNAL_STREAM is set), else `console`."""
    CONSOLE = "console"
    """With the time, for a person."""
    JOURNAL = "journal"
    """With syslog's priority in front, `<4>`, as systemd reads it from stderr."""
    JSON = "json"
    """One JSON object a line."""


class ValueProblem(ValueError):  # noqa: N818 - the operator's problem, collected and never fatal by itself
    """A value that cannot be used; the text says what would be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with the settings."""

    path: str
    """The key path, `nodes.alpha.port`; empty for the file as a whole."""
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class SettingsError(Exception):
    """The settings cannot be used; nothing was touched. All problems are here at once."""

    def __init__(self, origin: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(origin, problems)
        self.origin = origin
        """The file's path."""
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(f"{self.origin}: {problem}" for problem in self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where this host's things are; each can be elsewhere, so that nothing needs root."""

    configfs: str = "/sys/kernel/config"
    mounts: str = "/proc/self/mountinfo"
    debugfs: str = "/sys/kernel/debug"
    runtime_dir: str = "/run/o2cbd"


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSettings:
    """The semaphore by which configfs is asked to be left alone."""

    name: str | None = None
    """None: `o2cb.<cluster>`. Keys are per IPC namespace, so daemons that share one differ."""
    mode: int = 0
    """Permission bits of the set; 0 as libo2cb's: root only."""

    def name_for(self, cluster: str) -> str:
        """Return the hold's name for this cluster."""
        return self.name if self.name is not None else f"o2cb.{cluster}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is told, and how."""

    format: LogFormat = LogFormat.AUTO
    level: Severity = Severity.INFO
    """Reports less severe than this are not written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTiming:
    """When the main thread loses patience; all in microseconds."""

    stuck_after_us: int = 2 * SECOND_US
    """A declared call older than this is shown as state `stuck`."""
    stop_grace_us: int = 3 * SECOND_US
    """How long a stop waits for the agent; with it the daemon ends within 5 s in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSettings:
    """Everything that `o2cbd run` is told."""

    source: Source = Source.CMAN
    libcman: str | None = None
    """The library to load; None: as the loader finds `libcman.so.3`."""
    cluster_conf: str = DEFAULT_CLUSTER_CONF
    """ocfs2-tools' file: the membership of `Source.STATIC`, and what `o2cbd diff` compares."""
    rules: Rules = field(default_factory=Rules)
    scope_chosen: bool = False
    """The operator wrote the scope; else it is the source's default."""
    paths: Paths = field(default_factory=Paths)
    hold: HoldSettings = field(default_factory=HoldSettings)
    log: LogSettings = field(default_factory=LogSettings)
    timing: ServiceTiming = field(default_factory=ServiceTiming)


def check_cluster_name(name: str) -> str:
    """Return the name.

    Raises:
        ValueProblem: mkfs.ocfs2 or cman could not keep it.
    """
    if not name:
        raise ValueProblem("must not be empty")
    if len(name) > CLUSTER_NAME_MAX_CHARS:
        raise ValueProblem(
            f"{name!r} has {len(name)} characters, {CLUSTER_NAME_MAX_CHARS} is the most"
        )
    if not (name.isascii() and name.isalnum()):
        raise ValueProblem(f"{name!r} must be letters and digits only")
    return name


def check_port(port: int) -> int:
    """Return the port.

    Raises:
        ValueProblem: the kernel would refuse it.
    """
    if not 1 <= port <= MAX_PORT:
        raise ValueProblem(f"{port} is outside 1..{MAX_PORT}")
    return port


def check_num(num: int) -> int:
    """Return the o2cb number.

    Raises:
        ValueProblem: the kernel would refuse it.
    """
    if not 0 <= num <= MAX_NUM:
        raise ValueProblem(f"{num} is outside 0..{MAX_NUM}")
    return num


def check_address(address: str) -> str:
    """Return the address.

    Raises:
        ValueProblem: it is no IPv4 address that a node can have.
    """
    problem = address_problem(address)
    if problem is not None:
        raise ValueProblem(problem)
    if int(address.split(".", 1)[0]) >= FIRST_MULTICAST_OCTET:
        raise ValueProblem(f"{address} is no single host's address")
    return address


def check_subnet(text: str) -> Subnet:
    """Return the subnet.

    Raises:
        ValueProblem: it is none.
    """
    try:
        return parse_subnet(text)
    except ValueError as error:
        raise ValueProblem(str(error)) from None


def check_node_name(name: str) -> str:
    """Return the name.

    Raises:
        ValueProblem: it cannot be a directory of the o2cb table.
    """
    problem = node_name_problem(name)
    if problem is not None:
        raise ValueProblem(problem)
    return name


def check_mode(text: str) -> int:
    """Return the permission bits of an octal text like `"0600"`.

    Raises:
        ValueProblem: it is no octal text, or more than permission bits.
    """
    if not text or text.strip("01234567"):
        raise ValueProblem(f'{text!r} must be an octal text like "0600"')
    mode = int(text, 8)
    if mode > MAX_MODE:
        raise ValueProblem(f"{text} is over {MAX_MODE:04o}")
    return mode


def check_path(path: str) -> str:
    """Return the path.

    Raises:
        ValueProblem: it is not absolute.
    """
    if not path.startswith("/") or "\0" in path:
        raise ValueProblem(f"{path!r} must be an absolute path")
    return path
