"""Runs one libfuse session in the calling thread, and touches nothing of the process.

libfuse's own main function, which mfusepy calls, is made for one mount a process: it installs
handlers for SIGHUP, SIGINT, SIGTERM and SIGPIPE, which end whichever mount came last. A server of
many mounts has signal handlers of its own, so it runs the sessions itself. Works with libfuse 2.9
and 3.
"""

from __future__ import annotations

import ctypes
from typing import Any

import mfusepy  # type: ignore[import-untyped]


class _Arguments(ctypes.Structure):
    _fields_ = (
        ("argc", ctypes.c_int),
        ("argv", ctypes.POINTER(ctypes.c_char_p)),
        ("allocated", ctypes.c_int),
    )


def run_session(argc: int, argv: Any, operations: Any, size: int, _data: Any) -> int:
    """Mount, serve until unmounted, clean up; the arguments are those of fuse_main_real.

    Returns:
        0, or the number of the step that failed.
    """
    mount_point = argv[argc - 1]
    # What is left are mount options: the flags are for the main function that is not run.
    at = next(index for index in range(argc) if argv[index] == b"-o")
    kept = (ctypes.c_char_p * 3)(argv[0], b"-o", argv[at + 1])
    arguments = _Arguments(argc=3, argv=kept, allocated=0)
    library = ctypes.CDLL(mfusepy._libfuse._name)  # noqa: SLF001 - the one that mfusepy has found
    try:
        serve = _serve_2 if mfusepy.fuse_version_major == 2 else _serve_3
        return serve(library, mount_point, arguments, operations, size)
    finally:
        library.fuse_opt_free_args(ctypes.byref(arguments))


def _serve_2(
    library: ctypes.CDLL, mount_point: bytes, arguments: _Arguments, operations: Any, size: int
) -> int:
    library.fuse_mount.restype = ctypes.c_void_p
    channel = library.fuse_mount(mount_point, ctypes.byref(arguments))
    if not channel:
        return 1
    fuse = _fuse_new(library, "FUSE_2.6")(
        ctypes.c_void_p(channel),
        ctypes.byref(arguments),
        operations,
        ctypes.c_size_t(size),
        None,
    )
    if not fuse:
        library.fuse_unmount(mount_point, ctypes.c_void_p(channel))
        return 2
    failed = library.fuse_loop(ctypes.c_void_p(fuse))
    library.fuse_unmount(mount_point, ctypes.c_void_p(channel))
    library.fuse_destroy(ctypes.c_void_p(fuse))
    return 3 if failed else 0


def _serve_3(
    library: ctypes.CDLL, mount_point: bytes, arguments: _Arguments, operations: Any, size: int
) -> int:
    new = _fuse_new(library, "FUSE_3.1")
    fuse = new(ctypes.byref(arguments), operations, ctypes.c_size_t(size), None)
    if not fuse:
        return 2
    if library.fuse_mount(ctypes.c_void_p(fuse), mount_point) != 0:
        library.fuse_destroy(ctypes.c_void_p(fuse))
        return 1
    failed = library.fuse_loop(ctypes.c_void_p(fuse))
    library.fuse_unmount(ctypes.c_void_p(fuse))
    library.fuse_destroy(ctypes.c_void_p(fuse))
    return 3 if failed else 0


def _fuse_new(library: ctypes.CDLL, version: str) -> Any:
    """Return the fuse_new of an interface version; the plain name may mean an ancient one."""
    find = ctypes.CDLL(None).dlvsym
    find.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library._handle)  # noqa: SLF001 - the only way to its handle
    found = find(handle, b"fuse_new", version.encode())
    if not found:
        raise OSError(f"libfuse has no fuse_new of {version}")
    return ctypes.CFUNCTYPE(ctypes.c_void_p)(found)


def install() -> None:
    """Let mfusepy run its sessions this way; may be called again."""
    mfusepy.fuse_main_real = run_session
