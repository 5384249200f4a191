"""The shutdown question between cman's clients and corosync: each side asks the other."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from fakecluster.cman.client_end import ClientEnd, SocketKind
from fakecluster.cman.constants import ShutdownFlag
from fakecluster.cman.context import Consent
from fakecluster.cman.errors import RequestRefusedError
from fakecluster.cman.process import CmanProcess
from fakecluster.gate.link import Link
from fakecluster.gate.orders import Orders
from fakecluster.gate.table import (
    CS_ERR_EXIST,
    SHUTDOWN_IMMEDIATE,
    SHUTDOWN_REGARDLESS,
    SHUTDOWN_REQUEST,
)
from o2cbd.errors import said
from o2cbd.membership.libcorosync_table import CS_ERR_BAD_HANDLE, CS_ERR_LIBRARY, CorosyncError

EARLIER_MS: Final = 200
"""Corosync's own question is answered so long before corosync's time-out: an answer that comes
later would count for the next question."""

_GONE: Final = frozenset({CS_ERR_LIBRARY, CS_ERR_BAD_HANDLE})

_FLAGS: Final = {
    Consent.NEEDED: SHUTDOWN_REQUEST,
    Consent.OVERRULED: SHUTDOWN_REGARDLESS,
    Consent.UNASKED: SHUTDOWN_IMMEDIATE,
}


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """A daemon's request that its corosync end; see `ClusterContext.depart`."""

    back: Callable[[], None]
    refused: Callable[[int], None]


@dataclass(frozen=True, slots=True, eq=False)
class _CorosyncQuestion:
    """Corosync's question, which clients are answering."""

    asker: ClientEnd
    link: Link
    daemon: CmanProcess


class Shutdowns:
    """At most one request of ours and one question of corosync's."""

    def __init__(
        self, orders: Orders, *, agreed: Callable[[], None], log: Callable[[str], None]
    ) -> None:
        """Ask nothing yet.

        Args:
            orders: to corosync.
            agreed: told when corosync is certain to end, before the daemon is.
            log: takes what nobody else can be told.
        """
        self._orders = orders
        self._agreed = agreed
        self._log = log
        self._request: _Request | None = None
        self._question: _CorosyncQuestion | None = None

    # -- our own request

    def request(
        self, consent: Consent, back: Callable[[], None], refused: Callable[[int], None]
    ) -> None:
        """Ask corosync to end; the answer to an earlier request, if one is out, is for nobody."""
        request = self._request = _Request(back, refused)
        self._orders.try_shutdown(_FLAGS[consent], partial(self._answered, request))

    def _answered(self, request: _Request, error: CorosyncError | None) -> None:
        if self._request is not request:
            return  # corosync was gone before its answer, or another request overtook it
        self._request = None
        if error is None or (error.code in _GONE and self._orders.corosync_gone()):
            self._agreed()
            request.back()
            return
        self._log(f"corosync does not shut down: {said(error)}")
        request.refused(errno.EALREADY if error.code == CS_ERR_EXIST else errno.EBUSY)

    def corosync_gone(self) -> None:
        """Take corosync's end for its answer, if one is awaited."""
        request, self._request, self._question = self._request, None, None
        if request is not None:
            request.back()

    # -- corosync's question

    def ask_clients(self, link: Link, daemon: CmanProcess | None, *, forced: bool) -> None:
        """Answer corosync as the clients answer us.

        Raises:
            OSError: corosync is gone, or too busy.
        """
        if daemon is None or self._request is not None:
            # There is nobody to be asked, or it is our own request that asks.
            link.reply_shutdown(yes=True)
            return
        timeout_ms = link.shutdown_timeout_ms()
        if self._question is not None:
            # Corosync has one question at a time, so the last one was taken back.
            daemon.shutdown_vote.withdraw(self._question.asker)
        asker = ClientEnd(SocketKind.ADMIN, None, None)
        question = self._question = _CorosyncQuestion(asker, link, daemon)
        try:
            daemon.shutdown_vote.ask(
                ShutdownFlag.ANYWAY if forced else 0,
                asker,
                lambda status: self._reply(question, yes=status == 0),
                timeout_us=max(timeout_ms - EARLIER_MS, timeout_ms // 2) * 1000,
                requester_leaves=True,
            )
        except RequestRefusedError:
            # A client's own question is out, and ends first.
            self._reply(question, yes=forced)

    def _reply(self, question: _CorosyncQuestion, *, yes: bool) -> None:
        if self._question is not question:
            return
        self._question = None
        try:
            question.link.reply_shutdown(yes=yes)
        except OSError as error:
            self._log(f"corosync did not take the answer: {said(error)}")

    def close(self) -> None:
        """Answer no for clients who have not answered: without an answer it would be a yes."""
        question = self._question
        if question is not None:
            question.daemon.shutdown_vote.withdraw(question.asker)
            self._reply(question, yes=False)
