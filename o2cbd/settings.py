"""What the operator decided about the daemon as a whole: frozen values with their defaults.

The file behind them is read by `o2cbd.settings_file`, which a start without a file never imports.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from o2cbd.core.frozen import frozen
from o2cbd.core.model import CLUSTER_NAME_MAX_CHARS
from o2cbd.core.reports import Severity
from o2cbd.core.rules import SECOND_US, SETTINGS_FILE, Rules, Scope

DEFAULT_FILE = SETTINGS_FILE
"""Read when it is there; a file that was asked for by name must be there."""

DEFAULT_CLUSTER_CONF = "/etc/ocfs2/cluster.conf"


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


@frozen
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


@frozen
class Paths:
    """Where this host's things are; each can be elsewhere, so that nothing needs root."""

    configfs: str = "/sys/kernel/config"
    mounts: str = "/proc/self/mountinfo"
    debugfs: str = "/sys/kernel/debug"
    runtime_dir: str = "/run/o2cbd"


@frozen
class HoldSettings:
    """The semaphore by which configfs is asked to be left alone."""

    name: str | None = None
    """None: `o2cb.<cluster>`. Keys are per IPC namespace, so daemons that share one differ."""
    mode: int = 0
    """Permission bits of the set; 0 as libo2cb's: root only."""

    def name_for(self, cluster: str) -> str:
        """Return the hold's name for this cluster."""
        return self.name if self.name is not None else f"o2cb.{cluster}"


@frozen
class LogSettings:
    """What is told, and how."""

    format: LogFormat = LogFormat.AUTO
    level: Severity = Severity.INFO
    """Reports less severe than this are not written."""


@frozen
class ServiceTiming:
    """When the main thread loses patience; all in microseconds."""

    stuck_after_us: int = 2 * SECOND_US
    """A declared call older than this is shown as state `stuck`."""
    stop_grace_us: int = 3 * SECOND_US
    """How long a stop waits for the agent; with it the daemon ends within 5 s in any case."""


@frozen
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
            f"{name!r} has {len(name)} characters; the limit is {CLUSTER_NAME_MAX_CHARS}"
        )
    if not (name.isascii() and name.isalnum()):
        raise ValueProblem(f"{name!r} must be letters and digits only")
    return name
