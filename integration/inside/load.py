"""A workload on the volume of which every byte can be checked afterwards.

`load write FILE SEED` appends blocks, each on the disk before its number is printed, until it
is told to end. `load verify FILE SEED` prints how many blocks from the start are as written.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
import types
from pathlib import Path

BLOCK_BYTES = 4096
_PAUSE_S = 0.1
"""Between two blocks: a load, and no flood that leaves an emulated processor nothing else."""


def block(seed: str, number: int) -> bytes:
    """What stands in a file at a number, from 0."""
    digest = hashlib.sha256(f"{seed} {number}".encode()).digest()
    return digest * (BLOCK_BYTES // len(digest))


def verify(path: Path, seed: str) -> int:
    """The number of whole blocks from the start that are as they were written."""
    number = 0
    with path.open("rb") as file:
        while file.read(BLOCK_BYTES) == block(seed, number):
            number += 1
    return number


def write(path: Path, seed: str) -> None:
    """Append blocks after those that are there, until SIGTERM; each one's count is printed."""
    ended: list[int] = []

    def end(number: int, _frame: types.FrameType | None) -> None:
        ended.append(number)

    signal.signal(signal.SIGTERM, end)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    number = os.fstat(fd).st_size // BLOCK_BYTES
    while not ended:
        if os.write(fd, block(seed, number)) != BLOCK_BYTES:
            raise SystemExit(f"{path}: a block was cut short")
        os.fsync(fd)
        number += 1
        print(number, flush=True)
        time.sleep(_PAUSE_S)


def main() -> int:
    """Do what the first word says."""
    word, path, seed = sys.argv[1:]
    if word == "verify":
        print(verify(Path(path), seed))
    else:
        write(Path(path), seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
