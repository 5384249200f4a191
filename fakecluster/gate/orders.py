"""What cman's clients and daemons have done to the cluster, as corosync can do it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from functools import partial
from typing import Final

from fakecluster.cman.answers import FenceInfo, OnStatus, PortData
from fakecluster.cman.constants import LeaveReason
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.gate.link import Link
from fakecluster.gate.messages import (
    Fenced,
    Message,
    PortChanged,
    PortMessage,
    PortsAsked,
    PortsTold,
    VotesChanged,
    encode_message,
)
from fakecluster.gate.table import CS_ERR_INVALID_PARAM, AdminHandle, GateTable
from o2cbd.calls import CallBoard
from o2cbd.clock import MonotonicClock
from o2cbd.membership.corosync_calls import Calls, Pause
from o2cbd.membership.libcorosync_table import CS_ERR_TRY_AGAIN, CorosyncError

Aside = Callable[[Callable[[], Callable[[], None]]], None]
"""Runs something in a thread of its own, then what it returns in the gate's thread."""

_PATIENCE: Final = 30
"""Where nobody waits for the thread, a busy corosync is asked for about so many seconds: as long as
a ring takes to form."""


class Orders:
    """Orders to the corosync of this host; each raises `RequestRefusedError` with what it said."""

    def __init__(
        self,
        table: GateTable,
        link: Callable[[], Link | None],
        *,
        board: CallBoard,
        pause: Pause,
        aside: Aside,
        later: Callable[[Callable[[], None]], None],
        log: Callable[[str], None],
    ) -> None:
        """Order nothing yet.

        Args:
            table: corosync's libraries.
            link: returns the connections of this moment; None: corosync is away, and nothing is
                ordered.
            board: where calls of the gate's thread are declared.
            pause: lets a thread wait before a busy corosync is asked again.
            aside: see `GateHost.aside`.
            later: does something after a while, in the gate's thread.
            log: takes what nobody else can be told.
        """
        self._table = table
        self._link = link
        self._calls = Calls(board, pause)
        # The board has one writer: calls of other threads are declared where nobody looks.
        self._calls_aside = Calls(CallBoard(MonotonicClock()), pause)
        self._aside = aside
        self._later = later
        self._outbox: dict[object, Message] = {}
        """What corosync was too busy for, in order; one for each port and node at most."""
        self._asked: set[int] = set()
        """Nodes that were asked for their ports a moment ago: clients may ask without end."""
        self._log = log

    def try_shutdown(self, flags: int, answered: Callable[[CorosyncError | None], None]) -> None:
        """Ask corosync to end, in a thread of its own since it waits for all who are asked.

        Args:
            flags: `SHUTDOWN_REQUEST` and its like.
            answered: called in the gate's thread, with what corosync refused with.
        """
        self._start("try_shutdown", lambda handle: handle.try_shutdown(flags), answered)

    def reload(self, version: int, reply: OnStatus) -> None:
        """Reload the file of every corosync, in a thread of its own since every node takes part.

        `reply` is called in the gate's thread: with -ENOENT where the file's version is an older
        one.
        """

        def check(link: Link) -> None:
            if 0 < link.version() < version:
                raise RequestRefusedError(errno.ENOENT)

        def answered(error: CorosyncError | None) -> None:
            try:
                if error is not None:
                    raise _refusal(error)
                self._ask(check)
            except RequestRefusedError as refused:
                reply(-refused.code)
            else:
                reply(0)

        self._start("reload_config", lambda handle: handle.reload_config(), answered)

    def _start(
        self,
        name: str,
        act: Callable[[AdminHandle], None],
        answered: Callable[[CorosyncError | None], None],
    ) -> None:
        def work() -> Callable[[], None]:
            error = None
            for _ in range(_PATIENCE):
                try:
                    self._admin(self._calls_aside, name, act)
                except CorosyncError as caught:
                    error = caught
                    if error.code == CS_ERR_TRY_AGAIN:
                        continue
                else:
                    error = None
                break
            return partial(answered, error)

        self._aside(work)

    def _admin(self, calls: Calls, name: str, act: Callable[[AdminHandle], None]) -> None:
        """Do something with a connection of its own, which any thread may have."""
        handle = calls.try_to("corosync_cfg_initialize", self._table.admin_initialize)
        try:
            calls.try_to(f"corosync_cfg_{name}", lambda: act(handle))
        finally:
            with contextlib.suppress(CorosyncError):  # corosync ended meanwhile
                handle.finalize()

    def corosync_gone(self) -> bool:
        """Ask corosync itself: a library that lacks descriptors fails as if there were none."""
        link = self._link()
        return link is None or link.gone()

    def kill_node(self, node_id: int, why: str) -> None:
        """Kill a node's corosync."""
        try:
            self._admin(self._calls, "kill_node", lambda handle: handle.kill_node(node_id, why))
        except CorosyncError as error:
            raise _refusal(error) from error

    def set_votes(self, node_id: int, votes: int) -> None:
        """Set a node's votes."""
        self._ask(lambda link: link.set_votes(node_id, votes))

    def set_expected_votes(self, votes: int) -> None:
        """Set the votes that every member expects."""
        self._ask(lambda link: link.set_expected(votes))

    def send(self, message: Message) -> None:
        """Send to every gate."""
        self._ask(lambda link: link.send(encode_message(message)))

    def send_now(self, message: Message) -> None:
        """Send to every gate. EAGAIN: corosync is busy, which nobody is made to wait for."""
        self._ask(lambda link: link.send_now(encode_message(message)))

    def post(self, message: Message) -> None:
        """Send to every gate, as soon as corosync takes it; a failure is logged and no more.

        What waits is replaced by what is newer of the same port, node or kind.
        """
        key = _key(message)
        self._outbox.pop(key, None)
        self._outbox[key] = message
        if len(self._outbox) == 1:
            self._post_all()

    def ask_ports(self, node_id: int) -> None:
        """Ask a node's gate for its ports, but not again at once."""
        if node_id not in self._asked:
            self._asked.add(node_id)
            self._later(lambda: self._asked.discard(node_id))
            self.post(PortsAsked(to=node_id))

    def _post_all(self) -> None:
        while self._outbox:
            key, message = next(iter(self._outbox.items()))
            try:
                self.send_now(message)
            except RequestRefusedError as error:
                if error.code == errno.EAGAIN:
                    self._later(self._post_all)
                    return
                self._log(f"the other gates do not learn of {message}: {error}")
            del self._outbox[key]

    def _ask(self, act: Callable[[Link], None]) -> None:
        link = self._link()
        if link is None:
            return
        try:
            act(link)
        except RequestRefusedError:
            raise
        except OSError as error:
            raise _refusal(error) from error


