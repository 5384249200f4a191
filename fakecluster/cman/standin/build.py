"""Builds the stand-in library with the system's compiler: into the user's cache, or to stay.

Both ways end with the same tree: the library under its soname, the link and the header that a
compiler looks for, and the flags for pkg-config.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

SONAME: Final = "libcman.so.3"
LINK: Final = "libcman.so"
HEADER: Final = "libcman.h"
FLAGS_FILE: Final = "libcman.pc"
INTERFACE_VERSION: Final = "3.1.8"
"""The release of cman whose functions these are, as pkg-config tells it."""
EXPORTS: Final = "libcman.map"
FLAGS: Final = (
    "-std=c11",
    "-D_GNU_SOURCE",
    "-O2",
    "-g",
    "-fPIC",
    "-Wall",
    "-Wextra",
)
_LINK_FLAGS: Final = ("-shared", "-pthread", f"-Wl,-soname,{SONAME}")
_SOURCE_SUFFIXES: Final = (".c", ".h", ".map", ".pc")
_WHERE_IT_LIES: Final = "${pcfiledir}/../.."
"""pkg-config's own word: a tree that says this may be moved."""
_LIBDIR: Final = "lib"
_BUILD_TIMEOUT_S: Final = 120


class BuildError(RuntimeError):
    """The stand-in library cannot be built; the text says what to do about it."""


def sources() -> dict[str, bytes]:
    """Return the library's source files by name, in the order of their names."""
    directory = resources.files("fakecluster.cman.standin")
    return {
        entry.name: entry.read_bytes()
        for entry in sorted(directory.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(_SOURCE_SUFFIXES)
    }


def find_compiler(environ: Mapping[str, str]) -> str:
    """Return the path of the C compiler: `$CC`, else cc, else gcc, else clang.

    Raises:
        BuildError: there is none.
    """
    wanted = [environ["CC"]] if environ.get("CC") else ["cc", "gcc", "clang"]
    for name in wanted:
        path = shutil.which(name, path=environ.get("PATH"))
        if path is not None:
            return path
    raise BuildError(
        f"the stand-in {SONAME} needs a C compiler and there is none ({', '.join(wanted)}): "
        "install one (on Debian: apt-get install gcc libc6-dev) or set CC"
    )


def standin_cache(environ: Mapping[str, str]) -> Path:
    """Return the directory of this program in the user's cache."""
    cache = Path(environ.get("XDG_CACHE_HOME", ""))
    base = cache if cache.is_absolute() else Path.home() / ".cache"
    return base / "fakecluster"


def compile_library(
    compiler: str, directory: Path, target: Path, extra_flags: Sequence[str] = ()
) -> None:
    """Write the sources into `directory` and compile them to `target`.

    Raises:
        BuildError: with the compiler's words.
    """
    files = sources()
    for name, text in files.items():
        (directory / name).write_bytes(text)
    command = [
        compiler,
        *FLAGS,
        *extra_flags,
        f"-ffile-prefix-map={directory}=.",
        *_LINK_FLAGS,
        f"-Wl,--version-script={EXPORTS}",
        "-o",
        str(target),
        *(name for name in files if name.endswith(".c")),
    ]
    _run(command, directory)


def install_library(
    compiler: str,
    root: Path,
    *,
    prefix: str = _WHERE_IT_LIES,
    libdir: str = _LIBDIR,
    extra_flags: Sequence[str] = (),
) -> None:
    """Compile the library and put it, its header and its flags below a directory.

    Args:
        compiler: the path of a C compiler.
        root: the directory that will be `prefix`.
        prefix: what the file for pkg-config names as such.
        libdir: the directory of libraries, below the prefix.
        extra_flags: more words for the compiler.

    Raises:
        BuildError: with the compiler's words.
        OSError: a file cannot be written.
    """
    libraries, headers = root / libdir, root / "include"
    (libraries / "pkgconfig").mkdir(parents=True, exist_ok=True)
    headers.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="standin-") as scratch:
        made = Path(scratch) / SONAME
        compile_library(compiler, Path(scratch), made, extra_flags)
        shutil.copyfile(made, libraries / SONAME)
    (libraries / LINK).unlink(missing_ok=True)
    (libraries / LINK).symlink_to(SONAME)
    files = sources()
    (headers / HEADER).write_bytes(files[HEADER])
    text = files[FLAGS_FILE].decode()
    for word, value in (("PREFIX", prefix), ("LIBDIR", libdir), ("VERSION", INTERFACE_VERSION)):
        text = text.replace(f"@{word}@", value)
    (libraries / "pkgconfig" / FLAGS_FILE).write_text(text, encoding="utf-8")


def standin_library(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the stand-in `libcman.so.3`, which is built if it is not there yet.

    It is kept under a hash of its source, the flags and the compiler's version. Builders that run
    at the same time do not see each other's halves: the first to finish wins.

    Raises:
        BuildError: there is no compiler, or it fails, or the cache cannot be written.
    """
    compiler = find_compiler(environ)
    home = standin_cache(environ) / f"standin-{_fingerprint(compiler)}"
    library = home / _LIBDIR / SONAME
    if library.is_file():
        return library
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="build-", dir=home.parent) as scratch:
            done = Path(scratch) / "done"
            install_library(compiler, done)
            _move_into_place(done, home)
    except OSError as error:
        raise BuildError(f"cannot keep the stand-in {SONAME} in {home.parent}: {error}") from error
    return library


def pkgconfig_directory(library: Path) -> Path:
    """Return the directory for PKG_CONFIG_PATH that leads to a library of `standin_library`."""
    return library.parent / "pkgconfig"


def _move_into_place(done: Path, home: Path) -> None:
    try:
        done.rename(home)
    except OSError as error:
        # Somebody else was faster, with the same sources and compiler.
        if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
            raise


def _fingerprint(compiler: str) -> str:
    """Return what decides how the library comes out, as 16 hex digits."""
    digest = hashlib.sha256()
    parts = [_run([compiler, "--version"], Path("/")), " ".join(FLAGS + _LINK_FLAGS)]
    for name, text in sources().items():
        parts += [name, text.decode()]
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def _run(command: Sequence[str], directory: Path) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{command[0]} did not end within {_BUILD_TIMEOUT_S} s") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise BuildError(f"{command[0]} cannot build the stand-in {SONAME}:\n{words}")
    return done.stdout
