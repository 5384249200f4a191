"""The checks of a membership source, on the corosync and the package of guests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cattrs import structure

from fakecluster.cman.topology import Topology
from fakecluster.conformance.membership import LOCAL
from fakecluster.conformance.membership_corosync import CorosyncVerbs, Said
from fakecluster.corosync.configuration import CorosyncConf
from fakecluster.corosync.observer import RingView
from fakecluster.corosync.settled import settled
from integration.errors import GuestError
from integration.guest import Guest, wait_until
from integration.guest_modules import GUEST_DIRECTORY, inside
from integration.lab.lab import Lab
from o2cbd.core.events import ConfigChange, ManagerLost, Notice, ShutdownAsked, StateChange
from o2cbd.core.model import Membership
from o2cbd.membership.interface import ManagerGoneError, MembershipSource

PATIENCE_S: Final = 300
"""No corosync takes so long for anything, even where processors are emulated and shared."""
_TOKEN_MS: Final = 3000
"""Emulated processors are shared: a shorter token is lost now and then for no reason."""
_SHUTDOWN_TIMEOUT_MS: Final = 20_000
"""Several calls of a busy guest come between a question and its answer."""
_KINDS: Final[Mapping[str, type[Notice]]] = {
    kind.__name__: kind for kind in (StateChange, ConfigChange, ShutdownAsked, ManagerLost)
}

Ask = Callable[..., Any]
"""Calls a function of `sources` by its name with arguments by keyword; its value."""


class GuestHosts:
    """The guests of a lab, switched on and told what they need when a cluster is to be on them."""

    def __init__(self, lab: Lab) -> None:
        """Take a lab; any of its guests may be off."""
        self.lab = lab
        self._addresses: dict[int, str] = {}

    def prepare(self, addresses: Sequence[str]) -> None:
        """Have the first guests ready, the nth with the nth address on the ring's network.

        Raises:
            GuestError: one does not do its part.
        """
        wanted = dict(enumerate(addresses, start=1))
        new = [number for number, one in wanted.items() if self._addresses.get(number) != one]
        self.lab.each(lambda number: self._prepare(number, wanted[number]), new)
        self._addresses |= wanted

    def _prepare(self, number: int, address: str) -> None:
        if not self.lab.alive(number):
            self.lab.boot(number)
        self.lab.guest(number).unpack(inside("ring", "sources"), GUEST_DIRECTORY)
        self.ask(number, "prepare", address=address)

    def ask(self, number: int, function: str, **arguments: object) -> Any:
        """Call a function of `ring` in a guest; its value."""
        return self.lab.guest(number).call(f"ring:{function}", arguments)


class GuestCorosyncs:
    """A cluster on guests, as `Corosyncs`; nothing runs at first."""

    def __init__(self, hosts: GuestHosts, topology: Topology) -> None:
        """Configure it.

        Args:
            hosts: where it is; no corosync runs there.
            topology: a cluster, whose nodes have one address each.
        """
        self._hosts = hosts
        self._number = {node: number for number, node in enumerate(topology.ids, start=1)}
        self.configuration = CorosyncConf.of(topology, token_ms=_TOKEN_MS)
        self._running: set[int] = set()
        self._groups: tuple[frozenset[int], ...] = (frozenset(topology.ids),)
        hosts.prepare([node.addresses[0] for node in topology.nodes])
        self._write()

    def guest(self, node_id: int) -> Guest:
        """Return the guest on which a node is."""
        return self._hosts.lab.guest(self._number[node_id])

    # --- the verbs: see `Corosyncs`

    def reload(self) -> None:
        """Write the configuration and have every node read it, by way of the first that runs."""
        self._write()
        self._tell(min(self._running), "reload")

    def start(self, node_id: int) -> None:
        """Start a node's unit, and wait until it serves."""
        self._tell(node_id, "start", shutdown_timeout_ms=_SHUTDOWN_TIMEOUT_MS)
        self._running.add(node_id)

    def kill(self, node_id: int) -> None:
        """Kill a node's corosync, which says nothing to anybody."""
        self._running.remove(node_id)
        self._tell(node_id, "end", name="SIGKILL")

    def leave(self, node_id: int) -> None:
        """Let a node's corosync leave in good order; nobody is asked."""
        self._running.remove(node_id)
        self._tell(node_id, "end", name="SIGTERM")

    def ended(self, node_id: int) -> None:
        """Wait for the end of a node's corosync."""
        self._running.remove(node_id)
        self._tell(node_id, "ended")

    def connect(self, groups: Sequence[Sequence[int]]) -> None:
        """Let only the nodes of a group hear each other."""
        self._groups = tuple(map(frozenset, groups))
        self._hosts.lab.network.heal()
        self._hosts.lab.network.partition(
            *([self._number[node] for node in group] for group in groups)
        )

    def heal(self) -> None:
        """Let all nodes hear each other."""
        self.connect([list(self._number)])

    def settle(self) -> None:
        """Wait until the rings are as they must be.

        Every look lets all be sent that was on its way to anybody, and so does one more.

        Raises:
            GuestError: that did not come.
        """
        seen: dict[int, RingView] = {}

        def reached() -> bool:
            seen.update(self._looked())
            return settled(self.configuration, self._groups, seen)

        try:
            wait_until(reached, PATIENCE_S, "the rings are as they must be")
        except GuestError as error:
            error.add_note(f"seen last: {seen}")
            for node in self._running:
                error.add_note(f"the log of node {node}:\n{self._tell(node, 'log')}")
            raise
        self._looked()

    def close(self) -> None:
        """Close all sources, end all corosyncs, and heal the network."""
        self._hosts.lab.network.heal()
        self._each(lambda node: self._tell(node, "clear"), list(self._number))
        self._running.clear()

    # --- how

    def _looked(self) -> dict[int, RingView]:
        def look(node: int) -> RingView:
            fields = self._tell(node, "look")
            return RingView(**fields | {"members": tuple(fields["members"])})

        return self._each(look, sorted(self._running))

    def _write(self) -> None:
        text = self.configuration.text()
        self._each(lambda node: self._tell(node, "configure", text=text), list(self._number))

    def _tell(self, node: int, function: str, **arguments: object) -> Any:
        return self._hosts.ask(self._number[node], function, **arguments)

    def _each(self, work: Callable[[int], Any], nodes: Sequence[int]) -> dict[int, Any]:
        by_number = {self._number[node]: node for node in nodes}
        found = self._hosts.lab.each(lambda number: work(by_number[number]), list(by_number))
        return {by_number[number]: value for number, value in found.items()}


