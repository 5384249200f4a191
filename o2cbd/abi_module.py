"""Writes a module of C declarations for cffi.

Out-of-line ABI mode: no compiler is needed, now or at installation. Run a `*_build` module after a
change of its declarations (`python -m o2cbd.hold.sysv_build`) and commit what it writes; a test
compares the two.
"""

from __future__ import annotations

from pathlib import Path

from cffi import FFI


def write_abi(module: str, cdef: str, target: Path) -> None:
    """Write the declarations as a module.

    Args:
        module: its name, dots included.
        cdef: declarations in C.
        target: its file.
    """
    ffi = FFI()
    ffi.set_source(module, None)
    ffi.cdef(cdef)
    ffi.emit_python_code(str(target))
