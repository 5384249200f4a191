"""Generates `_inotify_abi.py`: what of libc's inotify the watch of a file needs.

Out-of-line ABI mode: no compiler is needed, now or at installation. Run this module after a change
(`python -m o2cbd.membership.inotify_build`) and commit what it writes; a test compares the two.
"""

from __future__ import annotations

from pathlib import Path

from cffi import FFI

CDEF = """
int inotify_init1(int flags);
int inotify_add_watch(int fd, const char *pathname, uint32_t mask);
"""

MODULE = "o2cbd.membership._inotify_abi"


def generate(target: Path) -> None:
    """Write the module to `target`."""
    ffi = FFI()
    ffi.set_source(MODULE, None)
    ffi.cdef(CDEF)
    ffi.emit_python_code(str(target))


if __name__ == "__main__":
    generate(Path(__file__).with_name("_inotify_abi.py"))
