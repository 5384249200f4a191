"""corosync in the guests: its configuration, and what it says of its members."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from integration.errors import GuestError
from integration.guest import Guest
from integration.lab.identity import Identity

CONFIGURATION = "/etc/corosync/corosync.conf"
_START_TIMEOUT_S = 300
_ASK_TIMEOUT_S = 60
_SECTION = """\
totem {{
  version: 2
  cluster_name: {name}
  transport: udpu
  token: {token_ms}
  token_coefficient: 0
}}
quorum {{
  provider: corosync_votequorum
}}
logging {{
  to_syslog: yes
}}
nodelist {{
{nodes}}}
"""
_NODE = """\
  node {{
    nodeid: {number}
    name: {name}
    ring0_addr: {address}
{more}  }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What a node's quorum service says."""

    members: tuple[int, ...]
    quorate: bool


def corosync_conf(
    nodes: Sequence[Identity],
    *,
    name: str = "lab",
    token_ms: int = 1000,
    keys: Sequence[str] = (),
) -> str:
    """A configuration for machines of the lab: udpu, which is the quickest to join.

    Args:
        nodes: the machines in the node list; their numbers are their node ids.
        name: of the cluster.
        token_ms: after this time without a token a node is lost.
        keys: more lines for each node, as `o2cb_port: 7778`.
    """
    more = "".join(f"    {key}\n" for key in keys)
    text = "".join(
        _NODE.format(number=node.number, name=node.name, address=node.address, more=more)
        for node in nodes
    )
    return _SECTION.format(name=name, token_ms=token_ms, nodes=text)


def start_corosync(guest: Guest, configuration: str) -> None:
    """Write the configuration and start the service, now and at each boot.

    Raises:
        GuestError: it does not start.
    """
    guest.put(CONFIGURATION, configuration)
    guest.check(["systemctl", "enable", "--now", "corosync"], timeout_s=_START_TIMEOUT_S)


def parse_quorumtool(text: str) -> Membership:
    """Read `corosync-quorumtool -s`."""
    ids = re.findall(r"^\s+(0x[0-9a-f]+|\d+)\s+\d+\s", text, re.MULTILINE)
    quorate = re.search(r"^Quorate:\s+Yes", text, re.MULTILINE) is not None
    return Membership(members=tuple(sorted(int(word, 0) for word in ids)), quorate=quorate)


def membership(guest: Guest) -> Membership:
    """What a guest's corosync says of its members.

    Raises:
        GuestError: it does not answer.
    """
    result = guest.run(["corosync-quorumtool", "-s"], timeout_s=_ASK_TIMEOUT_S)
    found = parse_quorumtool(result.out)
    if not found.members:
        raise GuestError(f"corosync-quorumtool ended with {result.rc}: {result.out}{result.err}")
    return found
