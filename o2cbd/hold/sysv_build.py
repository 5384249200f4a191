"""Generates `_sysv_abi.py`: what of libc's System V semaphores a hold needs.

(The sysv-ipc library makes only sets of one semaphore; libo2cb's have two.)
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from o2cbd.abi_module import write_abi

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

generate = partial(write_abi, "o2cbd.hold._sysv_abi", CDEF)
"""Write the module to a path."""

if __name__ == "__main__":
    generate(Path(__file__).with_name("_sysv_abi.py"))
