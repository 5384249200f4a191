"""`o2cbd flush`."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.commands.asking import exit_codes
from o2cbd.commands.common import (
    Failure,
    absolute,
    config_option,
    load_settings,
    os_failure,
    runtime_dir_option,
    say,
)
from o2cbd.configfs.interface import NotConfigfsError
from o2cbd.configfs.refusals import check_name
from o2cbd.configfs.tree import OsNodeTree
from o2cbd.core.exit_codes import (
    EXIT_CANNOT_CREATE,
    EXIT_TRY_AGAIN,
    EXIT_UNAVAILABLE,
)
from o2cbd.core.model import UNSET_ADDRESS, Entry, RemoveNode, Tables, Usage
from o2cbd.core.removals import holds_zero
from o2cbd.core.reports import counted, process, spell, symbol
from o2cbd.errors import printable, said
from o2cbd.given_settings import overridden
from o2cbd.hold.semaphore import SysvHold
from o2cbd.service.client import ControlClient, NoDaemonError
from o2cbd.service.locks import AlreadyRunningError, lock_configfs
from o2cbd.settings import DaemonSettings
from o2cbd.usage.reader import HostUsage

_ANY = "o2cb"
"""Asked for where no name is given: a reading names every cluster."""


def directory_name(
    _context: click.Context, _option: click.Parameter, name: str | None
) -> str | None:
    """Take any name that a cluster's directory can have, fit for OCFS2 or not."""
    if name is None:
        return None
    try:
        check_name(name)
    except OSError as error:
        raise click.BadParameter(error.strerror or str(error)) from None
    return name


@click.command("flush")
@click.option(
    "--cluster",
    metavar="NAME",
    callback=directory_name,
    help=("The cluster (default: the one in configfs)."),
)
@click.option("--configfs", metavar="PATH", callback=absolute, help="Where configfs is mounted.")
@click.option("--mounts", metavar="PATH", callback=absolute, help="The mount table to read.")
@click.option("--debugfs", metavar="PATH", callback=absolute, help="Where debugfs is mounted.")
@config_option
@runtime_dir_option
def command(
    *,
    cluster: str | None,
    configfs: str | None,
    mounts: str | None,
    debugfs: str | None,
    config: str | None,
    runtime_dir: str | None,
) -> None:
    """Remove an unused cluster and its nodes from this kernel.

    Exit code 75, with all reasons and without changes, while it has a heartbeat region, an OCFS2
    volume is mounted, a peer is alive or connected, the semaphore is held, or an o2cbd manages it.
    """
    settings = overridden(
        load_settings(config),
        membership=None,
        libcman=None,
        paths={
            "configfs": configfs,
            "mounts": mounts,
            "debugfs": debugfs,
            "runtime_dir": runtime_dir,
        },
        cluster=None,
        port=None,
    )
    calls = CallBoard(MonotonicClock())
    tree = OsNodeTree(settings.paths.configfs, settings.paths.debugfs, calls)
    with ExitStack() as stack:
        stack.callback(tree.close)
        name = _find(tree, cluster, settings.paths.configfs)
        if name is None:
            return
        reasons = [
            *_kept(settings, name, stack),
            *_held(settings, name, stack),
        ]
        tables = _read(tree, name)
        reasons += _in_use(tables, _usage(settings, calls, name), _connected(settings))
        if reasons:
            head = f"cluster {spell(name)} was not removed:"
            raise Failure(EXIT_TRY_AGAIN, "\n".join([head, *reasons]))
        _remove(tree, name, tables)
    nodes = counted(len(tables.entries), "node")
    say(printable(f"removed cluster {spell(name)} with {nodes}"))


def _find(tree: OsNodeTree, cluster: str | None, configfs: str) -> str | None:
    """Return the cluster's name; None, once that was said, where there is nothing to do."""
    there = _read(tree, cluster or _ANY).clusters
    if cluster is None and there:
        return there[0]
    if cluster in there:
        return cluster
    what = "no cluster" if cluster is None else f"no cluster {spell(cluster)}"
    others = f" (but {', '.join(map(spell, there))})" if there else ""
    say(printable(f"{what} in {configfs}{others}: nothing to flush"))
    return None


def _read(tree: OsNodeTree, cluster: str) -> Tables:
    """Read the tables; there are none where there is no o2cb configfs."""
    try:
        return tree.read(cluster, own=None, attributes=(), fresh=True)
    except OSError as error:
        if isinstance(error, NotConfigfsError) and error.errno == errno.ENOENT:
            return Tables(clusters=())
        raise os_failure(error, "cannot read configfs") from None


# --- who is in the way


