"""Every verb of a cluster under test, once: its arguments, what it does, and what it needs.

The scenario files, `fakecluster ctl`, the control socket, the traces and the manual's table are
made from this module by `fakecluster.verb_codec`; `fakecluster.verb_methods` has a typed method for
each verb. Whatever runs a cluster (the simulated world, the server, an arm) is handlers by verb.
"""

from __future__ import annotations

import dataclasses
import enum
import errno as errnos
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from fakecluster.capabilities import Capability, UnsupportedVerbError
from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig
from o2cbd.core.rules import Rules

DAEMON_CRASHED: Final = "daemon-crashed"
"""What a trace says where `crash-daemon-at` strikes."""
FENCED_ITSELF: Final = "fenced-itself"
"""What a trace says where a host ends whose disk is stalled."""

ANY_CALL: Final = "any"
"""Instead of a call's name: every call of the daemon's to configfs, readings too."""
ANY_CHANGE: Final = "change"
"""Instead of a call's name: every call of the daemon's that changes something."""


class Kind(enum.Enum):
    """What an argument is, in the words of a complaint about it."""

    NODE = "the id of a node"
    NODES = "ids of nodes"
    TEXT = "text"
    COUNT = "a whole number from 1"
    NUMBER = "a whole number from 0"
    PERCENT = "a whole number from 0 to 100"
    FLAG = "true or false"
    ERRNO = "the symbol of an errno"
    FAULT = f"one of {', '.join(fault.value for fault in NoticeFault)}"
    ADDRESSES = "a list of numeric addresses"
    GROUPS = 'nodes and groups, like "1,2/3"'
    RULES = "settings, as in [rules]"
    NAME = "the name of a node"
    ADDRESS = "a numeric address"
    CALL = "the name of a call to configfs"
    CRASH_CALL = "the name of a call to configfs, or `change` or `any`"


REQUIRED: Final = object()
"""Instead of a default: the argument must be given."""
_OWN_NAME: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """How an argument is spelled where it is not by its own name, and by its own default."""

    request: str | None = _OWN_NAME
    """Its name for `ctl` and on the control socket; None: it cannot be given there."""
    trace: str | None = _OWN_NAME
    """Its name in a trace; None: it is not noted."""
    in_file: bool = True
    negated: bool = False
    """A request has the opposite."""
    scale: int = 1
    """A request counts in units of so many."""
    without: object = REQUIRED
    """What a request without it means, where that is not the default of a file; a function makes
    it of the arguments before it."""
    optional_word: bool = False
    """A word of the command line although it may be missing."""
    first: bool = False
    """A word of the command line before the node."""
    as_option: bool = False
    """An option of the command line although it is required."""
    most: int | None = None
    """The largest number that the command line takes."""
    metavar: str | None = None
    help: str | None = None
    """What the command line's help says of it."""
    note: str = ""
    """What the manual's table says of it."""
    capability: Capability | None = None
    """Needed where it is given."""


