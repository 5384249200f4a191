"""The real libraries of corosync 3 behind the gate's table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from fakecluster.gate._abi import ffi
from fakecluster.gate.table import Device, OnLeave, OnMessage, OnVotes, VoteInfo
from o2cbd.membership import libcorosync
from o2cbd.membership.libcorosync_table import CS_OK, TRACK_CHANGES, CorosyncError, CorosyncTable

LIBVOTEQUORUM: Final = "libvotequorum.so.8"
LIBCPG: Final = "libcpg.so.4"

_DEVICE_REGISTERED: Final = 64
_DEVICE_VOTES: Final = 128 | 256
"""It is alive, and casts its vote."""

_AGREED: Final = 2
"""The guarantee of a message: everybody gets all in one order."""

_PROCESS_LEFT: Final = frozenset({2, 5})
"""CPG_REASON_LEAVE and CPG_REASON_PROCDOWN; whoever left with its node has another reason."""

_VOTES: Final = (
    *("initialize", "finalize", "fd_get", "dispatch", "trackstart"),
    *("getinfo", "setexpected", "setvotes"),
)
_GROUP: Final = ("initialize", "finalize", "fd_get", "dispatch", "join", "mcast_joined")
_ADMIN: Final = ("initialize", "finalize", "try_shutdown", "kill_node", "reload_config")


def load_libraries() -> Libraries:
    """Load all libraries.

    Raises:
        OSError: ELIBACC, with the library and the dynamic linker's words, when one cannot be
            loaded or lacks a function.
    """
    return Libraries(
        libcorosync.load(),
        _open(LIBVOTEQUORUM, "votequorum_", _VOTES),
        _open(LIBCPG, "cpg_", _GROUP),
        _open(libcorosync.LIBCFG, "corosync_cfg_", _ADMIN),
    )


def _open(name: str, prefix: str, functions: Iterable[str]) -> Any:
    return libcorosync.open_library(name, [prefix + each for each in functions], ffi)


class Libraries:
    """Loaded libraries, as a `GateTable`."""

    def __init__(
        self, membership: CorosyncTable, libvotequorum: Any, libcpg: Any, libcfg: Any
    ) -> None:
        self.membership = membership
        self._libvotequorum = libvotequorum
        self._libcpg = libcpg
        self._libcfg = libcfg

    def votes_initialize(self, on_votes: OnVotes) -> _Votes:
        votes = _Votes(self._libvotequorum, on_votes)
        try:
            votes.track()
        except CorosyncError:
            votes.finalize()
            raise
        return votes

    def group_join(self, name: str, on_message: OnMessage, on_leave: OnLeave) -> _Group:
        group = _Group(self._libcpg, on_message, on_leave)
        try:
            group.join(name)
        except CorosyncError:
            group.finalize()
            raise
        return group

    def admin_initialize(self) -> _Admin:
        return _Admin(self._libcfg)


class _LibraryHandle:
    """A connection through one library; what the methods do stands in the protocols."""

    def __init__(self, library: Any, prefix: str, callbacks: Any) -> None:
        self._library = library
        self._prefix = prefix
        handle = ffi.new("uint64_t *")
        _check(getattr(library, f"{prefix}initialize")(handle, callbacks), f"{prefix}initialize")
        self._handle = handle[0]

    def _call(self, name: str, *args: Any) -> None:
        full = self._prefix + name
        _check(getattr(self._library, full)(self._handle, *args), full)

    def finalize(self) -> None:
        self._call("finalize")


class _TrackedHandle(_LibraryHandle):
    """A connection that C calls back through.

    Callbacks are referenced from here for as long as C may call them. What they raise is raised by
    `dispatch`, since it must not vanish inside C.
    """

    def __init__(
        self, library: Any, prefix: str, kind: str, functions: dict[str, Callable[..., None]]
    ) -> None:
        self._escaped: list[BaseException] = []
        callbacks: Any = ffi.new(f"{kind} *")
        self._kept = [callbacks]
        for name, function in functions.items():
            callback = ffi.callback(f"{name}_fn_t", function, onerror=self._keep)
            self._kept.append(callback)
            setattr(callbacks, f"{name.replace('notification', 'notify')}_fn", callback)
        super().__init__(library, prefix, callbacks)

    def _keep(self, _type: Any, error: BaseException, _traceback: Any) -> None:
        self._escaped.append(error)

    def fd_get(self) -> int:
        fd = ffi.new("int *")
        self._call("fd_get", fd)
        return int(fd[0])

    def dispatch(self, flags: int) -> None:
        try:
            self._call("dispatch", flags)
        finally:
            if self._escaped:
                first = self._escaped[0]
                self._escaped.clear()
                raise first


class _Votes(_TrackedHandle):
    def __init__(self, library: Any, on_votes: OnVotes) -> None:
        def changed(*_: Any) -> None:
            on_votes()

        kinds = ("quorum", "expectedvotes", "nodelist")
        functions = {f"votequorum_{kind}_notification": changed for kind in kinds}
        super().__init__(library, "votequorum_", "votequorum_callbacks_t", functions)

    def track(self) -> None:
        """Track every change."""
        self._call("trackstart", 0, TRACK_CHANGES)

    def info(self, node_id: int) -> VoteInfo:
        found: Any = ffi.new("struct votequorum_info *")
        self._call("getinfo", node_id, found)
        return VoteInfo(
            votes=found.node_votes,
            expected_votes=found.node_expected_votes,
            highest_expected=found.highest_expected,
            total_votes=found.total_votes,
            quorum=found.quorum,
            device=_device(found),
        )

    def set_expected(self, votes: int) -> None:
        self._call("setexpected", votes)

    def set_votes(self, node_id: int, votes: int) -> None:
        self._call("setvotes", node_id, votes)


class _Admin(_LibraryHandle):
    def __init__(self, library: Any) -> None:
        super().__init__(library, "corosync_cfg_", ffi.NULL)

    def try_shutdown(self, flags: int) -> None:
        self._call("try_shutdown", flags)

    def kill_node(self, node_id: int, reason: str) -> None:
        self._call("kill_node", node_id, reason.encode())

    def reload_config(self) -> None:
        self._call("reload_config")


class _Group(_TrackedHandle):
    def __init__(self, library: Any, on_message: OnMessage, on_leave: OnLeave) -> None:
        def deliver(
            _handle: int, _group: Any, node_id: int, _pid: int, data: Any, size: int
        ) -> None:
            on_message(node_id, bytes(ffi.buffer(data, size)))

        def change(
            _handle: int, _group: Any, _members: Any, _count: int, left: Any, gone: int, *_: Any
        ) -> None:
            for each in left[0:gone] if gone else ():
                if each.reason in _PROCESS_LEFT:
                    on_leave(each.nodeid)

        functions: dict[str, Callable[..., None]] = {"cpg_deliver": deliver, "cpg_confchg": change}
        super().__init__(library, "cpg_", "cpg_callbacks_t", functions)

    def join(self, name: str) -> None:
        """Become one of the group."""
        group: Any = ffi.new("struct cpg_name *")
        group.length = len(name)
        group.value = name.encode()
        self._call("join", group)

    def send(self, message: bytes) -> None:
        data = ffi.new("char[]", message)
        vector: Any = ffi.new("struct iovec *")
        vector.iov_base = data
        vector.iov_len = len(message)
        self._call("mcast_joined", _AGREED, vector, 1)


def _device(info: Any) -> Device | None:
    if not info.flags & _DEVICE_REGISTERED:
        return None
    raw: Any = ffi.string(info.qdevice_name)
    return Device(
        name=raw.decode("utf-8", "surrogateescape"),
        votes=info.qdevice_votes,
        votes_now=info.flags & _DEVICE_VOTES == _DEVICE_VOTES,
    )


def _check(result: int, name: str) -> None:
    if result != CS_OK:
        raise CorosyncError(result, name)
