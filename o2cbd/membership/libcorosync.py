"""The real libraries of corosync 3, loaded with dlopen: C calls turned into results and errors."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterable
from typing import Any, Final

from o2cbd.membership._corosync_abi import ffi
from o2cbd.membership.libcorosync_table import (
    CS_ERR_NO_SECTIONS,
    CS_OK,
    CfgHandle,
    CmapHandle,
    CmapValue,
    CorosyncError,
    CorosyncTable,
    KeyCallback,
    NodelistCallback,
    QuorumCallback,
    QuorumHandle,
    ShutdownCallback,
)

LIBQUORUM: Final = "libquorum.so.5"
LIBCMAP: Final = "libcmap.so.4"
LIBCFG: Final = "libcfg.so.7"

MAX_LINKS: Final = 16
"""Over corosync's own limit of eight."""

_KEY_BYTES: Final = 256
_VALUE_BYTES: Final = 16 * 1024
"""What corosync's map takes at the most."""

_NUMBERS: Final = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "q", 8: "Q", 9: "f", 10: "d"}
"""cmap's types of numbers, as `struct` writes them; 11 is a string, 12 is binary."""

_MODEL_V1: Final = 1

_QUORUM_FUNCTIONS: Final = (
    "quorum_initialize",
    "quorum_finalize",
    "quorum_fd_get",
    "quorum_dispatch",
    "quorum_trackstart",
)
_CMAP_FUNCTIONS: Final = (
    "cmap_initialize",
    "cmap_finalize",
    "cmap_fd_get",
    "cmap_dispatch",
    "cmap_get",
    "cmap_iter_init",
    "cmap_iter_next",
    "cmap_iter_finalize",
    "cmap_track_add",
)
_CFG_FUNCTIONS: Final = (
    "corosync_cfg_initialize",
    "corosync_cfg_finalize",
    "corosync_cfg_fd_get",
    "corosync_cfg_dispatch",
    "corosync_cfg_replyto_shutdown",
    "corosync_cfg_local_get",
    "corosync_cfg_get_node_addrs",
)
"""What every corosync 3 has; model V1 and the shutdown question are looked for apart."""


def load(libquorum: str = LIBQUORUM, libcmap: str = LIBCMAP, libcfg: str = LIBCFG) -> CorosyncTable:
    """Load the libraries, each by a path or a name for the dynamic linker.

    Raises:
        OSError: ELIBACC, with the library and the dynamic linker's words, when one cannot be
            loaded or lacks a function.
    """
    return _Table(
        open_library(libquorum, _QUORUM_FUNCTIONS),
        open_library(libcmap, _CMAP_FUNCTIONS),
        open_library(libcfg, _CFG_FUNCTIONS),
    )


def open_library(name: str, functions: Iterable[str], ffi: Any = ffi) -> Any:
    """Load one library.

    Args:
        name: its path, or a name for the dynamic linker.
        functions: what it must have.
        ffi: has their declarations.

    Raises:
        OSError: ELIBACC, with the library and the dynamic linker's words, when it cannot be loaded
            or lacks a function.
    """
    try:
        lib = ffi.dlopen(name)
    except OSError as error:
        detail = f"cannot load {name}, a library of corosync 3 (install it): {error}"
        raise OSError(errno.ELIBACC, detail, name) from error
    for function in functions:
        if not _has(lib, function):
            detail = f"{name} is not from corosync 3: it has no {function}"
            raise OSError(errno.ELIBACC, detail, name)
    return lib


def _has(lib: Any, function: str) -> bool:
    try:
        getattr(lib, function)
    except (AttributeError, ffi.error):
        return False
    return True


