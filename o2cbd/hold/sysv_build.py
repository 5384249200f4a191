"""Generates `_sysv_abi.py`: what of libc's System V semaphores a hold needs.

Out-of-line ABI mode: no compiler is needed, now or at installation. Run this module after a change
(`python -m o2cbd.hold.sysv_build`) and commit what it writes; a test compares the two.
(The sysv-ipc library makes only sets of one semaphore; libo2cb's have two.)
"""

from __future__ import annotations

from pathlib import Path

from cffi import FFI

CDEF = """
struct sembuf {
    unsigned short sem_num;
    short sem_op;
    short sem_flg;
};

struct timespec {
    long tv_sec;
    long tv_nsec;
};

int semget(int key, int nsems, int semflg);
int semop(int semid, struct sembuf *sops, size_t nsops);
int semtimedop(int semid, struct sembuf *sops, size_t nsops, struct timespec *timeout);
int semctl(int semid, int semnum, int cmd, ...);
"""

MODULE = "o2cbd.hold._sysv_abi"


def generate(target: Path) -> None:
    """Write the module to `target`."""
    ffi = FFI()
    ffi.set_source(MODULE, None)
    ffi.cdef(CDEF)
    ffi.emit_python_code(str(target))


if __name__ == "__main__":
    generate(Path(__file__).with_name("_sysv_abi.py"))
