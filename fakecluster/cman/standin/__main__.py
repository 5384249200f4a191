"""`python -m fakecluster.cman.standin --destdir DIR`: installs the stand-in to stay.

It needs a C compiler and nothing else; `CC`, `CPPFLAGS`, `CFLAGS` and `LDFLAGS` are heeded.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from fakecluster.cman.standin.build import BuildError, find_compiler, install_library


def main() -> None:
    """Compile and install."""
    parser = argparse.ArgumentParser(prog="fakecluster.cman.standin", description=__doc__)
    parser.add_argument("--destdir", type=Path, required=True, metavar="DIR",
                        help="what stands for / while it is installed")  # fmt: skip
    parser.add_argument("--prefix", default="/usr/local", help="(%(default)s)")
    parser.add_argument("--libdir", default="lib", help="below the prefix (%(default)s)")
    given = parser.parse_args()
    flags = [os.environ.get(name, "") for name in ("CPPFLAGS", "CFLAGS", "LDFLAGS")]
    try:
        install_library(
            find_compiler(os.environ),
            given.destdir / given.prefix.lstrip("/"),
            prefix=given.prefix,
            libdir=given.libdir,
            extra_flags=shlex.split(" ".join(flags)),
        )
    except (BuildError, OSError) as error:
        sys.exit(f"fakecluster.cman.standin: {error}")


if __name__ == "__main__":
    main()
