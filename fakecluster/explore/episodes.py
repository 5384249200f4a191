"""What goes wrong, in episodes: a fault, what follows it, and mostly its end.

A swarm takes some of the kinds and leaves the others out, so that what one kind hides another run
shows.
"""

from __future__ import annotations

import errno as errnos
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from fakecluster import verbs
from fakecluster.cman.notices import NoticeFault
from fakecluster.explore.cast import Cast
from fakecluster.explore.settings import redraw_rules
from fakecluster.explore.topologies import ODD_NAMES

Episode = Callable[[Cast], None]

_CALLS = ("mkdir", "rmdir", "write:num", "write:ipv4_port", "write:ipv4_address", "write:local")
_READS = ("scandir", "open", "read", "read:num", "read:local")
_ERRNOS = (
    *(errnos.EBUSY, errnos.EEXIST, errnos.EIO, errnos.EINTR, errnos.ENOSPC),
    *(errnos.EINVAL, errnos.EACCES, errnos.ENOENT, errnos.ENOMEM),
)
_READ_ERRNOS = (
    *(errnos.EIO, errnos.EINTR, errnos.EACCES),
    *(errnos.ENOENT, errnos.ENOMEM, errnos.ENODEV),
)
_NOTICED_US = 5_000_000
"""After so long a death is noticed and a removal tried, mostly."""
_MANAGER_ERRNOS = (errnos.EIO, errnos.EINVAL, errnos.ENOMEM, errnos.ENOENT, errnos.EAGAIN)


def _power(cast: Cast) -> None:
    node = cast.node()
    cast.do(verbs.Kill(node=node))
    cast.later().maybe(verbs.Start(node=node))


def _two_deaths(cast: Cast) -> None:
    for node in cast.nodes()[:2]:
        cast.do(verbs.Kill(node=node))
        cast.later().maybe(verbs.Start(node=node))


def _leave(cast: Cast) -> None:
    node = cast.node()
    cast.do(verbs.Leave(node=node, removed=cast.draw.chance(3)))
    cast.later().maybe(verbs.CmanStart(node=node))


def _cman_crash(cast: Cast) -> None:
    node = cast.node()
    cast.do(verbs.CmanCrash(node=node))
    cast.later().maybe(verbs.CmanStart(node=node))


def _cman_stop(cast: Cast) -> None:
    node = cast.node()
    cast.do(verbs.CmanStop(node=node))
    if cast.draw.chance(4):
        cast.later().do(verbs.DaemonSigterm(node=node))
        cast.later().maybe(verbs.DaemonStart(node=node))
    cast.later().maybe(verbs.CmanCont(node=node))


def _daemon(cast: Cast) -> None:
    node = cast.node()
    if cast.draw.chance(2):
        cast.do(verbs.DaemonRestart(node=node))
        return
    cast.do(cast.draw.pick((verbs.DaemonKill, verbs.DaemonSigterm))(node=node))
    cast.later().maybe(verbs.DaemonStart(node=node))


def _crash(cast: Cast) -> None:
    """The daemon dies inside a call, which some change of the cluster makes come soon."""
    node = cast.node()
    call = cast.draw.pick((*_CALLS, *_READS, "any", "change", "change", "change"))
    cast.do(verbs.CrashDaemonAt(node=node, call=call, nth=1 + cast.draw.span_us(40)))
    _power(cast.later(5_000_000))
    for _ in range(cast.draw.between(1, 3)):
        cast.later().maybe(verbs.DaemonStart(node=node))


def _partition(cast: Cast) -> None:
    groups: list[list[int]] = [[] for _ in range(cast.draw.between(2, 3))]
    for node in cast.topology.ids:
        cast.draw.pick(groups).append(node)
    cast.do(verbs.Partition(groups=tuple(tuple(group) for group in groups if group)))
    cast.later().maybe(verbs.Heal())


def _scatter(cast: Cast) -> None:
    """All are alone, or in pairs, and find each other again; once or a few times."""
    for _ in range(cast.draw.between(1, 3)):
        ids, size = cast.topology.ids, cast.draw.between(1, 2)
        groups = tuple(ids[at : at + size] for at in range(0, len(ids), size))
        cast.do(verbs.Partition(groups=groups))
        cast = cast.after(_NOTICED_US).later(10_000_000)
        cast.do(verbs.Heal())
        cast = cast.later(2_000_000)


