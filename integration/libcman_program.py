"""A C program that calls every function of libcman.h, compiled as any program of libcman's is."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fakecluster.cman.standin import pkgconfig_directory
from fakecluster.cman.standin.build import find_compiler

SOURCE: Final = Path(__file__).with_suffix(".c")
EXAMPLE: Final = Path(__file__).parents[1] / "docs" / "nodes.c"
_STRICT: Final = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-pthread")


def compiled(source: Path, library: Path, target: Path) -> Path:
    """Compile a program with the flags that pkg-config gives for libcman; the program.

    Args:
        source: a C file.
        library: the stand-in, as `standin_library` gives it; the program finds its own by the name.
        target: where it goes.

    Raises:
        BuildError: there is no compiler.
        subprocess.CalledProcessError: pkg-config does not know libcman, or it does not compile.
    """
    environment = {**os.environ, "PKG_CONFIG_PATH": str(pkgconfig_directory(library))}
    asked = ["pkg-config", "--cflags", "--libs", "libcman"]
    flags = shlex.split(subprocess.check_output(asked, env=environment, text=True))
    words = [find_compiler(os.environ), *_STRICT, "-o", str(target), str(source), *flags]
    subprocess.run(words, check=True)
    return target


def exported(library: Path) -> Sequence[str]:
    """The functions that a library exports, sorted.

    Raises:
        subprocess.CalledProcessError: it is no library.
    """
    text = subprocess.check_output(["nm", "-D", "--defined-only", library], text=True)
    return sorted(line.split()[2] for line in text.splitlines() if " T " in line)
