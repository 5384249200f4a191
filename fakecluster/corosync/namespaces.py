"""Hosts that are namespaces of this one, on a switch that is another; needs root.

A host has its own network, names, IPC and mounts, and lives as long as a process that ends with
ours: nothing is left behind, whatever happens to us.
"""

from __future__ import annotations

import abc
import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Final, TypeVar

from fakecluster.cman.topology import NodeConfig

_NAMESPACES: Final = ("--net", "--mount", "--uts", "--ipc")
_CLONE_FS: Final = 0x200
_NOBODY: Final = "02:00:00:00:00:00"
"""A station that is on no switch."""
COROSYNC_DIRECTORIES: Final = ("/run", "/dev/shm", "/var/lib/corosync")  # noqa: S108 - mounted over, never used
"""What a corosync 3 writes into."""

_IPV4_PREFIX: Final = 16
_IPV6_PREFIX: Final = 64
"""Of the networks of the rings."""

_T = TypeVar("_T")


class Namespace:
    """One host: the namespaces of a process that waits for us to end."""

    def __init__(self, directories: Sequence[str], *, own_pids: bool = False) -> None:
        """Make it, with empty file systems of its own on these directories.

        Args:
            directories: where.
            own_pids: what `command` runs there, and all that comes of it, ends with the host.

        Raises:
            OSError: that is not allowed here, or a program is missing; the text says which.
        """
        mounts = "".join(f"mount -t tmpfs -o mode=755 none {path} && " for path in directories)
        # /proc is this machine's, and so is the pid in it.
        ready = "read pid rest </proc/self/stat && echo ready $pid"
        script = f"{mounts}ip link set lo up && {ready} && exec cat"
        self._kinds = (*_NAMESPACES, "--pid") if own_pids else _NAMESPACES
        fork = ("--fork", "--kill-child") if own_pids else ()
        self._holder = subprocess.Popen(
            ["unshare", *self._kinds, *fork, "--propagation", "private", "--", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._holder.stdout is not None  # noqa: S101 - for type checkers
        word, _, pid = self._holder.stdout.readline().partition(b" ")
        if word != b"ready":
            said = self._holder.communicate()[1].decode(errors="replace").strip()
            raise OSError(f"a namespace was not made: {said}")
        self._pid = int(pid)

    @property
    def pid(self) -> int:
        """The process in it."""
        return self._pid

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs a command in it, killed when our thread ends."""
        return self._enter(self._kinds, words)

    def command_for_all(self, *words: str) -> list[str]:
        """Return one for a command that this machine knows by its pid and its semaphores.

        It is one process all along: nsenter, and then the command.
        """
        kinds = [kind for kind in _NAMESPACES if kind != "--ipc"]
        return self._enter(kinds, words)

    def _enter(self, kinds: Iterable[str], words: Iterable[str]) -> list[str]:
        enter = ["nsenter", "--target", str(self.pid), *kinds]
        return [*enter, "--", "setpriv", "--pdeathsig", "KILL", "--", *words]

    def run(self, *words: str, stdin: str = "") -> str:
        """Run a command in it to its end, and return its output.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        done = subprocess.run(
            self.command(*words), input=stdin, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout

    def call(self, function: Callable[[], _T]) -> _T:
        """Call a function in it, in a thread of its own; what it connects stays connected."""
        result: Future[_T] = Future()
        names = {"net": 0x40000000, "mnt": 0x00020000}
        fds = {name: os.open(f"/proc/{self.pid}/ns/{name}", os.O_RDONLY) for name in names}

        def work() -> None:
            try:
                libc = ctypes.CDLL(None, use_errno=True)
                _check(libc.unshare(_CLONE_FS))
                for name, fd in fds.items():
                    _check(libc.setns(fd, names[name]))
                result.set_result(function())
            except Exception as error:  # noqa: BLE001 - raised again where it was called for
                result.set_exception(error)

        # libquorum puts 1 MiB on the stack.
        size = threading.stack_size(8 * 1024 * 1024)
        try:
            thread = threading.Thread(target=work, name="namespace")
            thread.start()
        finally:
            threading.stack_size(size)
        thread.join()
        for fd in fds.values():
            os.close(fd)
        return result.result()

    def close(self) -> None:
        """End it; what still runs in it is not waited for."""
        self._holder.communicate()


class Hosts:
    """The hosts of nodes, by their node ids, all on one switch."""

    def __init__(
        self,
        nodes: Iterable[NodeConfig],
        *,
        directories: Sequence[str] = COROSYNC_DIRECTORIES,
        own_pids: bool = False,
    ) -> None:
        """Make them, each with its node's addresses.

        Args:
            nodes: of all.
            directories: those that each host has for itself, and empty.
            own_pids: what runs on a host, and all that comes of it, ends with it.
        """
        self._directories = directories
        self._own_pids = own_pids
        self._switch = Namespace(())
        self._hosts: dict[int, Namespace] = {}
        self._addresses: dict[int, tuple[str, ...]] = {}
        self._cuts: list[tuple[int, str]] = []
        with ExitStack() as stack:
            stack.callback(self.close)
            for each in nodes:
                self.add(each)
            stack.pop_all()

    @property
    def ids(self) -> tuple[int, ...]:
        """The nodes that have a host, in the order in which it was made."""
        return tuple(self._hosts)

    def host(self, node_id: int) -> Namespace:
        """Return the host on which a node is."""
        return self._hosts[node_id]

    def add(self, node: NodeConfig) -> None:
        """Make one more, which can hear all that the first one hears."""
        number = len(self._hosts)
        self._switch_do((f"link add b{number} type bridge", f"link set b{number} up"))
        host = Namespace(self._directories, own_pids=self._own_pids)
        self._hosts[node.id] = host
        self._addresses[node.id] = node.addresses
        self._switch_do(
            (
                f"link add v{number} type veth peer name eth0 netns {host.pid}",
                f"link set v{number} master b0",
                f"link set v{number} up",
            )
        )
        # Without detection of duplicates, which takes seconds, an IPv6 address can be used at once.
        lines = [
            f"addr add {address} dev eth0{' nodad' if ':' in address else ''}"
            for address in map(_prefixed, node.addresses)
        ]
        _ip(host, [*lines, "link set eth0 up"])

    def move(self, node: NodeConfig) -> None:
        """Replace a host's addresses by this node's."""
        old, self._addresses[node.id] = self._addresses[node.id], node.addresses
        lines = [f"addr del {_prefixed(each)} dev eth0" for each in old]
        lines += [f"addr add {_prefixed(each)} dev eth0" for each in node.addresses]
        _ip(self.host(node.id), lines)

    def connect(self, groups: Sequence[Sequence[int]]) -> None:
        """Cut all links between groups of hosts."""
        numbers = {node_id: number for number, node_id in enumerate(self._hosts)}
        self._switch_do(
            f"link set v{numbers[node_id]} master b{group}"
            for group, node_ids in enumerate(groups)
            for node_id in node_ids
        )

    def cut(self, speaker_id: int, listener_id: int) -> None:
        """Cut the link from a speaker to a listener, one way, until `heal`."""
        for address in self._addresses[listener_id]:
            # What goes to a station that is not there is lost without a word.
            line = f"neigh replace {address} lladdr {_NOBODY} dev eth0 nud permanent"
            _ip(self.host(speaker_id), [line])
            self._cuts.append((speaker_id, address))

    def heal(self) -> None:
        """Restore all links."""
        while self._cuts:
            speaker_id, address = self._cuts.pop()
            # Where the link was down meanwhile, there is nothing to take back.
            only = ("to", address, "dev", "eth0", "nud", "permanent")
            self.host(speaker_id).run("ip", "neigh", "flush", *only)
        self.connect([self.ids])

    def close(self) -> None:
        """End them all."""
        for host in (*self._hosts.values(), self._switch):
            host.close()

    def _switch_do(self, lines: Iterable[str]) -> None:
        _ip(self._switch, lines)


class ManagersLab(abc.ABC):
    """A cluster manager on each of some hosts, by node ids."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._stopped: set[int] = set()

    @property
    def ids(self) -> tuple[int, ...]:
        """The nodes that have a host, whether they are configured or not."""
        return self._hosts.ids

    def host(self, node_id: int) -> Namespace:
        """Return the host on which a node is."""
        return self._hosts.host(node_id)

    def stopped(self, node_id: int) -> bool:
        """Return whether a node's manager was told to stand still."""
        return node_id in self._stopped

    @abc.abstractmethod
    def runs(self, node_id: int) -> bool:
        """Return whether a node's manager runs; one that has ended by itself is forgotten."""

    @abc.abstractmethod
    def start(self, node_id: int) -> None:
        """Start a node's manager, and wait until it serves."""

    @abc.abstractmethod
    def kill(self, node_id: int) -> None:
        """SIGKILL a node's manager, which says nothing to anybody."""

    @abc.abstractmethod
    def stop(self, node_id: int) -> None:
        """SIGSTOP a node's manager; it stands still on return."""

    @abc.abstractmethod
    def go_on(self, node_id: int) -> None:
        """Undo `stop`."""

    @abc.abstractmethod
    def close(self) -> None:
        """End everything."""

    def connect(self, groups: Sequence[Sequence[int]]) -> None:
        """Cut all links between groups of nodes."""
        self._hosts.connect(groups)

    def cut(self, speaker: int, listener: int) -> None:
        """Cut the link from a speaker to a listener, one way.

        Where a manager sends by multicast, that is heard still.
        """
        self._hosts.cut(speaker, listener)

    def heal(self) -> None:
        """Restore all links."""
        self._hosts.heal()


def _prefixed(address: str) -> str:
    return f"{address}/{_IPV6_PREFIX if ':' in address else _IPV4_PREFIX}"


def _ip(host: Namespace, lines: Iterable[str]) -> None:
    host.run("ip", "-batch", "-", stdin="\n".join([*lines, ""]))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
