"""An oracle that needs nothing but eyes: a right entry is never made anew.

At each rest it notes every entry with its inode. An entry that has the same values at the next
rest, whose node was not away meanwhile, must be the very same directory.
"""

from __future__ import annotations

from dataclasses import dataclass

from fakecluster.arms.cluster import ArmCluster
from fakecluster.arms.values import Row
from fakecluster.verbs import DropNode, Kill, PlaceNode, StallDisk, Start, Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    row: Row
    incarnation: int
    """The member's, as this host's manager counts: another one, and it was away."""
    inode: int


class UntouchedOracle:
    """Compares each rest of a host with the one before."""

    def __init__(self, cluster: ArmCluster) -> None:
        self._cluster = cluster
        self._seen: dict[int, dict[str, _Seen]] = {}
        self._doomed: set[int] = set()
        """Hosts that will fence themselves, and lose their tables until they start again."""
        self.findings: list[str] = []
        """What was made anew without need."""

    def rests(self, host: int) -> None:
        """Look at a host whose table is as it should be."""
        inodes = self._cluster.inodes(host)
        incarnations = self._cluster.incarnations(host)
        now = {
            name: _Seen(row=row, incarnation=incarnations[row.num], inode=inodes[name])
            for name, row in self._cluster.table(host).items()
            if row.num in incarnations and name in inodes
        }
        before = self._seen.get(host, {})
        for name, seen in now.items():
            was = before.get(name)
            if was is None or was.inode == seen.inode:
                continue
            if (was.row, was.incarnation) == (seen.row, seen.incarnation):
                self.findings.append(f"host {host}: the right entry {name} was made anew")
        self._seen[host] = now

    def counts_anew(self, host: int) -> None:
        """Note that a host's manager starts, where one counts incarnations for its own life only.

        What has the same incarnation as before may have been away meanwhile.
        """
        self._seen.pop(host, None)

    def boots(self, host: int) -> None:
        """Note that a host has lost its tables."""
        self._seen.pop(host, None)
        self._doomed.discard(host)

    def hears(self, verb: Verb) -> None:
        """Note a verb that takes a host's tables, or changes an entry by hand."""
        if isinstance(verb, StallDisk):
            self._doomed.add(verb.node)
        elif isinstance(verb, Kill) or (isinstance(verb, Start) and verb.node in self._doomed):
            self.boots(verb.node)
        elif isinstance(verb, PlaceNode | DropNode):
            self._seen.get(verb.node, {}).pop(verb.name, None)
