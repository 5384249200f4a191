"""One life of the gate's connections to corosync: what is read and taken, what is asked.

The node list, addresses, reloads and the shutdown question are o2cbd's source of corosync; rings
come over a connection of our own, each with its sequence, which that source has no use for.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import Final, Protocol, TypeVar

from fakecluster.gate.messages import GROUP
from fakecluster.gate.reading import Reading
from fakecluster.gate.table import GateTable, OnLeave, OnMessage, OnVotes, VoteInfo, VotesHandle
from o2cbd.calls import CallBoard
from o2cbd.core.events import ManagerLost, Notice
from o2cbd.membership.corosync import connect_corosync
from o2cbd.membership.corosync_calls import Calls, Keys, Pause
from o2cbd.membership.corosync_inbox import VERSION_KEY, View
from o2cbd.membership.interface import ManagerGoneError
from o2cbd.membership.libcorosync_table import (
    CS_ERR_NOT_EXIST,
    QUORUM_SET,
    TRACK_CHANGES,
    CorosyncError,
    CorosyncHandle,
)

_TIMEOUT_KEY: Final = "cfg.shutdown_timeout"
_TIMEOUT_MS: Final = 5000
"""What corosync waits for answers where the key says nothing."""


class _Closes(Protocol):
    def finalize(self) -> None: ...


_HandleT = TypeVar("_HandleT", bound=_Closes)


class Link:
    """Connections that live; after a `ManagerGoneError` only `close` may be called."""

    def __init__(
        self,
        table: GateTable,
        board: CallBoard,
        pause: Pause,
        *,
        on_votes: OnVotes,
        on_message: OnMessage,
        on_leave: OnLeave,
    ) -> None:
        """Connect to corosync, become a voter, join the gates' group.

        Args:
            table: the libraries.
            board: where calls are declared.
            pause: lets the thread wait before a busy corosync is asked again.
            on_votes: see `GateTable.votes_initialize`; called inside `take`, as the next one.
            on_message: see `GateTable.group_join`.
            on_leave: likewise.

        Raises:
            OSError: as `connect_corosync`; also whatever a library said.
        """
        self._table = table
        self._board = board
        self._calls = Calls(board, pause)
        self._views: deque[View] = deque()
        self.votes_here: VoteInfo | None = None
        """What votequorum said of this node in the last `take`."""
        with ExitStack() as opened:
            self._source = connect_corosync(table.membership, board, pause)
            opened.callback(self._source.close)
            membership = table.membership
            self._quorum = self._open(
                opened,
                "quorum_initialize",
                lambda: membership.quorum_initialize(self._on_quorum, self._on_nodelist),
            )
            self._has_provider = self._quorum.quorum_type == QUORUM_SET
            self._cfg = self._open(
                opened,
                "corosync_cfg_initialize",
                lambda: membership.cfg_initialize(lambda _flags: None),
            )
            cmap = self._open(opened, "cmap_initialize", membership.cmap_initialize)
            self._keys = Keys(self._calls, cmap)
            self._votes: VotesHandle | None = None
            if self._has_provider:
                self._votes = self._open(
                    opened, "votequorum_initialize", lambda: table.votes_initialize(on_votes)
                )
            self._group = self._open(
                opened, "cpg_join", lambda: table.group_join(GROUP, on_message, on_leave)
            )
            self._calls.ask("quorum_trackstart", lambda: self._quorum.trackstart(TRACK_CHANGES))
            self.local_id = self._calls.ask("corosync_cfg_local_get", self._cfg.local_get)
            self.cluster = self._keys.text("totem.cluster_name")
            self._tracked: dict[str, CorosyncHandle] = {"quorum": self._quorum, "cpg": self._group}
            if self._votes is not None:
                self._tracked["votequorum"] = self._votes
            fds = [
                self._calls.ask(f"{name}_fd_get", it.fd_get) for name, it in self._tracked.items()
            ]
            self._fds = (self._source.fileno(), *fds)
            self._opened = opened.pop_all()

    def _open(self, opened: ExitStack, name: str, initialize: Callable[[], _HandleT]) -> _HandleT:
        handle = self._calls.try_to(name, initialize)

        def finalize() -> None:
            with suppress(OSError):  # it is dead, which is why it is closed
                handle.finalize()

        opened.callback(finalize)
        return handle

    def _on_quorum(self, quorate: bool, ring: int, members: tuple[int, ...]) -> None:  # noqa: FBT001 - a callback
        if self._has_provider:
            self._views.append(View(quorate=quorate, ring=ring, members=members))

    def _on_nodelist(self, ring: int, members: tuple[int, ...]) -> None:
        if not self._has_provider:
            self._views.append(View(quorate=True, ring=ring, members=members))

    def filenos(self) -> tuple[int, ...]:
        """Return the descriptors to poll for POLLIN; they stay the same."""
        return self._fds

    def close(self) -> None:
        """Disconnect; never raises. A question that is open then counts as answered with yes."""
        self._opened.close()

    # -- reading

    def take(self) -> tuple[View | Notice, ...]:
        """Ask corosync for a sign of life, then take all that it has told until then.

        Blocks while corosync is stopped: what is known then is not what is.

        Raises:
            ManagerGoneError: corosync is gone.
            CorosyncError: it stays busy.
        """
        self._give_sign_of_life()
        for name, handle in self._tracked.items():
            self._calls.drain(f"{name}_dispatch", handle)
        notices = self._source.dispatch()
        for notice in notices:
            if isinstance(notice, ManagerLost):
                raise ManagerGoneError(notice.errno, "the connection to corosync is dead")
        views = tuple(self._views)
        self._views.clear()
        return (*views, *notices)

    def read(self, members: Iterable[int]) -> Reading:
        """Read the configuration, and what is known of these nodes.

        Raises:
            ManagerGoneError: corosync is gone.
            OSError: this reading failed; try again.
        """
        return Reading(
            membership=self._source.snapshot(),
            votes=self._read_votes(members),
            version=self.version(),
        )

    def _read_votes(self, members: Iterable[int]) -> dict[int, VoteInfo]:
        found: dict[int, VoteInfo] = {}
        votes = self._votes
        if votes is None:
            return found
        for node_id in members:
            try:
                info = self._calls.ask(
                    "votequorum_getinfo",
                    lambda: votes.info(node_id),  # noqa: B023 - called at once
                )
            except CorosyncError as error:
                if error.code != CS_ERR_NOT_EXIST:
                    raise
            else:
                # A quorum device is its own node's business, and nobody else's clients hear of it.
                ours = node_id == self.local_id
                found[node_id] = info if ours else dataclasses.replace(info, device=None)
        return found

    def version(self) -> int:
        """Return the configuration's version, 0 where nobody counts. OSError: as `read`."""
        return self._keys.number(VERSION_KEY)

    def shutdown_timeout_ms(self) -> int:
        """Return how long corosync waits for the answers to its shutdown question."""
        return self._keys.number(_TIMEOUT_KEY, _TIMEOUT_MS)

    def gone(self) -> bool:
        """Ask for a sign of life. A corosync that is too busy for one is there."""
        try:
            self._give_sign_of_life()
        except ManagerGoneError:
            return True
        except CorosyncError:
            return False
        return False

    def _give_sign_of_life(self) -> None:
        """Ask corosync for what it may change without a word: its votes here."""
        if self._votes is None:
            self._calls.ask("corosync_cfg_local_get", self._cfg.local_get)
        else:
            self.votes_here = self._read_votes((self.local_id,)).get(self.local_id)

    # -- asking

    def reply_shutdown(self, *, yes: bool) -> None:
        """Answer corosync's question. Raises ManagerGoneError."""
        self._source.reply_shutdown(yes)

    def set_votes(self, node_id: int, votes: int) -> None:
        """Set a node's votes. OSError: with what votequorum said."""
        self._votequorum("setvotes", lambda handle: handle.set_votes(node_id, votes))

    def set_expected(self, votes: int) -> None:
        """Set the votes that every member expects. OSError: with what votequorum said."""
        self._votequorum("setexpected", lambda handle: handle.set_expected(votes))

    def _votequorum(self, name: str, act: Callable[[VotesHandle], None]) -> None:
        votes = self._votes
        if votes is None:
            raise CorosyncError(CS_ERR_NOT_EXIST, f"votequorum_{name}")
        self._calls.ask(f"votequorum_{name}", lambda: act(votes))

    def send(self, message: bytes) -> None:
        """Send to every gate, ourselves included. OSError: with what libcpg said."""
        self._calls.ask("cpg_mcast_joined", lambda: self._group.send(message))

    def send_now(self, message: bytes) -> None:
        """Send as `send` does, and wait for no busy corosync. OSError: with what libcpg said."""
        with self._board.declare("cpg_mcast_joined"):
            self._group.send(message)
