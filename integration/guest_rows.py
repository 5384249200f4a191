"""In the guest: runs the rows that are named on the kernel and prints each result, a line a row."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from fakecluster.conformance.configfs_rows import ROWS, run_row
from integration.guest_host import CAPABILITIES, GuestOperator


def main(argv: Sequence[str]) -> int:
    """Run the named rows, or all of them."""
    operator = GuestOperator()
    for name in argv or ROWS:
        result = run_row(operator, ROWS[name], CAPABILITIES)
        print(json.dumps(result.as_json()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
