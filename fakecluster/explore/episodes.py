"""What goes wrong, in episodes: a fault, what follows it, and mostly its end.

A swarm takes some of the kinds and leaves the others out, so that what one kind hides another run
shows.
"""

from __future__ import annotations

import errno as errnos
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from fakecluster import verbs
from fakecluster.cman.notices import NoticeFault
from fakecluster.explore.episode_builder import EpisodeBuilder
from fakecluster.explore.settings import redraw_rules
from fakecluster.explore.topologies import ODD_NAMES

Episode = Callable[[EpisodeBuilder], None]

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


def _power(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(verbs.Kill(node=node))
    episode.later().maybe(verbs.Start(node=node))


def _two_deaths(episode: EpisodeBuilder) -> None:
    for node in episode.nodes()[:2]:
        episode.do(verbs.Kill(node=node))
        episode.later().maybe(verbs.Start(node=node))


def _leave(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(verbs.Leave(node=node, removed=episode.draw.chance(3)))
    episode.later().maybe(verbs.CmanStart(node=node))


def _cman_crash(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(verbs.CmanCrash(node=node))
    episode.later().maybe(verbs.CmanStart(node=node))


def _cman_stop(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(verbs.CmanStop(node=node))
    if episode.draw.chance(4):
        episode.later().do(verbs.DaemonSigterm(node=node))
        episode.later().maybe(verbs.DaemonStart(node=node))
    episode.later().maybe(verbs.CmanCont(node=node))


def _daemon(episode: EpisodeBuilder) -> None:
    node = episode.node()
    if episode.draw.chance(2):
        episode.do(verbs.DaemonRestart(node=node))
        return
    episode.do(episode.draw.pick((verbs.DaemonKill, verbs.DaemonSigterm))(node=node))
    episode.later().maybe(verbs.DaemonStart(node=node))


def _crash(episode: EpisodeBuilder) -> None:
    """The daemon dies inside a call, which some change of the cluster makes come soon."""
    node = episode.node()
    call = episode.draw.pick((*_CALLS, *_READS, "any", "change", "change", "change"))
    episode.do(verbs.CrashDaemonAt(node=node, call=call, nth=1 + episode.draw.span_us(40)))
    _power(episode.later(5_000_000))
    for _ in range(episode.draw.between(1, 3)):
        episode.later().maybe(verbs.DaemonStart(node=node))


def _partition(episode: EpisodeBuilder) -> None:
    groups: list[list[int]] = [[] for _ in range(episode.draw.between(2, 3))]
    for node in episode.topology.ids:
        episode.draw.pick(groups).append(node)
    episode.do(verbs.Partition(groups=tuple(tuple(group) for group in groups if group)))
    episode.later().maybe(verbs.Heal())


def _scatter(episode: EpisodeBuilder) -> None:
    """All are alone, or in pairs, and find each other again; once or a few times."""
    for _ in range(episode.draw.between(1, 3)):
        ids, size = episode.topology.ids, episode.draw.between(1, 2)
        groups = tuple(ids[at : at + size] for at in range(0, len(ids), size))
        episode.do(verbs.Partition(groups=groups))
        episode = episode.after(_NOTICED_US).later(10_000_000)
        episode.do(verbs.Heal())
        episode = episode.later(2_000_000)


def _expected(episode: EpisodeBuilder) -> None:
    """An operator lowers the expected votes of what is left of a cluster, or of each part."""
    episode.draw.pick((_power, _partition, _partition, _isolate))(episode)
    episode = episode.after(_NOTICED_US).later(10_000_000)
    for node in episode.nodes()[:2]:
        votes = (
            episode.draw.between(1, 3)
            if episode.draw.chance(4, times=3)
            else episode.draw.between(4, 9)
        )
        episode.do(verbs.Expected(node=node, votes=votes))
        episode = episode.later(5_000_000)


def _votes(episode: EpisodeBuilder) -> None:
    """Some nodes get other votes, where those who are there reach them."""
    if episode.draw.chance(2):
        episode.draw.pick((_power, _partition, _isolate))(episode)
        episode = episode.after(_NOTICED_US).later(10_000_000)
    for node in episode.nodes()[:2]:
        episode.do(verbs.Votes(node=node, votes=episode.draw.between(0, 4)))
        episode = episode.later(5_000_000)


def _cman_port(episode: EpisodeBuilder) -> None:
    """Clients of two managers bind one port, and both get notices of it."""
    port = episode.draw.between(1, 3)
    for node in episode.nodes()[:2]:
        episode.do(verbs.BindPort(node=node, port=port))
        episode.later().maybe(verbs.ClosePort(node=node, port=port))


def _config_file(episode: EpisodeBuilder) -> None:
    """One file is older or newer than the others, and its node or a link comes and goes."""
    node = episode.node()
    episode.do(episode.draw.pick((verbs.ConfigOlder, verbs.ConfigNewer))(node=node))
    for _ in range(episode.draw.between(1, 2)):
        episode = episode.later(10_000_000)
        if episode.draw.chance(3, times=2):
            episode.do(episode.draw.pick((verbs.Leave, verbs.CmanCrash))(node=node))
            episode = episode.later(10_000_000)
            episode.do(verbs.CmanStart(node=node))
        elif episode.draw.chance(2):
            _isolate(episode)
        else:
            _votes(episode)
    episode.later().maybe(verbs.ConfigMend())


def _isolate(episode: EpisodeBuilder) -> None:
    episode.do(verbs.Isolate(node=episode.node()))
    episode.later().maybe(verbs.Heal())


def _ring(episode: EpisodeBuilder) -> None:
    episode.do(verbs.Ring())
    episode.later().maybe(verbs.Heal())


def _one_way(episode: EpisodeBuilder) -> None:
    """Links are cut one by one and mended in another order."""
    for _ in range(episode.draw.between(1, 4)):
        speaker, listener = episode.node(), episode.node()
        if speaker != listener:
            episode.later(5_000_000).do(verbs.Cut(speaker=speaker, listener=listener))
            episode.later().maybe(verbs.Mend(speaker=speaker, listener=listener))


def _slow(episode: EpisodeBuilder) -> None:
    episode.do(
        verbs.SlowNetwork(
            delay_us=episode.draw.span_us(400_000),
            jitter_us=episode.draw.span_us(400_000),
            loss_percent=episode.draw.below(40),
        )
    )
    _power(episode.later(5_000_000))
    episode.later().maybe(verbs.SlowNetwork())


def _mount(episode: EpisodeBuilder) -> None:
    for node in episode.nodes():
        episode.later(2_000_000).do(verbs.Mount(node=node))
        if episode.draw.chance(4):  # what its own entry must not follow while it is in use
            episode.later(5_000_000).do(
                verbs.ChangeAddress(node=node, addresses=(episode.address(),))
            )
        if episode.draw.chance(8):
            episode.later().do(verbs.DaemonSigterm(node=node))
        episode.later().maybe(verbs.Umount(node=node))


def _pin(episode: EpisodeBuilder) -> None:
    node, (victim, name) = episode.node(), episode.victim()
    episode.do(verbs.Pin(node=node, name=name))
    gone = episode.later(2_000_000)
    gone.do(verbs.Kill(node=victim))
    if episode.draw.chance(4, times=3):
        gone = gone.after(_NOTICED_US)
    if episode.draw.chance(3):
        gone.later().do(verbs.Start(node=victim))
    gone.later().maybe(verbs.Unpin(node=node, name=name))


def _address(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(
        verbs.ChangeAddress(
            node=node,
            addresses=(episode.address(),),
            now=episode.draw.chance(2),
            host=episode.draw.chance(4, times=3),
        )
    )


def _swap(episode: EpisodeBuilder) -> None:
    """Two nodes change places."""
    first, second = (
        episode.draw.pick(episode.topology.nodes),
        episode.draw.pick(episode.topology.nodes),
    )
    if not first.addresses or not second.addresses:
        return
    episode.do(verbs.ChangeAddress(node=first.id, addresses=second.addresses))
    episode.later(3_000_000).do(verbs.ChangeAddress(node=second.id, addresses=first.addresses))


def _interface(episode: EpisodeBuilder) -> None:
    node = episode.draw.pick(episode.topology.nodes)
    if node.addresses:
        episode.do(verbs.TakeAddress(node=node.id, address=node.addresses[0]))
        episode.do(verbs.DaemonRestart(node=node.id))
        episode.later().maybe(verbs.GiveAddress(node=node.id, address=node.addresses[0]))


def _port(episode: EpisodeBuilder) -> None:
    node, port = episode.node(), episode.draw.pick((7777, 7777, 7000))
    episode.do(verbs.TakePort(node=node, port=port))
    _power(episode.later(2_000_000))
    episode.later().maybe(verbs.FreePort(node=node, port=port))


def _configuration(episode: EpisodeBuilder) -> None:
    new = episode.draw.between(9, 12) if episode.draw.chance(5, times=4) else 260
    name = f"new{new}" if episode.draw.chance(4, times=3) else episode.name()
    episode.do(verbs.AddNode(id=new, name=name, addresses=(episode.address(),)))
    episode.later(5_000_000).maybe(verbs.Start(node=new))
    if episode.draw.chance(2):
        episode.later().do(verbs.RemoveNode(node=episode.draw.pick((new, episode.node()))))


def _rename(episode: EpisodeBuilder) -> None:
    name = episode.draw.pick((*ODD_NAMES, "other", "another", episode.name(), episode.name()))
    episode.do(verbs.RenameNode(node=episode.node(), name=name))


def _rename_cluster(episode: EpisodeBuilder) -> None:
    """All managers are stopped, renamed and started: their name is fixed while they run."""
    for name in (episode.draw.pick(("o3", "not alnum", "x" * 15)), episode.topology.cluster):
        for node in episode.topology.ids:
            episode.do(verbs.CmanCrash(node=node))
        episode.do(verbs.RenameCluster(name=name))
        for node in episode.topology.ids:
            episode.do(verbs.CmanStart(node=node))
        if episode.draw.chance(2):
            return
        episode = episode.later()


def _notice(episode: EpisodeBuilder) -> None:
    episode.do(
        verbs.Notice(
            node=episode.node(),
            fault=episode.draw.pick(tuple(NoticeFault)),
            count=episode.draw.between(1, 4),
            delay_us=episode.draw.span_us(3_000_000),
        )
    )
    _power(episode.later(1_000_000))


def _fail_read(episode: EpisodeBuilder) -> None:
    node, errno = episode.node(), episode.draw.pick(_MANAGER_ERRNOS)
    episode.do(verbs.FailRead(node=node, errno=errno, count=episode.draw.between(1, 3)))
    _power(episode.later(1_000_000))


def _fault(episode: EpisodeBuilder) -> None:
    node = episode.node()
    if episode.draw.chance(3):
        call, errno = episode.draw.pick(_READS), episode.draw.pick(_READ_ERRNOS)
    else:
        call, errno = episode.draw.pick(_CALLS), episode.draw.pick(_ERRNOS)
    if (
        episode.draw.chance(3) and errno != errnos.EINTR
    ):  # a call that is interrupted for ever never ends
        episode.do(verbs.Fault(node=node, call=call, errno=errno))
        episode.later().maybe(verbs.MendCalls(node=node))
    else:
        count = episode.draw.between(1, 5)
        episode.do(verbs.Fault(node=node, call=call, errno=errno, count=count))
    _power(episode.later(2_000_000))


def _no_configfs(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(verbs.UnmountConfigfs(node=node))
    episode.later().maybe(verbs.MountConfigfs(node=node))


def _mount_table(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(
        verbs.MountsUnreadable(
            node=node, errno=episode.draw.pick((errnos.EACCES, errnos.ENOENT, errnos.EIO))
        )
    )
    episode.later().do(verbs.Shutdown(node=node))
    episode.later().maybe(verbs.MountsUnreadable(node=node))


def _stranger(episode: EpisodeBuilder) -> None:
    """Somebody else's cluster, or a node of ours that somebody else made."""
    node = episode.node()
    if episode.draw.chance(4):
        episode.do(verbs.PlaceCluster(node=node, name="other"))
        episode.later().maybe(verbs.DropCluster(node=node, name="other"))
        return
    name = episode.draw.pick((episode.name(), "stale"))
    made = verbs.PlaceNode(node=node, name=name)
    if episode.draw.chance(4, times=3):
        made = replace(made, port=7777)
        if episode.draw.chance(3, times=2):
            made = replace(made, address=episode.address())
            if episode.draw.chance(3, times=2):
                num = episode.draw.pick((episode.node() % 255, episode.draw.between(20, 254)))
                made = replace(made, num=num)
    episode.do(made)
    if episode.draw.chance(3):
        episode.later().do(verbs.DropNode(node=node, name=name))


def _dropped(episode: EpisodeBuilder) -> None:
    episode.do(verbs.DropNode(node=episode.node(), name=episode.name()))


def _hold(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(verbs.Hold(node=node))
    _power(episode.later(2_000_000))
    verb = episode.draw.pick((verbs.Release, verbs.KillHolder, verbs.RemoveSemaphore))(node=node)
    if episode.draw.chance(4):  # so long that it is warned of
        episode.after(75_000_000).do(verb)
    else:
        episode.later().maybe(verb)


def _semaphore(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(
        verbs.SemaphoreUnusable(node=node, errno=episode.draw.pick((errnos.EACCES, errnos.ENOSPC)))
    )
    _power(episode.later(2_000_000))
    episode.later().maybe(verbs.SemaphoreUnusable(node=node))


def _rules(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(
        verbs.SetRules(node=node, rules=redraw_rules(episode.draw, episode.topology, episode.rules))
    )
    episode.later(3_000_000).do(verbs.DaemonRestart(node=node))


def _others(episode: EpisodeBuilder, node: int) -> Sequence[int]:
    """Return the ids of the other nodes; of the node itself where it is alone."""
    return [one for one in episode.topology.ids if one != node] or [node]


def _forget(episode: EpisodeBuilder) -> None:
    victim, name = episode.victim()
    if episode.draw.chance(4, times=3):
        episode.do(verbs.Kill(node=victim))
    if episode.draw.chance(2):
        episode = episode.after(_NOTICED_US)
    for node in episode.draw.some(_others(episode, victim))[:2]:
        episode.later().do(verbs.Forget(node=node, name=name))
    if episode.draw.chance(2):  # the word was about one death, not about the next
        back = episode.later().after(_NOTICED_US)
        back.do(verbs.Start(node=victim))
        back.after(2 * _NOTICED_US).do(verbs.Kill(node=victim))


def _fence(episode: EpisodeBuilder) -> None:
    victim = episode.node()
    episode.do(verbs.Kill(node=victim))
    by = episode.draw.pick(_others(episode, victim))
    episode.after(_NOTICED_US).later(10_000_000).do(verbs.Fence(node=victim, by=by))
    if episode.draw.chance(2):
        episode.later().do(verbs.Start(node=victim))


def _qdisk(episode: EpisodeBuilder) -> None:
    node = episode.node()
    episode.do(verbs.Qdisk(node=node, available=episode.draw.chance(2)))
    episode.later().do(verbs.Qdisk(node=node, available=True))


def _shutdown(episode: EpisodeBuilder) -> None:
    node = episode.node()
    if episode.draw.chance(3):
        episode.do(episode.draw.pick((verbs.Mount, verbs.Hold))(node=node))
        episode = episode.later(2_000_000)
    episode.do(
        verbs.Shutdown(node=node, forced=episode.draw.chance(4), removed=episode.draw.chance(4))
    )
    if episode.draw.chance(3):
        episode.later(6_000_000).do(verbs.Shutdown(node=node))
    episode.later().maybe(verbs.Start(node=node))


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
