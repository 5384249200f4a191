"""The real libcman, loaded with dlopen: C calls turned into results and `CmanError`, nothing else.

A write to a dead cman raises SIGPIPE in the real library. Python ignores that signal from its start
on; whoever restores its default must not use this module.
"""

from __future__ import annotations

import errno
import struct
from typing import Any, Final

from o2cbd.membership._libcman_abi import ffi
from o2cbd.membership.libcman_table import (
    MAX_INTERFACES,
    ClusterRecord,
    CmanError,
    EventCallback,
    FenceRecord,
    LibcmanHandle,
    LibcmanTable,
    NodeRecord,
)

DEFAULT_LIBRARY: Final = "libcman.so.3"
"""Looked for where the dynamic linker looks."""

NODE_LAYOUT: Final = struct.Struct("@Ii28s256siIll")
"""`cman_node_t` with native alignment; unpacking whole lists beats reading field by field.

The id is an int in C and a positive 32-bit number in truth.
"""

_FUNCTIONS: Final = (
    "cman_init",
    "cman_finish",
    "cman_start_notification",
    "cman_get_fd",
    "cman_dispatch",
    "cman_get_node_count",
    "cman_get_nodes",
    "cman_get_node",
    "cman_get_node_extra",
    "cman_get_node_addrs",
    "cman_get_cluster",
    "cman_get_extra_info",
    "cman_is_quorate",
    "cman_get_fenceinfo",
    "cman_replyto_shutdown",
)
# The library copies up to a NUL; twice the 255 that an agent name may have.
_AGENT_NAME_BYTES: Final = 512
# 64 bytes and, for each interface, one multicast and one own address of 128 bytes.
_EXTRA_INFO_BYTES: Final = 64 + 2 * MAX_INTERFACES * 128


def load(path: str = DEFAULT_LIBRARY) -> LibcmanTable:
    """Load the library.

    Raises:
        OSError: ELIBACC, with the path and the dynamic linker's words, when it cannot be loaded
            or lacks a function.
    """
    try:
        lib = ffi.dlopen(path)
    except OSError as error:
        detail = f"cannot load libcman, cman's library (install it or give its path): {error}"
        raise OSError(errno.ELIBACC, detail, path) from error
    for name in _FUNCTIONS:
        try:
            getattr(lib, name)
        except (AttributeError, ffi.error) as error:
            raise OSError(errno.ELIBACC, f"{path} is not a libcman 3: {error}", path) from error
    return _Table(lib)


class _Table:
    """A loaded library."""

    def __init__(self, lib: Any) -> None:
        self._lib = lib

    def init(self) -> LibcmanHandle:
        handle = self._lib.cman_init(ffi.NULL)
        if handle == ffi.NULL:
            raise CmanError(ffi.errno, "cman_init")
        return _Handle(self._lib, handle)