def _expected(cast: Cast) -> None:
    """Who is left of a cluster, or each part of it, is told to go on."""
    cast.draw.pick((_power, _partition, _partition, _isolate))(cast)
    cast = cast.after(_NOTICED_US).later(10_000_000)
    for node in cast.nodes()[:2]:
        votes = cast.draw.between(1, 3) if cast.draw.chance(4, times=3) else cast.draw.between(4, 9)
        cast.do(verbs.Expected(node=node, votes=votes))
        cast = cast.later(5_000_000)


def _votes(cast: Cast) -> None:
    """Some nodes get other votes, where those who are there reach them."""
    if cast.draw.chance(2):
        cast.draw.pick((_power, _partition, _isolate))(cast)
        cast = cast.after(_NOTICED_US).later(10_000_000)
    for node in cast.nodes()[:2]:
        cast.do(verbs.Votes(node=node, votes=cast.draw.between(0, 4)))
        cast = cast.later(5_000_000)


def _cman_port(cast: Cast) -> None:
    """Clients of two managers bind one port, which those two are told of."""
    port = cast.draw.between(1, 3)
    for node in cast.nodes()[:2]:
        cast.do(verbs.BindPort(node=node, port=port))
        cast.later().maybe(verbs.ClosePort(node=node, port=port))


def _config_file(cast: Cast) -> None:
    """One file is older or newer than the others, and its node or a link comes and goes."""
    node = cast.node()
    cast.do(cast.draw.pick((verbs.ConfigOlder, verbs.ConfigNewer))(node=node))
    for _ in range(cast.draw.between(1, 2)):
        cast = cast.later(10_000_000)
        if cast.draw.chance(3, times=2):
            cast.do(cast.draw.pick((verbs.Leave, verbs.CmanCrash))(node=node))
            cast = cast.later(10_000_000)
            cast.do(verbs.CmanStart(node=node))
        elif cast.draw.chance(2):
            _isolate(cast)
        else:
            _votes(cast)
    cast.later().maybe(verbs.ConfigMend())


def _isolate(cast: Cast) -> None:
    cast.do(verbs.Isolate(node=cast.node()))
    cast.later().maybe(verbs.Heal())


def _ring(cast: Cast) -> None:
    cast.do(verbs.Ring())
    cast.later().maybe(verbs.Heal())


def _one_way(cast: Cast) -> None:
    """Links are cut one by one and mended in another order."""
    for _ in range(cast.draw.between(1, 4)):
        speaker, listener = cast.node(), cast.node()
        if speaker != listener:
            cast.later(5_000_000).do(verbs.Cut(speaker=speaker, listener=listener))
            cast.later().maybe(verbs.Mend(speaker=speaker, listener=listener))


def _slow(cast: Cast) -> None:
    cast.do(
        verbs.SlowNetwork(
            delay_us=cast.draw.span_us(400_000),
            jitter_us=cast.draw.span_us(400_000),
            loss_percent=cast.draw.below(40),
        )
    )
    _power(cast.later(5_000_000))
    cast.later().maybe(verbs.SlowNetwork())


def _mount(cast: Cast) -> None:
    for node in cast.nodes():
        cast.later(2_000_000).do(verbs.Mount(node=node))
        if cast.draw.chance(4):  # what its own entry must not follow while it is in use
            cast.later(5_000_000).do(verbs.ChangeAddress(node=node, addresses=(cast.address(),)))
        if cast.draw.chance(8):
            cast.later().do(verbs.DaemonSigterm(node=node))
        cast.later().maybe(verbs.Umount(node=node))


def _pin(cast: Cast) -> None:
    node, (victim, name) = cast.node(), cast.victim()
    cast.do(verbs.Pin(node=node, name=name))
    gone = cast.later(2_000_000)
    gone.do(verbs.Kill(node=victim))
    if cast.draw.chance(2):
        gone = gone.after(_NOTICED_US)
    if cast.draw.chance(2):
        gone.later().do(verbs.Start(node=victim))
    gone.later().maybe(verbs.Unpin(node=node, name=name))


def _address(cast: Cast) -> None:
    node = cast.node()
    cast.do(
        verbs.ChangeAddress(
            node=node,
            addresses=(cast.address(),),
            now=cast.draw.chance(2),
            host=cast.draw.chance(4, times=3),
        )
    )


def _swap(cast: Cast) -> None:
    """Two nodes change places."""
    first, second = cast.draw.pick(cast.topology.nodes), cast.draw.pick(cast.topology.nodes)
    if not first.addresses or not second.addresses:
        return
    cast.do(verbs.ChangeAddress(node=first.id, addresses=second.addresses))
    cast.later(3_000_000).do(verbs.ChangeAddress(node=second.id, addresses=first.addresses))