def _kept(settings: DaemonSettings, name: str, stack: ExitStack) -> Iterator[str]:
    """Give the daemon that keeps this cluster; where none has the tables, keep them from all.

    A daemon that waits because another cluster is in its kernel is in nobody's way.
    """
    paths = settings.paths
    status = None
    with exit_codes():
        try:
            with ControlClient(paths.runtime_dir) as client:
                status = client.ask({"request": "status"})
        except NoDaemonError:
            pass
    if status is not None and status["cluster"] in {name, None}:
        does = "keeps it" if status["cluster"] else "does not know its cluster's name yet"
        yield f"o2cbd (process {status['pid']}) {does}: systemctl stop o2cbd"
        return
    try:
        stack.callback(lock_configfs(paths.configfs).release)
    except AlreadyRunningError as error:
        if status is None or error.pid not in {0, status["pid"]}:
            yield (
                f"{error}, an o2cbd that does not answer in {paths.runtime_dir}: stop it, or give"
                " its --runtime-dir"
            )
    except OSError as error:
        raise Failure(EXIT_UNAVAILABLE, f"cannot lock configfs: {said(error)}") from None


def _held(settings: DaemonSettings, name: str, stack: ExitStack) -> Iterator[str]:
    """Take the hold until the end, or give who has it."""
    try:
        hold = SysvHold(settings.hold.name_for(name), settings.hold.mode)
        stack.callback(hold.close)
        pid = hold.take()
    except OSError as error:
        raise os_failure(error, "cannot hold it", EXIT_CANNOT_CREATE) from None
    if pid is not None:
        yield f"{process(pid)} holds the semaphore: retry when it is released"


def _usage(settings: DaemonSettings, calls: CallBoard, name: str) -> Usage:
    usage = HostUsage(
        configfs_path=settings.paths.configfs,
        mounts_path=settings.paths.mounts,
        make_hold=lambda _cluster: _Nobody(),
        calls=calls,
    )
    return usage.read(name)


class _Nobody:
    """The hold is asked for elsewhere."""

    def holder(self) -> None:
        """Nobody, as far as this goes."""


def _connected(settings: DaemonSettings) -> frozenset[int]:
    """Return the nums that o2net is connected with, as far as debugfs says."""
    try:
        text = Path(settings.paths.debugfs, "o2net", "connected_nodes").read_text(encoding="ascii")
        return frozenset(map(int, text.split()))
    except (OSError, ValueError):
        return frozenset()


def _in_use(tables: Tables, usage: Usage, connected: frozenset[int]) -> Iterator[str]:
    """Give all that says that the kernel uses it, each with what ends that."""
    for region in tables.regions:
        runs = f" (process {region.pid})" if region.pid is not None else ""
        yield (
            f"heartbeat region {region.name} is there{runs}: unmount its volume, or `o2cb"
            " stop-heartbeat` where it is a global one"
        )
    for mount in usage.mounts:
        yield f"an OCFS2 volume is mounted on {mount}: unmount it"
    for fact in usage.unreadable:
        yield f"{fact}: cannot tell whether it is in use"
    names = {entry.num: spell(entry.name) for entry in tables.entries if not entry.half_made}
    for nums, what in (
        (
            tables.live_nums or frozenset(),
            "the disk heartbeat sees {} alive: wait until that ends",
        ),
        (connected, "o2net is connected with {}: wait until that ends"),
    ):
        for num in sorted(nums):
            yield what.format(f"node {names.get(num, '?')} (num {num})")
    for entry in tables.entries:
        if holds_zero(entry):
            yield (
                f"{UNSET_ADDRESS} was written into node {spell(entry.name)}, and its removal can"
                " crash this kernel: restart this host instead"
            )


# --- doing it


def _remove(tree: OsNodeTree, name: str, tables: Tables) -> None:
    """Remove peers, then our own node, then the cluster; stop at the first that stays."""
    gone: list[str] = []
    for entry in sorted(tables.entries, key=_order):
        try:
            tree.do(RemoveNode(cluster=name, node=entry.name))
        except FileNotFoundError:
            pass  # somebody was faster
        except OSError as error:
            raise _stopped(f"node {spell(entry.name)}", error, gone) from None
        gone.append(entry.name)
    try:
        tree.remove_cluster(name)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _stopped(f"cluster {spell(name)}", error, gone) from None


def _order(entry: Entry) -> tuple[bool, int, str]:
    return entry.local, entry.num, entry.name


def _stopped(what: str, error: OSError, gone: list[str]) -> Failure:
    removed = ", ".join(map(spell, gone)) or "none"
    text = (
        f"{what} cannot be removed ({symbol(error.errno)}): it is in use now; already removed:"
        f" {removed}; run this again when it is unused"
    )
    return Failure(EXIT_TRY_AGAIN, text)
