"""Membership from a file of the operator's: every node that cluster.conf names is a member.

Nothing is counted and nobody votes: what is in the file is the operator's word, and so is what is
in it no more.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from o2cbd import clusterconf
from o2cbd.calls import CallBoard
from o2cbd.clusterconf import ClusterFileError, FileCluster, FileNode
from o2cbd.core.events import Notice, StateChange
from o2cbd.core.model import Advice, Member, Membership, Quorum
from o2cbd.core.reports import spell
from o2cbd.errors import said
from o2cbd.membership.file_watch import FileWatch
from o2cbd.membership.interface import ReadFailedError


class StaticSource:
    """One cluster.conf, as a `MembershipSource`: watched, and read whole each time."""

    def __init__(
        self,
        path: str,
        cluster: str | None,
        calls: CallBoard,
        *,
        host_name: Callable[[], str] = lambda: os.uname().nodename,
    ) -> None:
        """Watch the file, which need not be there.

        Args:
            path: the file, absolute.
            cluster: which of several clusters in it.
            calls: where calls are declared.
            host_name: says how this host is called.

        Raises:
            OSError: it cannot be watched.
        """
        self._path = path
        self._cluster = cluster
        self._calls = calls
        self._host_name = host_name
        self._last: tuple[tuple[bytes, str], Membership] | None = None
        self._watch = FileWatch(path)
        try:
            self._watch.aim()
        except BaseException:
            self._watch.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor of the watch."""
        if self._watch.fileno() < 0:
            raise OSError(errno.EBADF, f"{self._path} is no longer watched")
        return self._watch.fileno()

    def dispatch(self) -> tuple[Notice, ...]:
        """Say once that the file may be another. See `MembershipSource`."""
        return (StateChange(quorate=True),) if self._watch.changed() else ()

    def snapshot(self) -> Membership:
        """Read the file. See `MembershipSource`.

        Raises:
            ReadFailedError: it cannot be read or used, ENOENT where no node in it is this host;
                the text says what to write where.
        """
        try:
            with self._calls.declare("read cluster.conf"):
                self._watch.aim()
                data = clusterconf.read(self._path)
            return self._membership(data, self._host_name())
        except ReadFailedError:
            raise
        except OSError as error:
            raise ReadFailedError(error.errno, said(error)) from None
        except ClusterFileError as error:
            raise ReadFailedError(errno.EBADMSG, f"{self._path}: {error}") from None

    def reply_shutdown(self, yes: bool) -> None:  # noqa: FBT001 - the answer itself
        """Do nothing: a file asks nothing."""

    def close(self) -> None:
        """Watch no more. See `MembershipSource`."""
        self._watch.close()

    def _membership(self, data: bytes, host: str) -> Membership:
        if self._last is not None and self._last[0] == (data, host):
            return self._last[1]  # the very same value: nothing is to be compared
        clusters = clusterconf.parse(data)
        # Of one cluster that has another name, the core says so.
        cluster = clusterconf.choose(clusters, self._cluster if len(clusters) > 1 else None)
        own = clusterconf.node_of_host(cluster, host)
        if own is None:
            raise ReadFailedError(errno.ENOENT, self._stranger(cluster, host))
        membership = Membership(
            cluster=cluster.name,
            local_id=own.num,
            quorum=Quorum.NONE,
            two_node=False,
            members=tuple(map(_member, sorted(cluster.nodes, key=lambda node: node.num))),
        )
        self._last = ((data, host), membership)
        return membership

    def _stranger(self, cluster: FileCluster, host: str) -> str:
        short = spell(host.partition(".")[0])
        names = ", ".join(spell(node.name) for node in cluster.nodes) or "none"
        return (
            f"{self._path}: no node of cluster {spell(cluster.name)} is this host, {spell(host)};"
            f" its nodes are {names}: a node's name is its host's name, whole or up to a dot;"
            f" write a node: stanza with name = {short}, or rename this host and restart o2cbd"
        )


def _member(node: FileNode) -> Member:
    return Member(
        id=node.num,
        name=node.name,
        incarnation=0,
        addresses=(node.address,),
        advice=Advice(address=node.address, port=str(node.port), num=str(node.num)),
    )
