"""The stand-in as a library that is installed: library, link, header, and pkg-config's flags."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fakecluster.cman.standin import pkgconfig_directory, standin_library
from fakecluster.cman.standin.build import sources

from .conftest import FUNCTIONS

OPENERS = {"cman_init", "cman_admin_init"}


def declared() -> set[str]:
    """The functions of the header."""
    header = sources()["libcman.h"].decode()
    return set(re.findall(r"^(?:int|cman_handle_t) (cman_\w+)\(", header, re.MULTILINE))


def asked(directory: Path, *words: str) -> str:
    environment = {**os.environ, "PKG_CONFIG_PATH": str(directory)}
    return subprocess.check_output(["pkg-config", *words, "libcman"], env=environment, text=True)


def test_the_header_declares_what_the_tests_call() -> None:
    assert declared() == OPENERS | set(FUNCTIONS)


def test_the_library_exports_what_the_header_declares(compiler: None) -> None:
    words = ["nm", "-D", "--defined-only", str(standin_library())]
    lines = subprocess.check_output(words, text=True).splitlines()
    assert {line.split()[-1].partition("@")[0] for line in lines} == declared()


@pytest.mark.parametrize(
    "language", [["-x", "c", "-std=c99"], ["-x", "c++", "-std=c++11"]], ids=str
)
def test_the_header_stands_alone(compiler: None, tmp_path: Path, language: list[str]) -> None:
    (tmp_path / "libcman.h").write_bytes(sources()["libcman.h"])
    (tmp_path / "one.c").write_text("#include <libcman.h>\n#include <libcman.h>\ncman_node_t n;\n")
    words = ["gcc", *language, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", "."]
    done = subprocess.run(
        [*words, "-fsyntax-only", "one.c"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if language[1] == "c++" and "cc1plus" in done.stderr:
        pytest.skip("this gcc compiles no C++")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_cached_tree_may_be_moved(pkg_config: None, tmp_path: Path) -> None:
    library = standin_library({"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(tmp_path)})
    home = library.parents[1]
    moved = home.rename(tmp_path / "moved")
    directory = pkgconfig_directory(moved / "lib" / library.name)
    root = asked(directory, "--variable=prefix").strip()
    assert Path(root).resolve() == moved
    assert asked(directory, "--cflags", "--libs").split() == [
        f"-I{root}/include",
        f"-L{root}/lib",
        "-lcman",
    ]


def test_it_is_installed_below_a_prefix_with_the_callers_flags(
    pkg_config: None, tmp_path: Path
) -> None:
    noted = tmp_path / "words"
    compiler = tmp_path / "noting-cc"
    compiler.write_text(f'#!/bin/sh\necho "$@" > {noted}\nexec cc "$@"\n')
    compiler.chmod(0o755)
    words = ["--destdir", str(tmp_path / "root"), "--prefix", "/usr", "--libdir", "lib/here"]
    subprocess.run(
        [sys.executable, "-m", "fakecluster.cman.standin", *words],
        env={
            **os.environ,
            "CC": str(compiler),
            "CPPFLAGS": "-DONE=1",
            "CFLAGS": "-g0 -O1",
            "LDFLAGS": "-Wl,-z,now",
        },
        check=True,
    )
    usr = tmp_path / "root/usr"
    assert {str(path.relative_to(usr)) for path in usr.rglob("*") if not path.is_dir()} == {
        "include/libcman.h",
        "lib/here/libcman.so",
        "lib/here/libcman.so.3",
        "lib/here/pkgconfig/libcman.pc",
    }
    assert (usr / "lib/here/libcman.so").readlink() == Path("libcman.so.3")
    flags = asked(usr / "lib/here/pkgconfig", "--libs", "--define-prefix").split()
    assert flags[-1] == "-lcman"
    variables = (usr / "lib/here/pkgconfig/libcman.pc").read_text().splitlines()[:3]
    assert variables == [
        "prefix=/usr",
        "libdir=${prefix}/lib/here",
        "includedir=${prefix}/include",
    ]
    assert {"-DONE=1", "-g0", "-O1", "-Wl,-z,now"} <= set(noted.read_text().split())


def test_a_directory_that_cannot_be_written_is_said(compiler: None, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "fakecluster.cman.standin", "--destdir", str(tmp_path / "file")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("fakecluster.cman.standin: ")
    assert "Traceback" not in done.stderr