def notice(words: Mapping[str, Any]) -> Notice:
    """Read a notice as `sources.spelled` spells it."""
    return structure(words["is"], _KINDS[words["kind"]])


def value(answer: Mapping[str, Any]) -> Any:
    """The value of what `sources.answered` has returned.

    Raises:
        ManagerGoneError: the connection is dead.
        OSError: it was refused with that errno.
    """
    if "value" in answer:
        return answer["value"]
    kind = ManagerGoneError if answer["gone"] else OSError
    raise kind(answer["errno"], answer["text"])


def asking(guest: Guest) -> Ask:
    """What asks a guest that has been brought the module."""
    return lambda name, **arguments: guest.call(f"sources:{name}", arguments)


class GuestSource:
    """A `MembershipSource`, each of whose methods is one call of the guest's agent."""

    def __init__(self, ask: Ask) -> None:
        """Connect there.

        Args:
            ask: asks the guest.

        Raises:
            OSError: as a `Connect` does.
        """
        self._ask = ask
        self._number: int = value(ask("connect"))

    def fileno(self) -> int:
        """Return the descriptor of the guest's agent, which only `sources.readable` knows."""
        descriptor: int = value(self._ask("fileno", number=self._number))
        return descriptor

    def dispatch(self) -> tuple[Notice, ...]:
        return tuple(map(notice, self._ask("dispatch", number=self._number)))

    def snapshot(self) -> Membership:
        return structure(value(self._ask("snapshot", number=self._number)), Membership)

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        value(self._ask("reply_shutdown", number=self._number, yes=yes))

    def close(self) -> None:
        self._ask("close", number=self._number)


class GuestDriver(CorosyncVerbs):
    """A cluster in guests, each of which has been brought the project's package by apt."""

    def __init__(self, hosts: GuestHosts, topology: Topology) -> None:
        """Make it.

        Args:
            hosts: where no corosync runs.
            topology: the cluster.
        """
        self._cluster = GuestCorosyncs(hosts, topology)
        self._guest = self._cluster.guest(LOCAL)
        self._ask = asking(self._guest)
        super().__init__(self._cluster, PATIENCE_S)

    def close(self) -> None:
        """Leave guests on which nothing runs, for the next one."""
        self._cluster.close()
        self._end_asked()

    def _connect(self) -> MembershipSource:
        return GuestSource(self._ask)

    def _readable_within(self, source: MembershipSource, wait_s: float) -> bool:
        woken: bool = self._ask("readable", descriptor=source.fileno(), wait_s=wait_s)
        return woken

    def _spawn(self, words: Sequence[str]) -> Said:
        call = self._guest.spawn(words, timeout_s=PATIENCE_S)
        return lambda: call.result().err
