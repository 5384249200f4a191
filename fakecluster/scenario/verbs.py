"""The verbs of a scenario: what each needs, and what it does to a world."""

from __future__ import annotations

import enum
import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from fakecluster.cman.notices import NoticeFault
from fakecluster.cman.topology import NodeConfig
from fakecluster.scenario.model import Arg
from fakecluster.world import World


class Kind(enum.Enum):
    """What an argument is."""

    NODE = "the id of a node"
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


Args = Mapping[str, Any]
"""Checked against the verb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One thing that can be done."""

    about: str
    does: Callable[[World, Args], object]
    needs: Mapping[str, Kind] = field(default_factory=dict)
    may: Mapping[str, Kind] = field(default_factory=dict)

    @property
    def takes(self) -> Mapping[str, Kind]:
        """All arguments that it knows."""
        return {**self.needs, **self.may}


def number_of(symbol: str) -> int:
    """Return the number of an errno's symbol.

    Raises:
        KeyError: there is none.
    """
    return _NUMBERS[symbol]


_NUMBERS: Final = {symbol: number for number, symbol in errno.errorcode.items()}


def groups_of(text: str) -> tuple[tuple[int, ...], ...]:
    """Read groups of nodes: `1,2/3`.

    Raises:
        ValueError: it is not written so.
    """
    return tuple(tuple(int(one) for one in group.split(",")) for group in text.split("/"))


def _on(about: str, does: Callable[[World, Args], object], **needs: Kind) -> Verb:
    return Verb(about=about, does=does, needs={"node": Kind.NODE, **needs})


def _errno(args: Args) -> int:
    return number_of(args["errno"])


def _maybe_errno(args: Args) -> int | None:
    return _errno(args) if "errno" in args else None


def _given(args: Args, *names: str) -> dict[str, Arg]:
    return {name: args[name] for name in names if name in args}


def _do_partition(world: World, args: Args) -> None:
    world.partition(*groups_of(args["groups"]))


def _do_notice(world: World, args: Args) -> None:
    fault = NoticeFault(args["fault"])
    world.notice(args["node"], fault, **_given(args, "count", "delay_us"))  # type: ignore[arg-type]


def _do_add_node(world: World, args: Args) -> None:
    node = NodeConfig(
        id=args["id"],
        name=args["name"],
        addresses=args.get("addresses", ()),
        votes=args.get("votes", 1),
    )
    world.add_node(node)


_N, _E, _T, _NAME = Kind.NODE, Kind.ERRNO, Kind.TEXT, Kind.NAME
_COUNTED: Final = {"count": Kind.COUNT}