def _interface(cast: Cast) -> None:
    node = cast.draw.pick(cast.topology.nodes)
    if node.addresses:
        cast.do(verbs.TakeAddress(node=node.id, address=node.addresses[0]))
        cast.do(verbs.DaemonRestart(node=node.id))
        cast.later().maybe(verbs.GiveAddress(node=node.id, address=node.addresses[0]))


def _port(cast: Cast) -> None:
    node, port = cast.node(), cast.draw.pick((7777, 7777, 7000))
    cast.do(verbs.TakePort(node=node, port=port))
    _power(cast.later(2_000_000))
    cast.later().maybe(verbs.FreePort(node=node, port=port))


def _configuration(cast: Cast) -> None:
    new = cast.draw.between(9, 12) if cast.draw.chance(5, times=4) else 260
    name = f"new{new}" if cast.draw.chance(4, times=3) else cast.name()
    cast.do(verbs.AddNode(id=new, name=name, addresses=(cast.address(),)))
    cast.later(5_000_000).maybe(verbs.Start(node=new))
    if cast.draw.chance(2):
        cast.later().do(verbs.RemoveNode(node=cast.draw.pick((new, cast.node()))))


def _rename(cast: Cast) -> None:
    name = cast.draw.pick((*ODD_NAMES, "other", "another", cast.name(), cast.name()))
    cast.do(verbs.RenameNode(node=cast.node(), name=name))


def _rename_cluster(cast: Cast) -> None:
    """All managers are stopped, renamed and started: their name is fixed while they run."""
    for name in (cast.draw.pick(("o3", "not alnum", "x" * 15)), cast.topology.cluster):
        for node in cast.topology.ids:
            cast.do(verbs.CmanCrash(node=node))
        cast.do(verbs.RenameCluster(name=name))
        for node in cast.topology.ids:
            cast.do(verbs.CmanStart(node=node))
        if cast.draw.chance(2):
            return
        cast = cast.later()


def _notice(cast: Cast) -> None:
    cast.do(
        verbs.Notice(
            node=cast.node(),
            fault=cast.draw.pick(tuple(NoticeFault)),
            count=cast.draw.between(1, 4),
            delay_us=cast.draw.span_us(3_000_000),
        )
    )
    _power(cast.later(1_000_000))


def _fail_read(cast: Cast) -> None:
    node, errno = cast.node(), cast.draw.pick(_MANAGER_ERRNOS)
    cast.do(verbs.FailRead(node=node, errno=errno, count=cast.draw.between(1, 3)))
    _power(cast.later(1_000_000))


def _fault(cast: Cast) -> None:
    node = cast.node()
    if cast.draw.chance(3):
        call, errno = cast.draw.pick(_READS), cast.draw.pick(_READ_ERRNOS)
    else:
        call, errno = cast.draw.pick(_CALLS), cast.draw.pick(_ERRNOS)
    if (
        cast.draw.chance(3) and errno != errnos.EINTR
    ):  # a call that is interrupted for ever never ends
        cast.do(verbs.Fault(node=node, call=call, errno=errno))
        cast.later().maybe(verbs.MendCalls(node=node))
    else:
        count = cast.draw.between(1, 5)
        cast.do(verbs.Fault(node=node, call=call, errno=errno, count=count))
    _power(cast.later(2_000_000))


def _no_configfs(cast: Cast) -> None:
    node = cast.node()
    cast.do(verbs.UnmountConfigfs(node=node))
    cast.later().maybe(verbs.MountConfigfs(node=node))


def _mount_table(cast: Cast) -> None:
    node = cast.node()
    cast.do(
        verbs.MountsUnreadable(
            node=node, errno=cast.draw.pick((errnos.EACCES, errnos.ENOENT, errnos.EIO))
        )
    )
    cast.later().do(verbs.Shutdown(node=node))
    cast.later().maybe(verbs.MountsUnreadable(node=node))


