"""The membership source that the settings name; the other manager's code is never loaded."""

from __future__ import annotations

from collections.abc import Callable

from o2cbd.calls import CallBoard
from o2cbd.clock import pause
from o2cbd.membership.interface import Connect, MembershipSource
from o2cbd.settings import DaemonSettings, Source


def make_connect(
    settings: DaemonSettings, calls: CallBoard, no_vote: Callable[[], None]
) -> Connect:
    """Return what connects to the manager, loading its library at the first attempt that finds it.

    Args:
        settings: which manager, which library, which addresses are of interest.
        calls: where calls are declared.
        no_vote: called once, when the library turns out to know no shutdown question.
    """
    if settings.source is Source.COROSYNC:
        return _corosync_connect(calls, no_vote)
    if settings.source is Source.STATIC:
        return lambda: _open_static(settings, calls)
    return _cman_connect(settings, calls)


def open_unheard(settings: DaemonSettings, calls: CallBoard) -> MembershipSource:
    """Connect to read, never subscribing: who subscribes is asked to vote.

    Raises:
        OSError: what `Connect` does.
    """
    if settings.source is Source.COROSYNC:
        from o2cbd.membership import corosync, libcorosync  # noqa: PLC0415 - where it is wanted

        return corosync.open_corosync(libcorosync.load(), calls, pause)
    if settings.source is Source.STATIC:
        return _open_static(settings, calls)
    from o2cbd.membership import cman, libcman  # noqa: PLC0415 - where it is wanted

    table = libcman.load(settings.libcman or libcman.DEFAULT_LIBRARY)
    every_address = settings.rules.table.want_every_address
    return cman.CmanSource(cman.open_cman(table, calls), calls, every_address=every_address)


def _open_static(settings: DaemonSettings, calls: CallBoard) -> MembershipSource:
    from o2cbd.membership.static import StaticSource  # noqa: PLC0415 - where it is wanted

    return StaticSource(settings.cluster_conf, settings.rules.cluster, calls)


def _cman_connect(settings: DaemonSettings, calls: CallBoard) -> Connect:
    from o2cbd.membership import cman, libcman  # noqa: PLC0415 - where it is wanted
    from o2cbd.membership.libcman_table import LibcmanTable  # noqa: PLC0415 - the same

    loaded: list[LibcmanTable] = []
    every_address = settings.rules.table.want_every_address

    def connect() -> MembershipSource:
        if not loaded:
            with calls.declare("dlopen"):
                loaded.append(libcman.load(settings.libcman or libcman.DEFAULT_LIBRARY))
        return cman.connect_cman(loaded[0], calls, every_address=every_address)

    return connect


def _corosync_connect(calls: CallBoard, no_vote: Callable[[], None]) -> Connect:
    from o2cbd.membership import corosync, libcorosync  # noqa: PLC0415 - where it is wanted
    from o2cbd.membership.libcorosync_table import CorosyncTable  # noqa: PLC0415 - the same

    loaded: list[CorosyncTable] = []

    def connect() -> MembershipSource:
        if not loaded:
            with calls.declare("dlopen"):
                loaded.append(libcorosync.load())
            if not loaded[0].can_vote:
                no_vote()
        return corosync.connect_corosync(loaded[0], calls, pause)

    return connect