VERBS: Final[Mapping[str, Verb]] = MappingProxyType(
    {
        # --- power
        "boot": _on("power on, nothing else", lambda w, a: w.boot(a["node"])),
        "start": Verb(
            about="power, cman and daemon, where they are not there",
            does=lambda w, a: w.start(a["node"], daemon=a.get("daemon", True)),
            needs={"node": _N},
            may={"daemon": Kind.FLAG},
        ),
        "kill": _on("power off", lambda w, a: w.kill(a["node"])),
        "leave": Verb(
            about="leave the cluster cleanly without asking",
            does=lambda w, a: w.leave(a["node"], removed=a.get("removed", False)),
            needs={"node": _N},
            may={"removed": Kind.FLAG},
        ),
        # --- the cluster manager
        "cman-start": _on("start cman", lambda w, a: w.cman_start(a["node"])),
        "cman-crash": _on("SIGKILL of cman alone", lambda w, a: w.cman_crash(a["node"])),
        "cman-stop": _on("SIGSTOP of cman", lambda w, a: w.cman_stop(a["node"])),
        "cman-cont": _on("SIGCONT of cman", lambda w, a: w.cman_cont(a["node"])),
        "fence": _on(
            "tell the manager of `by` that a node was fenced",
            lambda w, a: w.fence(a["node"], by=a["by"]),
            by=_N,
        ),
        "qdisk": _on(
            "let the quorum disk's daemon poll with that result",
            lambda w, a: w.qdisk(a["node"], available=a["available"]),
            available=Kind.FLAG,
        ),
        "expected": _on(
            "`cman_tool expected`: so many votes are expected from now on",
            lambda w, a: w.expected(a["node"], a["votes"]),
            votes=Kind.COUNT,
        ),
        "votes": _on(
            "`cman_tool votes`: the node has so many votes from now on",
            lambda w, a: w.votes(a["node"], a["votes"]),
            votes=Kind.NUMBER,
        ),
        "bind-port": _on(
            "a client of cman binds a port",
            lambda w, a: w.bind_port(a["node"], a["port"]),
            port=Kind.NUMBER,
        ),
        "close-port": _on(
            "and ends", lambda w, a: w.close_port(a["node"], a["port"]), port=Kind.NUMBER
        ),
        # --- the network
        "partition": Verb(
            about="only nodes of one group hear each other",
            does=_do_partition,
            needs={"groups": Kind.GROUPS},
        ),
        "isolate": _on("hears nobody, is heard by nobody", lambda w, a: w.isolate(a["node"])),
        "cut": Verb(
            about="the listener hears nothing from the speaker",
            does=lambda w, a: w.cut(a["speaker"], a["listener"]),
            needs={"speaker": _N, "listener": _N},
        ),
        "mend": Verb(
            about="undo one cut",
            does=lambda w, a: w.mend(a["speaker"], a["listener"]),
            needs={"speaker": _N, "listener": _N},
        ),
        "ring": Verb(about="each hears only its neighbours by id", does=lambda w, _a: w.ring()),
        "heal": Verb(about="undo all partitions and cuts", does=lambda w, _a: w.heal()),
        "slow-network": Verb(
            about="everything between nodes takes longer; with nothing given as fast as it was",
            does=lambda w, a: w.slow_network(**a),
            may={"delay_us": Kind.NUMBER, "jitter_us": Kind.NUMBER, "loss_percent": Kind.PERCENT},
        ),
        # --- the shared volume and the kernel
        "mount": _on("mount the shared volume", lambda w, a: w.mount(a["node"])),
        "umount": _on("unmount it", lambda w, a: w.umount(a["node"])),
        "pin": _on(
            "the kernel refuses to let `name` go",
            lambda w, a: w.pin(a["node"], a["name"]),
            name=_NAME,
        ),
        "unpin": _on("end that", lambda w, a: w.unpin(a["node"], a["name"]), name=_NAME),
        # --- configuration
        "address": Verb(
            about="other addresses; `now`: at once, else at its next join; `host`: it has them",
            does=lambda w, a: w.address(
                a["node"],
                *a["addresses"],
                now=a.get("now", True),
                host_too=a.get("host", True),
            ),
            needs={"node": _N, "addresses": Kind.ADDRESSES},
            may={"now": Kind.FLAG, "host": Kind.FLAG},
        ),
        "give-address": _on(
            "the host has an address more, the manager is not told",
            lambda w, a: w.give_address(a["node"], a["address"]),
            address=Kind.ADDRESS,
        ),
        "take-address": _on(
            "the host has an address less, the manager is not told",
            lambda w, a: w.take_address(a["node"], a["address"]),
            address=Kind.ADDRESS,
        ),
        "take-port": _on(
            "another program listens there",
            lambda w, a: w.take_port(a["node"], a["port"]),
            port=Kind.COUNT,
        ),
        "free-port": _on(
            "end that", lambda w, a: w.free_port(a["node"], a["port"]), port=Kind.COUNT
        ),
        "add-node": Verb(
            about="into the manager's configuration, powered off",
            does=_do_add_node,
            needs={"id": Kind.COUNT, "name": _T},
            may={"addresses": Kind.ADDRESSES, "votes": Kind.NUMBER},
        ),
        "remove-node": _on("out of the configuration", lambda w, a: w.remove_node(a["node"])),
        "rename-node": _on(
            "another name", lambda w, a: w.rename_node(a["node"], a["name"]), name=_T
        ),
        "config-older": _on(
            "the next version of the configuration is announced, and this node's file is older",
            lambda w, a: w.config_older(a["node"]),
        ),
        "config-newer": _on(
            "this node's file alone is the next version, and nobody is told",
            lambda w, a: w.config_newer(a["node"]),
        ),
        "config-mend": Verb(
            about="all files are the newest one, which is announced",
            does=lambda w, _: w.config_mend(),
        ),
        "rename-cluster": Verb(
            about="every manager reports another cluster name",
            does=lambda w, a: w.rename_cluster(a["name"]),
            needs={"name": _T},
        ),
        # --- the daemon
        "daemon-start": _on("start the daemon", lambda w, a: w.daemon_start(a["node"])),
        "daemon-kill": _on("SIGKILL", lambda w, a: w.daemon_kill(a["node"])),
        "daemon-sigterm": _on("SIGTERM", lambda w, a: w.daemon_sigterm(a["node"])),
        "daemon-restart": _on("SIGKILL and start", lambda w, a: w.daemon_restart(a["node"])),
        "set-rules": _on(
            "other settings from the daemon's next start on",
            lambda w, a: w.set_rules(a["node"], a["rules"]),
            rules=Kind.RULES,
        ),
        "forget": _on("o2cbd forget NAME", lambda w, a: w.forget(a["node"], a["name"]), name=_NAME),
        "shutdown": Verb(
            about="ask for a shutdown",
            does=lambda w, a: w.shutdown(
                a["node"], forced=a.get("forced", False), removed=a.get("removed", False)
            ),
            needs={"node": _N},
            may={"forced": Kind.FLAG, "removed": Kind.FLAG},
        ),
        # --- faults
        "notice": Verb(
            about="spoil the next notices of a node's manager",
            does=_do_notice,
            needs={"node": _N, "fault": Kind.FAULT},
            may={"count": Kind.COUNT, "delay_us": Kind.NUMBER},
        ),
        "fail-read": Verb(
            about="the next readings of the membership fail",
            does=lambda w, a: w.fail_read(a["node"], _errno(a), count=a.get("count", 1)),
            needs={"node": _N, "errno": _E},
            may=_COUNTED,
        ),
        "fault": Verb(
            about="the next such calls to configfs fail; without `count` until the end",
            does=lambda w, a: w.fault(
                a["node"], a["call"], _errno(a), count=a.get("count"), path=a.get("path")
            ),
            needs={"node": _N, "call": Kind.CALL, "errno": _E},
            may={**_COUNTED, "path": _T},
        ),
        "mend-calls": _on("end all such faults", lambda w, a: w.mend_calls(a["node"])),
        "crash-daemon-at": Verb(
            about="the daemon dies inside its nth such call, which is not applied",
            does=lambda w, a: w.crash_daemon_at(a["node"], a["call"], a.get("nth", 1)),
            needs={"node": _N, "call": Kind.CRASH_CALL},
            may={"nth": Kind.COUNT},
        ),
        "unmount-configfs": _on("no configfs there", lambda w, a: w.unmount_configfs(a["node"])),
        "mount-configfs": _on("there again", lambda w, a: w.mount_configfs(a["node"])),
        "mounts-unreadable": Verb(
            about="the mount table cannot be read; without `errno`: it can again",
            does=lambda w, a: w.mounts_unreadable(a["node"], _maybe_errno(a)),
            needs={"node": _N},
            may={"errno": _E},
        ),
        "place-cluster": Verb(
            about="somebody makes a cluster in the kernel; without `name` ours",
            does=lambda w, a: w.place_cluster(a["node"], a.get("name")),
            needs={"node": _N},
            may={"name": _T},
        ),
        "place-node": Verb(
            about="somebody makes a node in the kernel; without `num` half made",
            does=lambda w, a: w.place_node(
                a["node"],
                a["name"],
                num=a.get("num"),
                address=a.get("address"),
                port=a.get("port"),
                local=a.get("local", False),
            ),
            needs={"node": _N, "name": _T},
            may={"num": Kind.NUMBER, "address": _T, "port": Kind.COUNT, "local": Kind.FLAG},
        ),
        "drop-node": _on(
            "somebody removes a node",
            lambda w, a: w.drop_node(a["node"], a["name"]),
            name=_NAME,
        ),
        "drop-cluster": _on(
            "somebody removes a cluster", lambda w, a: w.drop_cluster(a["node"], a["name"]), name=_T
        ),
        "hold": _on("another process takes the semaphore", lambda w, a: w.hold(a["node"])),
        "release": _on("and gives it back", lambda w, a: w.release(a["node"])),
        "kill-holder": _on("or is killed", lambda w, a: w.kill_holder(a["node"])),
        "remove-semaphore": _on("IPC_RMID", lambda w, a: w.remove_semaphore(a["node"])),
        "semaphore-unusable": Verb(
            about="every use of it fails; without `errno`: no longer",
            does=lambda w, a: w.semaphore_unusable(a["node"], _maybe_errno(a)),
            needs={"node": _N},
            may={"errno": _E},
        ),
    }
)
"""Every verb by its name."""