def _stranger(cast: Cast) -> None:
    """Somebody else's cluster, or a node of ours that somebody else made."""
    node = cast.node()
    if cast.draw.chance(4):
        cast.do(verbs.PlaceCluster(node=node, name="other"))
        cast.later().maybe(verbs.DropCluster(node=node, name="other"))
        return
    name = cast.draw.pick((cast.name(), "stale"))
    made = verbs.PlaceNode(node=node, name=name)
    if cast.draw.chance(4, times=3):
        made = replace(made, port=7777)
        if cast.draw.chance(3, times=2):
            made = replace(made, address=cast.address())
            if cast.draw.chance(3, times=2):
                num = cast.draw.pick((cast.node() % 255, cast.draw.between(20, 254)))
                made = replace(made, num=num)
    cast.do(made)
    if cast.draw.chance(3):
        cast.later().do(verbs.DropNode(node=node, name=name))


def _dropped(cast: Cast) -> None:
    cast.do(verbs.DropNode(node=cast.node(), name=cast.name()))


def _hold(cast: Cast) -> None:
    node = cast.node()
    cast.do(verbs.Hold(node=node))
    _power(cast.later(2_000_000))
    verb = cast.draw.pick((verbs.Release, verbs.KillHolder, verbs.RemoveSemaphore))(node=node)
    if cast.draw.chance(4):  # so long that it is warned of
        cast.after(75_000_000).do(verb)
    else:
        cast.later().maybe(verb)


def _semaphore(cast: Cast) -> None:
    node = cast.node()
    cast.do(
        verbs.SemaphoreUnusable(node=node, errno=cast.draw.pick((errnos.EACCES, errnos.ENOSPC)))
    )
    _power(cast.later(2_000_000))
    cast.later().maybe(verbs.SemaphoreUnusable(node=node))


def _rules(cast: Cast) -> None:
    node = cast.node()
    cast.do(verbs.SetRules(node=node, rules=redraw_rules(cast.draw, cast.topology, cast.rules)))
    cast.later(3_000_000).do(verbs.DaemonRestart(node=node))


def _forget(cast: Cast) -> None:
    victim, name = cast.victim()
    if cast.draw.chance(4, times=3):
        cast.do(verbs.Kill(node=victim))
    if cast.draw.chance(2):
        cast = cast.after(_NOTICED_US)
    for node in cast.nodes()[:2]:
        cast.later().do(verbs.Forget(node=node, name=name))


def _fence(cast: Cast) -> None:
    victim = cast.node()
    cast.do(verbs.Kill(node=victim))
    cast.later(10_000_000).do(verbs.Fence(node=victim, by=cast.node()))
    cast.later().maybe(verbs.Start(node=victim))


def _qdisk(cast: Cast) -> None:
    node = cast.node()
    cast.do(verbs.Qdisk(node=node, available=cast.draw.chance(2)))
    cast.later().do(verbs.Qdisk(node=node, available=True))


def _shutdown(cast: Cast) -> None:
    node = cast.node()
    if cast.draw.chance(3):
        cast.do(cast.draw.pick((verbs.Mount, verbs.Hold))(node=node))
        cast = cast.later(2_000_000)
    cast.do(verbs.Shutdown(node=node, forced=cast.draw.chance(4), removed=cast.draw.chance(4)))
    if cast.draw.chance(3):
        cast.later(6_000_000).do(verbs.Shutdown(node=node))
    cast.later().maybe(verbs.Start(node=node))


KINDS: Final[Mapping[str, Episode]] = MappingProxyType(
    {
        "power": _power,
        "two-deaths": _two_deaths,
        "leave": _leave,
        "cman-crash": _cman_crash,
        "cman-stop": _cman_stop,
        "daemon": _daemon,
        "crash": _crash,
        "partition": _partition,
        "scatter": _scatter,
        "expected": _expected,
        "votes": _votes,
        "config-file": _config_file,
        "cman-port": _cman_port,
        "isolate": _isolate,
        "ring": _ring,
        "one-way": _one_way,
        "slow": _slow,
        "mount": _mount,
        "pin": _pin,
        "address": _address,
        "swap": _swap,
        "interface": _interface,
        "port": _port,
        "configuration": _configuration,
        "rename": _rename,
        "rename-cluster": _rename_cluster,
        "notice": _notice,
        "fail-read": _fail_read,
        "fault": _fault,
        "no-configfs": _no_configfs,
        "mount-table": _mount_table,
        "stranger": _stranger,
        "dropped": _dropped,
        "hold": _hold,
        "semaphore": _semaphore,
        "rules": _rules,
        "forget": _forget,
        "fence": _fence,
        "qdisk": _qdisk,
        "shutdown": _shutdown,
    }
)
"""Every kind of episode by its name."""

RARE_KINDS: Final = frozenset({"rename-cluster", "no-configfs", "ring"})
"""What drowns everything else when it comes often."""