class _Table:
    """Loaded libraries."""

    def __init__(self, libquorum: Any, libcmap: Any, libcfg: Any) -> None:
        self._libquorum = libquorum
        self._libcmap = libcmap
        self._libcfg = libcfg

    @property
    def can_vote(self) -> bool:
        return _has(self._libcfg, "corosync_cfg_trackstart")

    def quorum_initialize(
        self, on_quorum: QuorumCallback, on_nodelist: NodelistCallback
    ) -> QuorumHandle:
        return _Quorum(self._libquorum, on_quorum, on_nodelist)

    def cmap_initialize(self) -> CmapHandle:
        return _Cmap(self._libcmap)

    def cfg_initialize(self, on_shutdown: ShutdownCallback) -> CfgHandle:
        return _Cfg(self._libcfg, on_shutdown)


class _Handle:
    """A connection through one library; what the methods do stands in the protocols.

    C callbacks are referenced from here for as long as C may call them. What they raise is raised
    by `dispatch`, since it must not vanish inside C.
    """

    def __init__(self, lib: Any, prefix: str) -> None:
        self._lib = lib
        self._prefix = prefix
        self._handle = 0
        self._kept: list[Any] = []
        self._escaped: list[BaseException] = []

    def _start(self, name: str, *args: Any) -> None:
        """Connect: the C function puts the new handle into its first argument."""
        handle = ffi.new("uint64_t *")
        _check(getattr(self._lib, name)(handle, *args), name)
        self._handle = handle[0]

    def _call(self, name: str, *args: Any) -> None:
        full = self._prefix + name
        _check(getattr(self._lib, full)(self._handle, *args), full)

    def _callback(self, kind: str, function: Callable[..., None]) -> Any:
        def keep(_type: Any, error: BaseException, _traceback: Any) -> None:
            self._escaped.append(error)

        callback = ffi.callback(kind, function, onerror=keep)
        self._kept.append(callback)
        return callback

    def fd_get(self) -> int:
        """Declared in the table."""
        fd = ffi.new("int *")
        self._call("fd_get", fd)
        return int(fd[0])

    def dispatch(self, flags: int) -> None:
        """Declared in the table."""
        try:
            self._call("dispatch", flags)
        finally:
            if self._escaped:
                first = self._escaped[0]
                self._escaped.clear()
                raise first

    def finalize(self) -> None:
        """Declared in the table."""
        self._call("finalize")
        self._kept.clear()


class _Quorum(_Handle):
    def __init__(self, lib: Any, on_quorum: QuorumCallback, on_nodelist: NodelistCallback) -> None:
        super().__init__(lib, "quorum_")
        kind = ffi.new("uint32_t *")
        if _has(lib, "quorum_model_initialize"):
            self.model = 1
            data = self._v1_callbacks(on_quorum, on_nodelist)
            self._start("quorum_model_initialize", _MODEL_V1, data, kind, ffi.NULL)
        else:
            self.model = 0
            self._start("quorum_initialize", self._v0_callbacks(on_quorum), kind)
        self.quorum_type: int = kind[0]

    def _v1_callbacks(self, on_quorum: QuorumCallback, on_nodelist: NodelistCallback) -> Any:
        def quorum(_handle: int, quorate: int, ring: Any, count: int, members: Any) -> None:
            on_quorum(bool(quorate), ring.seq, _ids(members, count))

        def nodelist(_handle: int, ring: Any, count: int, members: Any, *_changes: Any) -> None:
            on_nodelist(ring.seq, _ids(members, count))

        data: Any = ffi.new("quorum_model_v1_data_t *")
        data.model = _MODEL_V1
        data.quorum_notify_fn = self._callback("quorum_v1_quorum_callback_t", quorum)
        data.nodelist_notify_fn = self._callback("quorum_v1_nodelist_callback_t", nodelist)
        return data

    def _v0_callbacks(self, on_quorum: QuorumCallback) -> Any:
        def quorum(_handle: int, quorate: int, ring_seq: int, count: int, view: Any) -> None:
            on_quorum(bool(quorate), ring_seq, _ids(view, count))

        callbacks: Any = ffi.new("quorum_callbacks_t *")
        callbacks.quorum_notify_fn = self._callback("quorum_v0_callback_t", quorum)
        return callbacks

    def trackstart(self, flags: int) -> None:
        """Declared in the table."""
        self._call("trackstart", flags)


