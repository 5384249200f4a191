"""Building the stand-in: once, whole, with clear words when it cannot be done."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fakecluster.cman.standin import BuildError, standin_library
from fakecluster.cman.standin.build import compile_library, find_compiler


def environment(cache: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(cache), **more}


@pytest.mark.usefixtures("compiler")
def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    strict = ["-Wpedantic", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror"]
    target = tmp_path / "strict.so"
    compile_library(find_compiler(os.environ), tmp_path, target, strict)
    assert target.is_file()


@pytest.mark.usefixtures("compiler")
def test_it_is_built_once_and_found_again(tmp_path: Path) -> None:
    first = standin_library(environment(tmp_path))
    stamp = first.stat()
    second = standin_library(environment(tmp_path))
    assert (second, second.stat().st_ino, first.name) == (first, stamp.st_ino, "libcman.so.3")


@pytest.mark.usefixtures("compiler")
def test_builders_at_the_same_time_agree_and_leave_nothing_behind(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda _: standin_library(environment(tmp_path)), range(4)))
    assert set(built) == {built[0]}
    assert list((tmp_path / "fakecluster").iterdir()) == [built[0].parents[1]]


def test_no_compiler_is_said_with_what_to_do(tmp_path: Path) -> None:
    empty = environment(tmp_path)
    empty["PATH"] = str(tmp_path)
    with pytest.raises(BuildError, match="install one"):
        standin_library(empty)


def test_a_compiler_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no-such-cc"):
        standin_library(environment(tmp_path, CC="no-such-cc"))


def test_a_failing_compiler_is_quoted_and_nothing_is_kept(tmp_path: Path) -> None:
    compiler = tmp_path / "badcc"
    compiler.write_text(
        '#!/bin/sh\ncase "$1" in --version) echo bad 1;; *) echo oh no >&2; exit 1; esac\n'
    )
    compiler.chmod(0o755)
    cache = tmp_path / "cache"
    with pytest.raises(BuildError, match="oh no"):
        standin_library(environment(cache, CC=str(compiler)))
    assert list((cache / "fakecluster").iterdir()) == []


@pytest.mark.usefixtures("compiler")
def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(BuildError, match="cannot keep"):
        standin_library(environment(blocked))
