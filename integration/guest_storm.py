"""In the guest: makes the calls of a storm on the kernel and prints each answer, a line a call."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from fakecluster.conformance.configfs_operator import OsOperator
from integration.guest_host import CONFIGFS
from integration.storm import made, storm


def main(argv: Sequence[str]) -> int:
    """Make the storm of a seed, a number of sequences and their length."""
    seed, sequences, length = argv
    operator = OsOperator(CONFIGFS)
    for one in storm(seed, int(sequences), int(length)):
        sys.stdout.write(json.dumps(made(operator, one)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
