"""What the operator decided, as the core needs it: frozen, checked by `o2cbd.settings`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from o2cbd.core.frozen import frozen
from o2cbd.core.model import DEFAULT_PORT
from o2cbd.core.subnet import Subnet

SECOND_US = 1_000_000

SETTINGS_FILE = "/etc/o2cbd/o2cbd.toml"
"""Where the operator's decisions are, unless another file was named."""


class Scope(enum.Enum):
    """Whose nodes the table holds."""

    MEMBERS = "members"
    CONFIGURED = "configured"
    """Every node that the manager lists and that has an address."""


class QuorumRule(enum.Enum):
    """Whether removals need somebody who knows that this partition is quorate."""

    REQUIRE = "require"
    IGNORE = "ignore"
    """Done where the manager has no quorum provider; never in an inquorate partition."""


class TwoNodeRule(enum.Enum):
    """What becomes of the removal of a lost node where quorum proves nothing."""

    WAIT = "wait"
    ALLOW = "allow"


class MajorityRule(enum.Enum):
    """Whether the removal of a lost node needs the majority of all listed nodes."""

    REQUIRE = "require"
    TRUST_MANAGER = "trust-manager"
    """The manager's word that this partition is quorate is enough."""


@frozen
class NodeOverride:
    """What `[nodes.NAME]` says of one node."""

    address: str | None = None
    """Numeric IPv4 text."""
    port: int | None = None
    num: int | None = None


@frozen
class TableRules:
    """How membership becomes the desired table."""

    scope: Scope = Scope.MEMBERS
    port: int = DEFAULT_PORT
    nodes: Mapping[str, NodeOverride] = field(default_factory=lambda: MappingProxyType({}))
    """By the manager's node name."""
    num_offset: int = 0
    """Added to the manager's node id it gives the o2cb number."""
    ring: int | None = None
    """The address of this ring counts; None: the first IPv4 one. Not together with `subnet`."""
    subnet: Subnet | None = None
    """The first address in it counts."""
    settings_file: str = SETTINGS_FILE
    """Named where a line is proposed to the operator."""

    @property
    def want_every_address(self) -> bool:
        """True when the first address that a manager gives may not be the one that counts."""
        return self.ring is not None or self.subnet is not None


@frozen
class RemovalRules:
    """What a removal needs."""

    quorum: QuorumRule = QuorumRule.REQUIRE
    two_node: TwoNodeRule = TwoNodeRule.WAIT
    majority: MajorityRule = MajorityRule.REQUIRE
    settle_us: int = SECOND_US
    """So long members and quorum must have been the same before a removal begins."""


@frozen
class Timing:
    """When things are tried again; all in microseconds."""

    resync_us: int = 30 * SECOND_US
    """A full pass at least this often, everything read anew."""
    retry_first_us: int = SECOND_US // 4
    """First pause after a failure; doubled each time up to `retry_max_us`."""
    retry_max_us: int = 10 * SECOND_US
    pinned_retry_us: int = SECOND_US // 2
    """A pinned removal is done within a second of the pin's end."""
    hold_retry_us: int = SECOND_US // 4
    hold_warn_us: int = 60 * SECOND_US
    """A hold this old is warned of, once."""


@frozen
class Rules:
    """Everything that the controller is told once, at its start."""

    cluster: str | None = None
    """The name that the manager's must equal; None: the manager's is taken."""
    o2cb_name: str | None = None
    """The cluster's name in OCFS2; None: the manager's."""
    table: TableRules = field(default_factory=TableRules)
    removals: RemovalRules = field(default_factory=RemovalRules)
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Cluster attributes to keep at a value: configfs name (`heartbeat/dead_threshold` included)
    to text; an attribute that is not named is not touched."""
    timing: Timing = field(default_factory=Timing)
