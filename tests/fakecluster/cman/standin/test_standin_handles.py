"""Opening and closing connections of the stand-in, and handles that are none."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fakecluster.testing.scripted_wire import ScriptedConversation
from tests.fakecluster.cman.standin.conftest import Library, Talk

OPENERS = [("cman_init", "cman_client"), ("cman_admin_init", "cman_admin")]


def open_fails(library: Library, opener: str) -> int | None:
    handle = getattr(library.c, opener)(library.ffi.NULL)
    return library.ffi.errno if handle == library.ffi.NULL else None


@pytest.mark.parametrize(("opener", "name"), OPENERS)
def test_no_socket_is_enoent(library: Library, socket_dir: Path, opener: str, name: str) -> None:
    assert open_fails(library, opener) == errno.ENOENT


@pytest.mark.parametrize(("opener", "name"), OPENERS)
def test_a_stale_socket_is_econnrefused(
    library: Library, socket_dir: Path, opener: str, name: str
) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(socket_dir / name))
    assert open_fails(library, opener) == errno.ECONNREFUSED


def test_a_path_that_does_not_fit_is_refused_and_never_cut(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMAN_SOCKET_DIR", "/" + "d" * 200)
    assert open_fails(library, "cman_init") == errno.ENAMETOOLONG


def test_the_default_directory_is_var_run(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CMAN_SOCKET_DIR", raising=False)
    assert not Path("/var/run/cman_client").exists()
    assert open_fails(library, "cman_init") == errno.ENOENT


def zeros() -> set[int]:
    """Which descriptors of this process are /dev/zero."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own descriptor
            if link.readlink() == Path("/dev/zero"):
                found.add(int(link.name))
    return found


def test_descriptors_are_close_on_exec_and_given_back(library: Library, talk: Talk) -> None:
    before = zeros()
    with talk(ScriptedConversation.expect_end) as handle:
        fd = library.c.cman_get_fd(handle)
        opened = zeros() - before
        assert [os.get_inheritable(each) for each in (fd, *opened)] == [False, False]
        assert library.c.cman_finish(handle) == 0
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
    assert zeros() == before


def call_on(library: Library, name: str, handle: Any) -> tuple[str, int, int]:
    arguments = [
        library.ffi.NULL if "*" in kind or kind.startswith("cman_") else 1
        for kind in filter(None, library.functions[name].split(", "))
    ]
    library.ffi.errno = 0
    result = getattr(library.c, name)(handle, *arguments)
    return name, result, library.ffi.errno


def test_no_function_takes_null_for_a_connection(library: Library) -> None:
    for name in library.functions:
        assert call_on(library, name, library.ffi.NULL) == (name, -1, errno.EINVAL)


def test_no_function_takes_a_finished_connection(library: Library, talk: Talk) -> None:
    with talk(ScriptedConversation.expect_end) as handle:
        assert library.c.cman_finish(handle) == 0
        for name in library.functions:
            assert call_on(library, name, handle) == (name, -1, errno.EINVAL)


def test_libcmans_functions_are_exported_and_nothing_else(library: Library) -> None:
    """The 46 of libcman 3.0, and the one that came with 3.1."""
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", str(library.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    exported = {line.split()[-1] for line in listing.stdout.splitlines()}
    assert exported == {"cman_init", "cman_admin_init", *library.functions}
    assert len(exported - {"cman_update_quorum_device"}) == 46


def test_the_soname_is_libcmans(library: Library) -> None:
    listing = subprocess.run(
        ["readelf", "-d", str(library.path)], capture_output=True, text=True, check=True
    )
    assert "Library soname: [libcman.so.3]" in listing.stdout