class CorosyncReceiver:
    """Messages to one daemon or to all (`Receiver`): corosync's own orders, or the gates' group."""

    def __init__(self, orders: Orders, to: int) -> None:
        """Address it; `to`: a node id, 0 for all."""
        self._orders = orders
        self._to = to

    def port_changed(self, node_id: int, port: int, *, opened: bool) -> None:
        """Over the group; whoever frees a port may be gone already."""
        del node_id
        self._orders.post(PortChanged(port=port, opened=opened))

    def ports_asked(self, node_id: int) -> None:
        """Over the group."""
        del node_id
        self._orders.ask_ports(self._to)

    def ports_told(self, node_id: int, ports: tuple[int, ...]) -> None:
        """Over the group."""
        del node_id
        self._orders.post(PortsTold(to=self._to, ports=ports))

    def has_read(self, node_id: int, version: int) -> None:
        """Nothing: corosync has every node read its file."""

    def receive(self, data: PortData) -> None:
        """Over the group; a client that sends more than corosync takes stops nobody else."""
        self._orders.send_now(PortMessage(to=self._to, port=data.port, payload=data.payload))

    def hear_goodbye(self, node_id: int, reason: LeaveReason) -> None:
        """Nothing: the ring tells it."""

    def killed_by(self, killer_id: int) -> None:
        """By corosync's own order."""
        self._orders.kill_node(self._to, f"killed by node {killer_id} through cman's gate")

    def set_votes(self, node_id: int, votes: int) -> None:
        """By votequorum; the group is told behind it, for votequorum hides fewer votes."""
        self._orders.set_votes(node_id, votes)
        self._orders.post(VotesChanged())

    def set_expected_votes(self, votes: int) -> None:
        """By votequorum, which tells all."""
        self._orders.set_expected_votes(votes)

    def learn_fencing(self, info: FenceInfo) -> None:
        """Over the group."""
        self._orders.send(Fenced(info=info))


def _key(message: Message) -> object:
    """Return what a message is about: a newer one about the same replaces it."""
    match message:
        case PortChanged(port=port):
            return PortChanged, port
        case PortsAsked(to=to) | PortsTold(to=to):
            return type(message), to
        case _:
            return message


def _refusal(error: OSError) -> RequestRefusedError:
    invalid = isinstance(error, CorosyncError) and error.code == CS_ERR_INVALID_PARAM
    return RequestRefusedError(errno.EINVAL if invalid else error.errno or errno.EIO)
