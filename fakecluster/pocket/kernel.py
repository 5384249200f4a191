"""The node tables of one fake kernel, with the handles that a test of decisions wants."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from fakecluster.configfs.direct import DirectTree
from fakecluster.configfs.journal import Call
from fakecluster.configfs.kernel import ClusterState, NodeState
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.pocket.examples import address_of, name_of
from o2cbd.core.model import UNSET_ADDRESS, Region, Step, Tables

_EVERY_ADDRESS = frozenset(f"10.0.{net}.{number}" for net in (0, 9) for number in range(256))


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


class PocketKernel:
    """The real node tree on the model of configfs; a `NodeTree`.

    Steps can be refused and are noted whole, and somebody else's hand can write what no rule lets
    through.
    """

    def __init__(self) -> None:
        self.model = ConfigfsModel(addresses=_EVERY_ADDRESS)
        self.tree = DirectTree(self.model, debugfs=False)
        self.refusals: list[Refuse] = []
        self.read_error: OSError | None = None
        self.journal: list[Step] = []
        """Every step that was done."""
        self.readings: list[bool] = []
        """For each reading whether it was fresh."""
        self.crimes: list[str] = []
        """What could have taken a real kernel down, or was never to be tried."""
        self.after: Callable[[Step], None] | None = None
        """Called when a step is done: what else happens at that moment."""
        self.closed = False
        self.model.journal.add_hook(self._watch)

    # ---- the daemon's side

    def read(
        self, cluster: str, *, own: str | None, attributes: Sequence[str], fresh: bool
    ) -> Tables:
        """See `NodeTree.read`."""
        self.readings.append(fresh)
        if self.read_error is not None:
            raise self.read_error
        return self.tree.read(cluster, own=own, attributes=attributes, fresh=fresh)

    def do(self, step: Step) -> None:
        """See `NodeTree.do`."""
        for refusal in self.refusals:
            if refusal.hits(step):
                raise OSError(refusal.errno, "refused", refusal.detail)
        self.tree.do(step)
        self.journal.append(step)
        if self.after is not None:
            self.after(step)

    def close(self) -> None:
        """Note that it was given back."""
        self.closed = True

    def _watch(self, call: Call) -> None:
        name = call.path.rpartition("/")[2]
        match call.name:
            case "rmdir" if name in self.nodes:
                if self.nodes[name].local and self.regions:
                    self.crimes.append(f"rmdir of the local node {name} under a region")
                if self.nodes[name].address == UNSET_ADDRESS:
                    self.crimes.append(f"rmdir of {name}, into which 0.0.0.0 was written")
            case "write:local" if call.data != b"1":
                self.crimes.append(f"{call.path}: {call.data!r} written")
            case "write:ipv4_address" if call.data == UNSET_ADDRESS.encode():
                self.crimes.append(f"{call.path}: 0.0.0.0 written")
            case _:
                pass

    # ---- what is there

    @property
    def _state(self) -> ClusterState | None:
        return self.model.kernel.cluster

    @property
    def cluster(self) -> str | None:
        """The name of the cluster that is there."""
        return None if self._state is None else self._state.name

    @property
    def nodes(self) -> Mapping[str, NodeState]:
        """What the kernel knows of each node, by name."""
        return {} if self._state is None else self._state.nodes

    def inode_of(self, name: str) -> int:
        """Return the inode of a node's directory."""
        return self.model.stat(self._path(name)).inode

    def attribute(self, name: str) -> str:
        """Return the value of an attribute of the cluster."""
        return self.model.read_value(f"/cluster/{self.cluster}/{name}").decode().strip()

    def _path(self, name: str) -> str:
        return f"/cluster/{self.cluster}/node/{name}"

    # ---- somebody else's hand

    def make_cluster(self, name: str) -> None:
        """Make a cluster where none is."""
        if self.cluster != name:
            self.model.mkdir(f"/cluster/{name}")

    def write(self, name: str, attribute: str, value: str) -> None:
        """Write into a node, by the kernel's rules."""
        self.model.write_value(f"{self._path(name)}/{attribute}", value.encode())

    def put(
        self,
        name: str,
        *,
        num: int | None = None,
        address: str | None = None,
        port: int | None = None,
        local: bool = False,
    ) -> None:
        """Let a node be there, whatever the rules; None: never written."""
        if name not in self.nodes:
            self.model.mkdir(self._path(name))
        state = self.nodes[name]
        state.num, state.address, state.port, state.local = num, address, port, local
        if local and self._state is not None:
            self._state.local_claimed = True

    def put_right(self, number: int) -> None:
        """Let the right entry of an example's node be there."""
        self.put(
            name_of(number), num=number, address=address_of(number), port=7777, local=number == 1
        )

    def take_away(self, name: str) -> None:
        """Take a node away."""
        self.model.rmdir(self._path(name))

    def lose_tables(self) -> None:
        """Let nothing be there any more, as after an `rmmod` and a `modprobe`; pins stay."""
        pins = self.pinned
        self.model.power_cycle()
        self.pinned = pins

    # ---- what keeps the daemon waiting

    @property
    def pinned(self) -> set[str]:
        """The names of the nodes that cannot be removed."""
        return self.model.kernel.pins

    @pinned.setter
    def pinned(self, names: set[str]) -> None:
        self.model.kernel.pins = names

    @property
    def regions(self) -> tuple[Region, ...]:
        """The cluster's heartbeat regions; they can be set where a cluster is."""
        found = [] if self._state is None else self._state.regions.values()
        return tuple(Region(name=one.name, pid=one.pid) for one in found)

    @regions.setter
    def regions(self, wanted: Sequence[Region]) -> None:
        for region in self.regions:
            self.model.heartbeat.stop(region.name)
        for region in wanted:
            self.model.mkdir(f"/cluster/{self.cluster}/heartbeat/{region.name}")
            if self._state is not None:
                self._state.regions[region.name].pid = region.pid

    @property
    def live_nums(self) -> frozenset[int] | None:
        """The nums that debugfs shows alive; None: debugfs is not there."""
        return self.model.heartbeat.live_nums if self.tree.files.debugfs else None

    @live_nums.setter
    def live_nums(self, nums: frozenset[int] | None) -> None:
        self.tree.files.debugfs = nums is not None
        self.model.heartbeat.see(nums or ())

    def set_addresses(self, addresses: Collection[str] | None) -> None:
        """Give the host these addresses; None: every one that examples use."""
        wanted = _EVERY_ADDRESS if addresses is None else addresses
        host = self.model.host
        for address in {*host.addresses, *wanted}:
            if address in wanted:
                host.add_address(address)
            else:
                host.remove_address(address)