class _Cmap(_Handle):
    def __init__(self, lib: Any) -> None:
        super().__init__(lib, "cmap_")
        self._buffer = ffi.new("char[]", _VALUE_BYTES)
        self._start("cmap_initialize")

    def get(self, key: str) -> CmapValue:
        """Declared in the table."""
        length = ffi.new("size_t *", _VALUE_BYTES)
        kind = ffi.new("int *")
        self._call("get", key.encode(), self._buffer, length, kind)
        return _value(kind[0], self._buffer, length[0])

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Declared in the table."""
        walk = ffi.new("cmap_iter_handle_t *")
        name = ffi.new("char[]", _KEY_BYTES)
        found: list[str] = []
        self._call("iter_init", prefix.encode(), walk)
        try:
            while True:
                self._call("iter_next", walk[0], name, ffi.NULL, ffi.NULL)
                found.append(_string(name))
        except CorosyncError as error:
            if error.code != CS_ERR_NO_SECTIONS:
                raise
        finally:
            self._call("iter_finalize", walk[0])
        return tuple(found)

    def track_add(self, key: str, flags: int, callback: KeyCallback) -> None:
        """Declared in the table."""

        def notify(_handle: int, _track: int, _event: int, name: Any, new: Any, *_: Any) -> None:
            value = _value(new.type, new.data, new.len) if new.len else None
            callback(_string(name), value)

        track = ffi.new("cmap_track_handle_t *")
        c_callback = self._callback("cmap_notify_fn_t", notify)
        self._call("track_add", key.encode(), flags, c_callback, ffi.NULL, track)


class _Cfg(_Handle):
    def __init__(self, lib: Any, on_shutdown: ShutdownCallback) -> None:
        super().__init__(lib, "corosync_cfg_")

        def shutdown(_handle: int, flags: int) -> None:
            on_shutdown(flags)

        callbacks: Any = ffi.new("corosync_cfg_callbacks_t *")
        callbacks.shutdown_callback = self._callback("corosync_cfg_shutdown_callback_t", shutdown)
        self._start("corosync_cfg_initialize", callbacks)

    def trackstart(self) -> None:
        """Declared in the table."""
        self._call("trackstart", 0)

    def replyto_shutdown(self, answer: int) -> None:
        """Declared in the table."""
        self._call("replyto_shutdown", answer)

    def local_get(self) -> int:
        """Declared in the table."""
        nodeid = ffi.new("unsigned int *")
        self._call("local_get", nodeid)
        return int(nodeid[0])

    def get_node_addrs(self, nodeid: int) -> tuple[tuple[int, bytes], ...]:
        """Each call has buffers of its own: an error leaves the count as it was."""
        addresses = ffi.new("corosync_cfg_node_address_t[]", MAX_LINKS)
        count = ffi.new("int *")
        self._call("get_node_addrs", nodeid, MAX_LINKS, count, addresses)
        return tuple(
            (address.address_length, bytes(ffi.buffer(address.address)))
            for address in addresses[0 : max(0, min(count[0], MAX_LINKS))]
        )


def _check(result: int, name: str) -> None:
    if result != CS_OK:
        raise CorosyncError(result, name)


def _ids(array: Any, count: int) -> tuple[int, ...]:
    return tuple(array[index] for index in range(count))


def _string(text: Any) -> str:
    """Decode a C string."""
    raw: Any = ffi.string(text)
    decoded: str = raw.decode("utf-8", "surrogateescape")
    return decoded


def _value(kind: int, data: Any, length: int) -> CmapValue:
    """Read a value by its type: a number, or bytes up to the NUL that a string's length counts."""
    raw = bytes(ffi.buffer(data, length))
    number = _NUMBERS.get(kind)
    if number is not None:
        value: int | float = struct.unpack(f"={number}", raw)[0]
        return value
    return raw.partition(b"\0")[0]