class _Handle:
    """A connection; what the methods do stands in `LibcmanHandle`."""

    def __init__(self, lib: Any, handle: Any) -> None:
        self._lib = lib
        self._handle = handle
        self._c_callback: Any = None
        self._filled = b""
        """The last list as it came, and what it says."""
        self._records: tuple[NodeRecord, ...] = ()
        self._escaped: list[BaseException] = []

    def _call(self, name: str, *args: Any) -> int:
        result: int = getattr(self._lib, name)(self._handle, *args)
        if result < 0:
            raise CmanError(ffi.errno, name)
        return result

    def finish(self) -> None:
        """After this the C library may be handed this handle no more."""
        handle, self._handle = self._handle, ffi.NULL
        if handle != ffi.NULL and self._lib.cman_finish(handle) < 0:
            raise CmanError(ffi.errno, "cman_finish")
        self._c_callback = None

    def start_notification(self, callback: EventCallback) -> None:
        """The C callback is referenced from here for as long as C may call it."""

        def call_back(_handle: Any, _private: Any, reason: int, argument: int) -> None:
            callback(reason, argument)

        def keep(_type: Any, error: BaseException, _traceback: Any) -> None:
            self._escaped.append(error)

        self._c_callback = ffi.callback("cman_callback_t", call_back, onerror=keep)
        self._call("cman_start_notification", self._c_callback)

    def get_fd(self) -> int:
        """Declared in the table."""
        return self._call("cman_get_fd")

    def dispatch(self, flags: int) -> int:
        """What the callback raised is raised here, since it must not vanish inside C."""
        try:
            return self._call("cman_dispatch", flags)
        finally:
            if self._escaped:
                first = self._escaped[0]
                self._escaped.clear()
                raise first

    def get_node_count(self) -> int:
        """Declared in the table."""
        return self._call("cman_get_node_count")

    def get_nodes(self, max_nodes: int) -> tuple[int, tuple[NodeRecord, ...]]:
        """Each call has a zeroed buffer of its own: no earlier answer of ours is in it."""
        nodes = ffi.new("cman_node_t[]", max_nodes)
        count = ffi.new("int *")
        self._call("cman_get_nodes", max_nodes, count, nodes)
        got = max(0, min(count[0], max_nodes))
        filled = bytes(ffi.buffer(nodes, got * NODE_LAYOUT.size)) if got else b""
        if filled != self._filled:
            self._filled = filled
            self._records = tuple(NodeRecord(*row[:6]) for row in NODE_LAYOUT.iter_unpack(filled))
        return count[0], self._records

    def get_node(self, nodeid: int) -> NodeRecord:
        """The name is left empty, for libcman looks a name up before the id."""
        node: Any = ffi.new("cman_node_t *")
        node.cn_nodeid = _c_int(nodeid)
        self._call("cman_get_node", _c_int(nodeid), node)
        return NodeRecord(*NODE_LAYOUT.unpack(bytes(ffi.buffer(node)))[:6])

    def get_node_addrs(self, nodeid: int) -> tuple[tuple[int, bytes], ...]:
        """The library counts what did not fit, too."""
        addresses = ffi.new("cman_node_address_t[]", MAX_INTERFACES)
        count = ffi.new("int *")
        self._call("cman_get_node_addrs", _c_int(nodeid), MAX_INTERFACES, count, addresses)
        return tuple(
            (address.cna_addrlen, bytes(ffi.buffer(address.cna_address)))
            for address in addresses[0 : max(0, min(count[0], MAX_INTERFACES))]
        )

    def get_cluster(self) -> ClusterRecord:
        """The name's field is read whole: it may lack its NUL."""
        cluster: Any = ffi.new("cman_cluster_t *")
        self._call("cman_get_cluster", cluster)
        name = bytes(ffi.buffer(cluster.ci_name)).partition(b"\0")[0]
        return ClusterRecord(name=name, generation=cluster.ci_generation)

    def get_extra_flags(self) -> int:
        """An answer that does not fit is dropped and yet called a success: hence the mark."""
        space = ffi.new("char[]", _EXTRA_INFO_BYTES)
        info: Any = ffi.cast("cman_extra_info_t *", space)
        info.ei_num_addresses = -1
        self._call("cman_get_extra_info", info, _EXTRA_INFO_BYTES)
        if info.ei_num_addresses < 0:
            raise CmanError(errno.EMSGSIZE, "cman_get_extra_info")
        flags: int = info.ei_flags
        return flags

    def get_node_votes(self, nodeid: int) -> int:
        """Declared in the table."""
        extra: Any = ffi.new("cman_node_extra_t *")
        self._call("cman_get_node_extra", _c_int(nodeid), extra)
        votes: int = extra.cnx_votes
        return votes

    def is_quorate(self) -> int:
        """Declared in the table."""
        return self._call("cman_is_quorate")

    def get_fenceinfo(self, nodeid: int) -> FenceRecord:
        """The name of the fence agent is not wanted, but the library writes it."""
        time_s = ffi.new("uint64_t *")
        fenced = ffi.new("int *")
        agent = ffi.new("char[]", _AGENT_NAME_BYTES)
        self._call("cman_get_fenceinfo", _c_int(nodeid), time_s, fenced, agent)
        return FenceRecord(fenced=fenced[0], time_s=time_s[0])

    def replyto_shutdown(self, yesno: int) -> None:
        """Declared in the table."""
        self._call("cman_replyto_shutdown", yesno)


def _c_int(nodeid: int) -> int:
    """Return the C int with the bits of a node id."""
    return nodeid - 2**32 if nodeid >= 2**31 else nodeid
