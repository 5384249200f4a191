"""The node tables of one kernel, with the rules that a decision can depend on."""

from __future__ import annotations

import errno
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from fakecluster.pocket.examples import address_of, name_of
from o2cbd.core.model import (
    UNSET_ADDRESS,
    AddNode,
    CreateCluster,
    Entry,
    Node,
    Region,
    RemoveNode,
    SetAttribute,
    Step,
    Tables,
)


@dataclass(slots=True, kw_only=True)
class PocketNode:
    """A node directory; None: never written."""

    inode: int
    num: int | None = None
    address: str | None = None
    port: int | None = None
    local: bool = False


@dataclass(slots=True, kw_only=True)
class Refuse:
    """Lets steps fail: those that equal `step`, or of its type, so often (None: always)."""

    step: Step | type
    errno: int
    count: int | None = None
    detail: str = ""

    def hits(self, step: Step) -> bool:
        """True when this step fails now; counts down."""
        if self.count == 0 or not (step == self.step or type(step) is self.step):
            return False
        if self.count is not None:
            self.count -= 1
        return True


@dataclass(slots=True)
class PocketKernel:
    """The node tables of one kernel; a `NodeTree`."""

    cluster: str | None = None
    nodes: dict[str, PocketNode] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    pinned: set[str] = field(default_factory=set)
    live_nums: frozenset[int] | None = None
    addresses: Collection[str] | None = None
    """The addresses of this host; None: every one."""
    refusals: list[Refuse] = field(default_factory=list)
    read_error: OSError | None = None
    journal: list[Step] = field(default_factory=list)
    """Every step that was done."""
    readings: list[bool] = field(default_factory=list)
    """For each reading whether it was fresh."""
    crimes: list[str] = field(default_factory=list)
    """What could have taken a real kernel down."""
    after: Callable[[Step], None] | None = None
    """Called when a step is done: what else happens at that moment."""
    closed: bool = False
    _inode: int = 1000

    def put(self, name: str, **values: object) -> PocketNode:
        """Make a node directory by somebody else's hand, whatever the rules."""
        self._inode += 1
        made = PocketNode(inode=self._inode, **values)  # type: ignore[arg-type]
        self.nodes[name] = made
        return made

    def put_right(self, number: int) -> PocketNode:
        """Make the right entry of an example's node."""
        return self.put(
            name_of(number), num=number, address=address_of(number), port=7777, local=number == 1
        )

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        """Read everything."""
        del own
        self.readings.append(fresh)
        if self.read_error is not None:
            raise self.read_error
        clusters = () if self.cluster is None else (self.cluster,)
        if cluster != self.cluster:
            return Tables(clusters=clusters, live_nums=self.live_nums)
        return Tables(
            clusters=clusters,
            entries=tuple(_entry(name, self.nodes[name]) for name in sorted(self.nodes)),
            attributes={name: self.attributes[name] for name in attributes},
            regions=self.regions,
            live_nums=self.live_nums,
        )

    def do(self, step: Step) -> None:
        """Do one step by the kernel's rules."""
        for refusal in self.refusals:
            if refusal.hits(step):
                raise OSError(refusal.errno, "refused", refusal.detail)
        match step:
            case CreateCluster(cluster=name):
                self._require(self.cluster is None, errno.ENOSPC)
                self.cluster = name
            case SetAttribute(node=None):
                self.attributes[step.attribute] = step.value
            case SetAttribute(node=str(name)):
                self._set(name, step.attribute, step.value)
            case AddNode(node=wanted):
                self._add(wanted)
            case RemoveNode(node=name):
                self._remove(name)
        self.journal.append(step)
        if self.after is not None:
            self.after(step)

    def close(self) -> None:
        """Note that it was given back."""
        self.closed = True

    def _add(self, wanted: Node) -> None:
        self._require(wanted.name not in self.nodes, errno.EEXIST)
        self.put(wanted.name)
        try:
            self._set(wanted.name, "ipv4_port", str(wanted.port))
            self._set(wanted.name, "ipv4_address", wanted.address)
            self._set(wanted.name, "num", str(wanted.num))
        except OSError:
            del self.nodes[wanted.name]
            raise

    def _remove(self, name: str) -> None:
        self._require(name in self.nodes, errno.ENOENT)
        going = self.nodes[name]
        if going.local and self.regions:
            self.crimes.append(f"rmdir of the local node {name} under a region")
        self._require(name not in self.pinned, errno.EBUSY)
        if going.address == UNSET_ADDRESS:
            self.crimes.append(f"rmdir of {name}, into which 0.0.0.0 was written")
        del self.nodes[name]

    def _set(self, name: str, attribute: str, value: str) -> None:
        self._require(name in self.nodes, errno.ENOENT)
        target = self.nodes[name]
        others = self.nodes.values()
        match attribute:
            case "ipv4_port":
                self._require(target.port is None, errno.EBUSY)
                target.port = int(value)
            case "ipv4_address":
                if value == UNSET_ADDRESS:
                    self.crimes.append(f"0.0.0.0 written into {name}")
                self._require(all(one.address != value for one in others), errno.EEXIST)
                self._require(target.address is None, errno.EBUSY)
                target.address = value
            case "num":
                self._require(None not in {target.address, target.port}, errno.EINVAL)
                self._require(all(one.num != int(value) for one in others), errno.EEXIST)
                self._require(target.num is None, errno.EBUSY)
                target.num = int(value)
            case "local":
                if value != "1":
                    self.crimes.append(f"local={value} written into {name}")
                self._require(target.num is not None, errno.EINVAL)
                taken = any(one.local and one is not target for one in others)
                self._require(not taken, errno.EBUSY)
                here = self.addresses is None or target.address in self.addresses
                self._require(here, errno.EADDRNOTAVAIL)
                target.local = True

    @staticmethod
    def _require(condition: bool, number: int) -> None:  # noqa: FBT001 - reads as a sentence
        if not condition:
            raise OSError(number, errno.errorcode[number])


def _entry(name: str, found: PocketNode) -> Entry:
    return Entry(
        name=name,
        inode=found.inode,
        num=found.num or 0,
        address=found.address or UNSET_ADDRESS,
        port=found.port or 0,
        local=found.local,
    )