NodeId = Annotated[int, Kind.NODE, Spelled(metavar="NODE", trace=None)]
Count = Annotated[int, Kind.COUNT]
Number = Annotated[int, Kind.NUMBER]
Flag = Annotated[bool, Kind.FLAG]
Text = Annotated[str, Kind.TEXT]
Name = Annotated[str, Kind.NAME, Spelled(metavar="NAME")]
NotedName = Annotated[str, Kind.NAME, Spelled(metavar="NAME", trace="node")]
Address = Annotated[str, Kind.ADDRESS]
Errno = Annotated[int, Kind.ERRNO]
Groups = Annotated[tuple[tuple[int, ...], ...], Kind.GROUPS, Spelled(metavar="1,2/3")]
Lagging = Annotated[
    tuple[int, ...],
    Kind.NODES,
    Spelled(in_file=False, trace=None, help="Node ids whose configuration stays as it was."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a verb."""

    name: str
    kind: Kind
    default: object
    """`REQUIRED`: it must be given."""
    spelled: Spelled

    @property
    def required(self) -> bool:
        """True when a file must give it."""
        return self.default is REQUIRED

    @property
    def request(self) -> str:
        """Its name in a request."""
        return self.spelled.request or self.name

    @property
    def without(self) -> object:
        """What a request without it means; `REQUIRED`: it must be given."""
        if self.spelled.without is not REQUIRED:
            return self.spelled.without
        return self.default


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A word of `fakecluster ctl`, and which verb it is."""

    word: str
    verb: type[Verb]
    doc: str
    fixed: Mapping[str, object] = field(default_factory=dict)
    """Arguments that the word itself gives."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
@dataclass(frozen=True, kw_only=True)
class Verb:
    """Something that is done to a cluster. The docstring of a verb is its help for a user."""

    word: ClassVar[str] = ""
    """What it is called everywhere."""
    capability: ClassVar[Capability | None] = None
    """What an arm without a handler for it lacks; None: only a simulated world has to have one."""
    is_request: ClassVar[bool] = False
    """`fakecluster ctl` has it."""

    def __init_subclass__(
        cls, *, abstract: bool = False, request: bool = False, word: str = ""
    ) -> None:
        """Make a frozen dataclass of a verb, and enter it into the table."""
        dataclass(frozen=True, kw_only=True)(cls)  # in its place: no slots
        if not abstract:
            cls.word = word or re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
            cls.is_request = request
            _VERBS[cls.word] = cls

    @property
    def subject(self) -> int:
        """The id of the node that it is done to; 0: the whole cluster."""
        found: int = getattr(self, "node", getattr(self, "id", 0))
        return found

    @classmethod
    def about(cls) -> str:
        """Return what it does, in one line."""
        return (cls.__doc__ or "").partition("\n")[0].removesuffix(".")

    @classmethod
    def commands(cls) -> tuple[Command, ...]:
        """Return the words of `fakecluster ctl` that mean it."""
        if not cls.is_request:
            return ()
        return (Command(word=cls.word, verb=cls, doc=cls.__doc__ or ""),)

    def refused_by(self, arm: str) -> UnsupportedVerbError:
        """Return what whoever has no handler for it raises."""
        return UnsupportedVerbError(arm, self.capability or self.word)

    def needs(self) -> tuple[Capability, ...]:
        """Return what an arm that does it must be able to do."""
        given = (
            one.spelled.capability
            for one in arguments_of(type(self))
            if getattr(self, one.name) != one.default
        )
        return tuple(each for each in (self.capability, *given) if each is not None)


_VERBS: Final[dict[str, type[Verb]]] = {}
VERBS: Final[Mapping[str, type[Verb]]] = types.MappingProxyType(_VERBS)
"""Every verb by its word, in the order of the manual."""


_ARGUMENTS: Final[dict[type[Verb], tuple[Argument, ...]]] = {}


def arguments_of(verb: type[Verb]) -> tuple[Argument, ...]:
    """Return the arguments of a verb, in their order."""
    if verb not in _ARGUMENTS:
        hints = get_type_hints(verb, include_extras=True)
        _ARGUMENTS[verb] = tuple(
            _argument(one, hints[one.name]) for one in dataclasses.fields(verb)
        )
    return _ARGUMENTS[verb]


def _argument(one: dataclasses.Field[Any], hint: Any) -> Argument:
    if get_origin(hint) is not Annotated:  # `X | None`
        (hint,) = (each for each in get_args(hint) if each is not type(None))
    kinds = [each for each in hint.__metadata__ if isinstance(each, Kind)]
    # The last one wins: an argument's own over its type's.
    spelled = [each for each in hint.__metadata__ if isinstance(each, Spelled)]
    return Argument(
        name=one.name,
        kind=kinds[0],
        default=REQUIRED if one.default is dataclasses.MISSING else one.default,
        spelled=spelled[-1] if spelled else Spelled(),
    )


def commands() -> dict[str, Command]:
    """Return every word of `fakecluster ctl` that is a verb."""
    return {each.word: each for verb in VERBS.values() for each in verb.commands()}


class HostVerb(Verb, abstract=True):
    """Something that is done to one host."""

    node: NodeId


# --- power --------------------------------------------------------------------------------------


class Boot(HostVerb):
    """Power a host on without starting anything."""


class Start(HostVerb, request=True):
    """Boot a host that has no power, and start its cman."""

    daemon: Annotated[Flag, Spelled(request=None, trace=None, note="start its daemon too")] = True


class Kill(HostVerb, request=True):
    """Cut a host's power: its sockets go stale, its daemons die, its kernel forgets.

    Those processes die that have been clients of its cman and live there, as their
    CMAN_SOCKET_DIR says. The kernel's tables are empty at the next `start`.
    """


class Leave(HostVerb, request=True):
    """Make a node leave at once, without a shutdown question."""

    removed: Annotated[
        Flag,
        Spelled(
            request="remove",
            help="Leave for good: quorum is counted without it.",
            capability=Capability.LEAVING_FOR_GOOD,
        ),
    ] = False


# --- the cluster manager ------------------------------------------------------------------------


class CmanStart(HostVerb, request=True):
    """Start a node's cman; its kernel stays as it is."""


class CmanCrash(HostVerb, request=True):
    """SIGKILL a node's cman, and only that."""


class CmanStop(HostVerb, request=True):
    """SIGSTOP a node's cman: it accepts requests and never answers."""

    capability = Capability.STOPPED_MANAGER


class CmanCont(HostVerb, request=True):
    """SIGCONT a node's cman."""

    capability = Capability.STOPPED_MANAGER


class Fence(HostVerb, request=True):
    """Report to cman that a node was fenced, as fenced does."""

    by: Annotated[NodeId, Spelled(as_option=True, metavar="NODE", help="Whose cman is told.")]
    capability = Capability.FENCING_NOTICE


class Qdisk(HostVerb, request=True):
    """Make the quorum disk's daemon on a node poll."""

    available: Annotated[
        Flag,
        Spelled(
            request="lost",
            negated=True,
            without=True,
            help="The poll fails.",
            note="its result",
        ),
    ]
    capability = Capability.QUORUM_DISK


class Expected(HostVerb, request=True):
    """Set the expected votes of a node's partition, as cman_tool does."""

    votes: Count


class Votes(HostVerb, request=True):
    """Set a node's votes, as cman_tool does."""

    votes: Annotated[Number, Spelled(most=255)]


class BindPort(HostVerb, request=True):
    """Bind a port by a client of a node's cman that receives notices."""

    port: Annotated[Number, Spelled(most=255)]


class ClosePort(HostVerb, request=True):
    """End the client that bind-port made."""

    port: Annotated[Number, Spelled(most=255)]


# --- the network --------------------------------------------------------------------------------


class Partition(Verb, request=True):
    """Cut the network between groups of node ids; the disk heartbeat goes on."""

    groups: Groups


class Isolate(HostVerb):
    """Cut a node off from all others."""


class Cut(Verb, request=True):
    """Drop everything from SPEAKER to LISTENER, one way."""

    speaker: Annotated[NodeId, Spelled()]
    listener: Annotated[NodeId, Spelled()]


class Mend(Verb, request=True):
    """Undo one `cut`."""

    speaker: Annotated[NodeId, Spelled()]
    listener: Annotated[NodeId, Spelled()]


class Ring(Verb):
    """Cut each node off from all but its two neighbours by id."""


class Heal(Verb, request=True):
    """Undo all partitions and cuts."""


class SlowNetwork(Verb):
    """Delay everything between nodes; without arguments end the delay."""

    delay_us: Number = 0
    jitter_us: Annotated[Number, Spelled(note="on top, drawn")] = 0
    loss_percent: Annotated[int, Kind.PERCENT, Spelled(trace="loss", note="sent again")] = 0


# --- the shared volume and the kernel -----------------------------------------------------------


class Mount(HostVerb, request=True):
    """Mount the shared volume: a region with a pid, a heartbeat that pins live nodes."""


class Umount(HostVerb, request=True):
    """Unmount the shared volume; the others see it at once."""


class StallDisk(HostVerb, request=True):
    """Stall a host's heartbeat on the shared volume: it fences itself before others give it up."""

    capability = Capability.STALLED_DISK


class Pin(HostVerb, request=True):
    """Make rmdir of the entry NAME in NODE's kernel fail with EBUSY."""

    name: NotedName
    capability = Capability.PINS_BY_HAND


class Unpin(HostVerb, request=True):
    """Undo `pin`."""

    name: NotedName
    capability = Capability.PINS_BY_HAND


# --- configuration ------------------------------------------------------------------------------


class ChangeAddress(HostVerb, request=True, word="address"):
    """Give a node other addresses."""

    addresses: Annotated[tuple[str, ...], Kind.ADDRESSES, Spelled(metavar="ADDRESS...")]
    now: Annotated[
        Flag,
        Spelled(
            request="at_rejoin",
            negated=True,
            help="cman takes it when the node joins again.",
            note="else at its next join",
        ),
    ] = True
    host: Annotated[Flag, Spelled(request=None, trace=None, note="the host has them too")] = True


class GiveAddress(HostVerb, request=True):
    """Add an address to a host, unknown to its cman."""

    address: Address


class TakeAddress(HostVerb, request=True):
    """Remove an address from a host, unknown to its cman."""

    address: Address


class TakePort(HostVerb):
    """Occupy a port of a host by another program."""

    port: Count


class FreePort(HostVerb):
    """Undo `take-port`."""

    port: Count


def _node_and_id(given: Mapping[str, object]) -> str:
    return f"node{given.get('id')}"


class AddNode(Verb, request=True):
    """Add a host and a node to the configuration; `start` it afterwards."""

    id: Annotated[Count, Spelled(metavar="ID", trace=None)]
    name: Annotated[Text, Spelled(without=_node_and_id, help="[default: node and its id]")]
    addresses: Annotated[
        tuple[str, ...],
        Kind.ADDRESSES,
        Spelled(metavar="[ADDRESS...]", optional_word=True, trace=None),
    ] = ()
    votes: Annotated[Number, Spelled(trace=None)] = 1
    lagging: Lagging = ()

    @property
    def config(self) -> NodeConfig:
        """The node as the configuration has it."""
        return NodeConfig(
            id=self.id,
            name=self.name,
            addresses=self.addresses,
            votes=self.votes,
        )


class RemoveNode(HostVerb, request=True):
    """Remove a node from the configuration; its host stays."""

    lagging: Lagging = ()


class RenameNode(HostVerb, request=True):
    """Give a node another name in the configuration, effective at once."""

    name: Text


class ConfigOlder(HostVerb, request=True):
    """Announce a configuration version that is newer than this node's file."""


class ConfigNewer(HostVerb, request=True):
    """Write the next configuration version to one node without announcing it."""


class ConfigMend(Verb, request=True):
    """Give every node the newest configuration, and announce it."""


class RenameCluster(Verb, request=True):
    """Make every cman report another cluster name from now on."""

    name: Text
    capability = Capability.RENAMED_CLUSTER


# --- the daemon ---------------------------------------------------------------------------------


class DaemonStart(HostVerb):
    """Start a host's daemon."""


class DaemonKill(HostVerb):
    """SIGKILL a host's daemon."""


class DaemonSigterm(HostVerb):
    """SIGTERM a host's daemon; it ends in its own time."""


class DaemonRestart(HostVerb):
    """SIGKILL a host's daemon and start another."""


class SetRules(HostVerb):
    """Change a host's settings, effective with its daemon's next start."""

    rules: Annotated[Rules, Kind.RULES, Spelled(trace=None)]


class Forget(HostVerb):
    """Run `o2cbd forget NAME` on a host."""

    name: NotedName


class Shutdown(HostVerb, request=True):
    """Ask cman to shut the cluster down on a node, as `cman_tool leave` does."""

    forced: Annotated[Flag, Spelled(request="force", help="Leave whatever the answers are.")] = (
        False
    )
    removed: Annotated[
        Flag,
        Spelled(request="remove", help="Leave for good.", capability=Capability.LEAVING_FOR_GOOD),
    ] = False


# --- faults -------------------------------------------------------------------------------------


class Notice(HostVerb, request=True):
    """Lose, double, delay or bundle the next notices of a node."""

    fault: Annotated[NoticeFault, Kind.FAULT, Spelled(first=True)]
    count: Count = 1
    delay_us: Annotated[Number, Spelled(request="delay_ms", scale=1000)] = 1_000_000
    capability = Capability.NOTICE_FAULTS


class FailRead(HostVerb, request=True):
    """Make the next readings of a node's member list fail."""

    errno: Annotated[Errno, Spelled(without=errnos.EIO)]
    count: Count = 1
    capability = Capability.FAILING_READS


class Fault(HostVerb, request=True):
    """Make the next such calls on a node's configfs fail: mkdir, rmdir, open, write:num ..."""

    call: Annotated[str, Kind.CALL]
    errno: Errno
    count: Annotated[Count, Spelled(without=1, note="else until `mend-calls`")] | None = None
    path: Annotated[Text, Spelled(request=None, note="there or below")] | None = None
    capability = Capability.CALL_FAULTS


class MendCalls(HostVerb, request=True):
    """End every `fault` of a node."""

    capability = Capability.CALL_FAULTS


class CrashDaemonAt(HostVerb, request=True):
    """SIGKILL the process that makes the K-th such call on a node's configfs, inside the call."""

    call: Annotated[str, Kind.CRASH_CALL, Spelled(metavar="CALL[:K]")]
    nth: Annotated[Count, Spelled(request=None, note="K")] = 1
    capability = Capability.CALL_FAULTS


class UnmountConfigfs(HostVerb):
    """Unmount a host's configfs."""


class MountConfigfs(HostVerb):
    """Undo `unmount-configfs`."""


class MountsUnreadable(HostVerb):
    """Make a host's mount table unreadable."""

    errno: Annotated[Errno, Spelled(request=None, note="else it can be read again")] | None = None
    capability = Capability.UNREADABLE_MOUNTS

    @classmethod
    def commands(cls) -> tuple[Command, ...]:
        """Return the two words of `fakecluster ctl` that mean it."""
        return (
            Command(
                word="hide-mounts",
                verb=cls,
                doc="Make a node's mount table unreadable.",
                fixed={"errno": errnos.EIO},
            ),
            Command(word="show-mounts", verb=cls, doc="Undo `hide-mounts`.", fixed={"errno": None}),
        )


class PlaceCluster(HostVerb):
    """Create a cluster in a host's kernel by hand."""

    name: Annotated[Text, Spelled(note="else ours")] | None = None


class PlaceNode(HostVerb):
    """Create a node of our cluster in a host's kernel by hand."""

    name: Text
    num: Annotated[Number, Spelled(note="else half made")] | None = None
    address: Text | None = None
    port: Count | None = None
    local: Annotated[Flag, Spelled(trace=None)] = False


class DropNode(HostVerb):
    """Remove a node from a host's kernel by hand."""

    name: Name


class DropCluster(HostVerb):
    """Remove an empty cluster from a host's kernel by hand."""

    name: Text


class Hold(HostVerb):
    """Take a host's semaphore by another process."""


class Release(HostVerb):
    """Release the semaphore that `hold` took."""


class KillHolder(HostVerb):
    """Kill the process that took the semaphore by `hold`."""


class RemoveSemaphore(HostVerb, request=True):
    """Remove a node's semaphore set; its holder does not notice."""


class SemaphoreUnusable(HostVerb):
    """Make every use of a host's semaphore fail."""

    errno: Annotated[Errno, Spelled(note="else it can be used again")] | None = None
