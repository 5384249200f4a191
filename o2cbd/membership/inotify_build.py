"""Generates `_inotify_abi.py`: what of libc's inotify the watch of a file needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from o2cbd.abi_module import write_abi

CDEF = """
int inotify_init1(int flags);
int inotify_add_watch(int fd, const char *pathname, uint32_t mask);
"""

generate = partial(write_abi, "o2cbd.membership._inotify_abi", CDEF)
"""Write the module to a path."""

if __name__ == "__main__":
    generate(Path(__file__).with_name("_inotify_abi.py"))
