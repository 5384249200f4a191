"""The sections of the settings file and the types of their values, as attrs classes.

Each type has its check in `o2cbd.settings_file`; what is not written has the default of here.
"""

from __future__ import annotations

import enum
from typing import NewType

import attrs

from o2cbd import settings
from o2cbd.core.model import DEFAULT_PORT
from o2cbd.core.rules import (
    MajorityRule,
    QuorumRule,
    RemovalRules,
    Scope,
    Timing,
    TwoNodeRule,
)
from o2cbd.core.subnet import Subnet

Port = NewType("Port", int)
Num = NewType("Num", int)
NumOffset = NewType("NumOffset", int)
Ring = NewType("Ring", int)
Address = NewType("Address", str)
ClusterName = NewType("ClusterName", str)
Text = NewType("Text", str)
Path = NewType("Path", str)
Mode = NewType("Mode", int)
Milliseconds = NewType("Milliseconds", int)
DeadThreshold = NewType("DeadThreshold", int)
SubnetText = NewType("SubnetText", Subnet)
"""Written as text."""
Micros = NewType("Micros", int)
"""Written in seconds."""
Settle = NewType("Settle", int)
"""Written in seconds."""
StopGrace = NewType("StopGrace", int)
"""Written in seconds."""


class FenceMethod(enum.Enum):
    """What the kernel does when it must fence itself."""

    RESET = "reset"
    PANIC = "panic"


class HeartbeatMode(enum.Enum):
    """Where the disk heartbeat is: one region a mount, or shared ones."""

    LOCAL = "local"
    GLOBAL = "global"


class Level(enum.Enum):
    """The least severe report that is written."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"
    INFO = "info"
    DEBUG = "debug"


@attrs.frozen(kw_only=True)
class MembershipSection:
    """`[membership]`."""

    source: settings.Source = settings.Source.CMAN
    libcman: Text | None = None
    cluster_conf: Path = Path(settings.DEFAULT_CLUSTER_CONF)
    ring: Ring | None = None
    subnet: SubnetText | None = None


@attrs.frozen(kw_only=True)
class ClusterSection:
    """`[cluster]`: the name to confirm, and attributes to keep at a value."""

    name: Text | None = None
    o2cb_name: ClusterName | None = None
    idle_timeout_ms: Milliseconds | None = None
    keepalive_delay_ms: Milliseconds | None = None
    reconnect_delay_ms: Milliseconds | None = None
    fence_method: FenceMethod | None = None
    dead_threshold: DeadThreshold | None = None
    heartbeat_mode: HeartbeatMode | None = None


@attrs.frozen(kw_only=True)
class TableSection:
    """`[table]`."""

    scope: Scope | None = None
    port: Port = Port(DEFAULT_PORT)
    num_offset: NumOffset = NumOffset(0)


@attrs.frozen(kw_only=True)
class NodeSection:
    """`[nodes.NAME]`."""

    address: Address | None = None
    port: Port | None = None
    num: Num | None = None


@attrs.frozen(kw_only=True)
class RemovalsSection:
    """`[removals]`."""

    quorum: QuorumRule = QuorumRule.REQUIRE
    two_node: TwoNodeRule = TwoNodeRule.WAIT
    majority: MajorityRule = MajorityRule.REQUIRE
    settle_s: Settle = Settle(RemovalRules().settle_us)


@attrs.frozen(kw_only=True)
class HoldSection:
    """`[hold]`."""

    name: Text | None = None
    mode: Mode = Mode(0)


_PATHS = settings.Paths()
TIMING = Timing()
SERVICE_TIMING = settings.ServiceTiming()


@attrs.frozen(kw_only=True)
class PathsSection:
    """`[paths]`."""

    configfs: Path = Path(_PATHS.configfs)
    mounts: Path = Path(_PATHS.mounts)
    debugfs: Path = Path(_PATHS.debugfs)
    runtime_dir: Path = Path(_PATHS.runtime_dir)


@attrs.frozen(kw_only=True)
class TimingSection:
    """`[timing]`, in seconds."""

    resync_s: Micros = Micros(TIMING.resync_us)
    retry_first_s: Micros = Micros(TIMING.retry_first_us)
    retry_max_s: Micros = Micros(TIMING.retry_max_us)
    pinned_retry_s: Micros = Micros(TIMING.pinned_retry_us)
    hold_retry_s: Micros = Micros(TIMING.hold_retry_us)
    hold_warn_s: Micros = Micros(TIMING.hold_warn_us)
    stuck_after_s: Micros = Micros(SERVICE_TIMING.stuck_after_us)
    stop_grace_s: StopGrace = StopGrace(SERVICE_TIMING.stop_grace_us)


@attrs.frozen(kw_only=True)
class LogSection:
    """`[log]`."""

    format: settings.LogFormat = settings.LogFormat.AUTO
    level: Level = Level.INFO


@attrs.frozen(kw_only=True)
class File:
    """The whole file."""

    membership: MembershipSection = MembershipSection()
    cluster: ClusterSection = ClusterSection()
    table: TableSection = TableSection()
    nodes: dict[str, NodeSection] = attrs.field(factory=dict)
    removals: RemovalsSection = RemovalsSection()
    hold: HoldSection = HoldSection()
    paths: PathsSection = PathsSection()
    timing: TimingSection = TimingSection()
    log: LogSection = LogSection()
