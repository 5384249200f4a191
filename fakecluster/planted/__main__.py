"""`python -m fakecluster.planted [--write FILE] [--jobs N]`: hunts all planted bugs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fakecluster.planted.hunt import hunt_all, table


def main() -> int:
    """Hunt, and print or write the table; 1 when a bug was not caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="where the table goes, instead of stdout")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    found = hunt_all(options.jobs)
    if options.write is None:
        sys.stdout.write(table(found))
    else:
        options.write.write_text(table(found), encoding="utf-8")
    return 0 if all(one.seed is not None for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
