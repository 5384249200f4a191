"""corosync in the guests: its configuration, and what it says of its members."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from integration.errors import GuestError
from integration.guest import Guest
from integration.lab.identity import Identity

CONFIGURATION = "/etc/corosync/corosync.conf"
_START_TIMEOUT_S = 300
_ASK_TIMEOUT_S = 60
TOKEN_MS = 1000
_TWO_NODE = ("two_node: 1", "wait_for_all: 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class RingNode:
    """One `node {}` block."""

    machine: Identity
    """Whose ring address and number it has."""
    name: str = ""
    """Empty: the machine's."""
    votes: int = 1
    o2cb_address: str | None = None
    """None: o2cb uses the ring's."""
    o2cb_port: int | None = None

    def lines(self) -> Iterator[str]:
        """The keys of the block."""
        yield f"nodeid: {self.machine.number}"
        yield f"name: {self.name or self.machine.name}"
        yield f"ring0_addr: {self.machine.address}"
        yield f"quorum_votes: {self.votes}"
        if self.o2cb_address is not None:
            yield f"o2cb_address: {self.o2cb_address}"
        if self.o2cb_port is not None:
            yield f"o2cb_port: {self.o2cb_port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RingMembers:
    """What a node's quorum service says."""

    members: tuple[int, ...]
    quorate: bool


def corosync_conf(
    nodes: Sequence[RingNode],
    *,
    name: str = "lab",
    token_ms: int = TOKEN_MS,
    two_node: bool = False,
    version: int = 1,
) -> str:
    """A configuration for machines of the lab: udpu, which is the quickest to join.

    Args:
        nodes: in the order in which they stand in the file, which means nothing.
        name: of the cluster; o2cb takes it, too.
        token_ms: after this time without a token a node is lost, and 650 ms more for each node
            beyond two (corosync's own `token_coefficient`: with a fixed token, four emulated nodes
            that lost a fifth were seen to lose the token of each new ring for a minute).
        two_node: one vote is enough, and a node that starts alone does not wait for the other.
        version: counts reloads.
    """
    totem = (
        "version: 2",
        f"config_version: {version}",
        f"cluster_name: {name}",
        "transport: udpu",
        f"token: {token_ms}",
    )
    quorum = ("provider: corosync_votequorum", *(_TWO_NODE if two_node else ()))
    blocks = [line for node in nodes for line in _block("node", node.lines())]
    sections = (
        _block("totem", totem),
        _block("quorum", quorum),
        _block("logging", ("to_syslog: yes",)),
        _block("nodelist", blocks),
    )
    return "".join(f"{line}\n" for section in sections for line in section)


def _block(name: str, lines: Iterable[str]) -> list[str]:
    return [f"{name} {{", *(f"  {line}" for line in lines), "}"]


def start_corosync(guest: Guest, configuration: str) -> None:
    """Write the configuration and start the service, now and at each boot.

    Raises:
        GuestError: it does not start.
    """
    guest.put(CONFIGURATION, configuration)
    guest.check(["systemctl", "enable", "--now", "corosync"], timeout_s=_START_TIMEOUT_S)


def parse_quorumtool(text: str) -> RingMembers:
    """Read `corosync-quorumtool -s`."""
    ids = re.findall(r"^\s+(0x[0-9a-f]+|\d+)\s+\d+\s", text, re.MULTILINE)
    quorate = re.search(r"^Quorate:\s+Yes", text, re.MULTILINE) is not None
    return RingMembers(members=tuple(sorted(int(word, 0) for word in ids)), quorate=quorate)


def membership(guest: Guest) -> RingMembers:
    """What a guest's corosync says of its members.

    Raises:
        GuestError: it does not answer.
    """
    result = guest.run(["corosync-quorumtool", "-s"], timeout_s=_ASK_TIMEOUT_S)
    found = parse_quorumtool(result.out)
    if not found.members:
        raise GuestError(f"corosync-quorumtool ended with {result.rc}: {result.out}{result.err}")
    return found
