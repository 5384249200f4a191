"""A corosync.conf that changes, and what it says of quorum."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from fakecluster.cman.topology import NodeConfig, Topology

TOKEN_MS: Final = 300
"""Corosync runs with real-time priority, so that a busy machine does not look like a death."""
KNET_TOKEN_MS: Final = 400
"""Kronosnet of Debian 13 refuses less: half a token is its pong timeout, of at least 200 ms."""


_VOTES: Final = "quorum_votes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A `node {}` block of corosync.conf."""

    id: int
    name: str
    """Empty: it has none."""
    rings: Sequence[str]
    """What stands as ring0_addr and so on; empty text: there is no such ring."""
    more: dict[str, str] = field(default_factory=dict)
    """Other keys."""

    @property
    def votes(self) -> int:
        """How many it has."""
        return int(self.more.get(_VOTES, "1"))

    def text(self) -> str:
        """Write it."""
        lines = {f"ring{number}_addr": text for number, text in enumerate(self.rings)}
        lines |= {"nodeid": str(self.id), "name": self.name, **self.more}
        inner = "".join(f"    {key}: {value}\n" for key, value in lines.items() if value)
        return f"  node {{\n{inner}  }}\n"


@dataclass(slots=True, kw_only=True)
class CorosyncConf:
    """A corosync.conf; change it, and let the lab write and reload it."""

    cluster: str
    blocks: list[Block]
    version: int = 1
    two_node: bool = False
    provider: bool = True
    token_ms: int = TOKEN_MS
    consensus_ms: int = 0
    """How long the others are asked whether a lost node is; 0: corosync's own, 1.2 tokens."""
    written: str = ""
    """A whole file as somebody wrote it: it stands for all that this would be written as."""

    @staticmethod
    def of(topology: Topology, *, token_ms: int = TOKEN_MS) -> CorosyncConf:
        """Return that of a cluster; each node has as many addresses as the first one.

        Args:
            topology: the cluster.
            token_ms: after this time without a token a node is lost.
        """
        return CorosyncConf(
            cluster=topology.cluster,
            blocks=[block_of(node) for node in topology.nodes],
            two_node=topology.two_node,
            token_ms=token_ms,
        )

    def text(self) -> str:
        """Write it; bytes that are no text are surrogate escapes."""
        if self.written:
            return self.written
        knet = any(len(block.rings) > 1 for block in self.blocks)
        token_ms = max(self.token_ms, KNET_TOKEN_MS) if knet else self.token_ms
        two = "  two_node: 1\n  wait_for_all: 0\n" if self.two_node else ""
        quorum = f"quorum {{\n  provider: corosync_votequorum\n{two}}}\n" if self.provider else ""
        cluster = f"  cluster_name: {self.cluster}\n" if self.cluster else ""
        consensus = f"  consensus: {self.consensus_ms}\n" if self.consensus_ms else ""
        return (
            f"totem {{\n  version: 2\n  config_version: {self.version}\n{cluster}"
            f"  transport: {'knet' if knet else 'udpu'}\n"
            f"  token: {token_ms}\n  token_coefficient: 0\n{consensus}}}\n"
            f"nodelist {{\n{''.join(block.text() for block in self.blocks)}}}\n{quorum}"
            "logging {\n  to_stderr: yes\n  to_syslog: no\n}\n"
        )

    def enough(self, members: Collection[int]) -> bool:
        """Whether these nodes are quorate."""
        votes = {block.id: block.votes for block in self.blocks}
        present = sum(votes.get(member, 0) for member in members)
        return present * 2 > sum(votes.values()) or (self.two_node and present > 0)


def block_of(node: NodeConfig) -> Block:
    """Return that of a node whose rings have its addresses."""
    more = {} if node.votes == 1 else {_VOTES: str(node.votes)}
    return Block(id=node.id, name=node.name, rings=node.addresses, more=more)
