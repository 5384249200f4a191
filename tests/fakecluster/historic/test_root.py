"""The directory of a historic cman: all that it lacks is named, all that is compiled in found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fakecluster.cman.standin.build import find_compiler
from fakecluster.historic.root import CmanRoot, CmanRootError

OURS = Path("/proc/self/exe").read_bytes()[:20]
"""How a program of this machine begins; it is linked to nothing."""


def make(directory: Path, *, text: bytes = b"", without: tuple[str, ...] = ()) -> Path:
    names = ("sbin/cman_tool", "sbin/corosync", "lib/libcman.so.3", "libexec/lcrso/x.lcrso")
    for name in names:
        if name not in without:
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(OURS + b"\0/lcrso\0cman_client\0" + text)
            path.chmod(0o755)
    return directory


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    without = ("sbin/cman_tool", "lib/libcman.so.3", "libexec/lcrso/x.lcrso")
    make(tmp_path, without=without)
    (tmp_path / "sbin/corosync").chmod(0o644)
    with pytest.raises(CmanRootError) as caught:
        CmanRoot.read(tmp_path)
    text = str(caught.value)
    assert f"--cman-root {tmp_path} holds no historic cman" in text
    for line in (
        "sbin/cman_tool: not there",
        f"sbin/corosync: not executable: chmod +x {tmp_path}/sbin/corosync",
        "lib/libcman.so.3: not there",
        "libexec/lcrso/*.lcrso: not there",
    ):
        assert f"\n  {line}\n" in text


def test_what_is_no_directory_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(CmanRootError, match="it is no directory"):
        CmanRoot.read(tmp_path / "nowhere")


def test_places_are_those_in_the_programs(tmp_path: Path) -> None:
    compiled = (
        b"\0/opt/old/libexec/lcrso\0/opt/old/sbin/corosync\0more /opt/old/etc/cluster.conf\n"
        b"\0/opt/old/run/cman_client\0x/lcrso-not/lcrso_x\0"
    )
    root = CmanRoot.read(make(tmp_path, text=compiled))
    assert root.plugin_directories == ("/opt/old/libexec/lcrso",)
    assert root.corosync_paths == ("/opt/old/sbin/corosync",)
    assert root.configuration_directories == ("/opt/old/etc",)
    assert root.socket_directories == ("/opt/old/run",)
    assert not root.udpu
    assert not root.validates


def test_without_any_the_usual_places_are_taken(tmp_path: Path) -> None:
    root = CmanRoot.read(make(tmp_path, text=b"udpu\0ccs_config_validate -q\0"))
    assert root.plugin_directories == ("/usr/lib/lcrso", "/usr/libexec/lcrso")
    assert root.corosync_paths == ("/usr/sbin/corosync",)
    assert root.configuration_directories == ("/etc/cluster",)
    assert root.socket_directories == ("/var/run",)
    assert root.udpu
    assert root.validates


def test_its_libraries_come_first(tmp_path: Path) -> None:
    root = CmanRoot.read(make(tmp_path))
    assert root.environment["LD_LIBRARY_PATH"] == f"{tmp_path}/lib:{tmp_path}/libexec/lcrso"
    assert root.environment["PATH"].startswith(f"{tmp_path}/sbin:")


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("sbin/cman_tool", b"text", "sbin/cman_tool: no program of this machine"),
        ("sbin/cman_tool", b"\x7fELF\x01\x01" + bytes(14), "no program of this machine"),
        ("sbin/corosync", OURS + b"corosync 3", "sbin/corosync: no corosync 1.x"),
        ("lib/libcman.so.3", b"#!/bin/sh", "lib/libcman.so.3: no library of this machine"),
        ("libexec/lcrso/x.lcrso", OURS, "libexec/lcrso/*.lcrso: none of them is cman's"),
    ],
)
def test_what_is_something_else_is_named(tmp_path: Path, name: str, data: bytes, line: str) -> None:
    """A file of another processor, of another corosync, or of no meaning."""
    (make(tmp_path) / name).write_bytes(data)
    with pytest.raises(CmanRootError, match=re.escape(line)):
        CmanRoot.read(tmp_path)


def test_a_script_may_stand_for_a_program(tmp_path: Path) -> None:
    make(tmp_path)
    for name in ("cman_tool", "corosync"):
        (tmp_path / "sbin" / name).write_text("#!/bin/sh\n")
    CmanRoot.read(tmp_path)


def build(path: Path, source: str, *words: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [find_compiler(os.environ), "-x", "c", "-", "-o", os.fspath(path), *words]
    subprocess.run(command, input=source, text=True, check=True)


@pytest.mark.usefixtures("compiler")
def test_libraries_are_found_in_the_directory_and_outside(tmp_path: Path) -> None:
    """One that the loader finds nowhere is named, with who needs it."""
    root, outside = make(tmp_path / "root"), tmp_path / "outside"
    linked = [root / "lib/libinside.so.4", outside / "liboutside.so.4"]
    for each in linked:
        source = f"int {each.name[3:-5]}(void) {{ return 0; }}"
        build(each, source, "-shared", "-fPIC", f"-Wl,-soname,{each.name}")
    call = 'int inside(void); int outside(void); const char *places = "/lcrso";'
    call += "int main(void) { return inside() + outside(); }"
    build(root / "sbin/corosync", call, "-x", "none", *map(str, linked), f"-Wl,-rpath,{outside}")

    found = CmanRoot.read(root).linked().found
    assert found["libinside.so.4"] == root / "lib/libinside.so.4"
    assert found["liboutside.so.4"] == outside / "liboutside.so.4"

    (outside / "liboutside.so.4").unlink()
    wanted = "sbin/corosync: needs liboutside.so.4, which is neither in lib/ nor on this machine"
    with pytest.raises(CmanRootError, match=wanted):
        CmanRoot.read(root)


def test_files_are_programs_libraries_and_plug_ins(tmp_path: Path) -> None:
    root = make(tmp_path)
    (root / "lib/libcpg.so.4.1").write_bytes(OURS)
    (root / "lib/libcpg.so.4").symlink_to("libcpg.so.4.1")
    (root / "lib/libcpg.a").write_bytes(b"")
    names = [str(each.relative_to(root)) for each in CmanRoot.read(root).files()]
    assert names == [
        "sbin/cman_tool", "sbin/corosync", "lib/libcman.so.3", "lib/libcpg.so.4",
        "lib/libcpg.so.4.1", "libexec/lcrso/x.lcrso",
    ]  # fmt: skip


@pytest.mark.parametrize("arm", ["process-cman", "vm-cman"])
def test_a_wrong_directory_ends_the_run_with_one_message(arm: str, tmp_path: Path) -> None:
    """Before anything is made or booted."""
    words = ["-m", "pytest", "tests/scenarios", "--arm", arm, "--cman-root", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, *words, "-p", "no:cacheprovider"],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert done.stdout.count(f"--cman-root {tmp_path} holds no historic cman:") == 1
    assert "\n  sbin/corosync: not there\n" in done.stdout
    assert "Traceback" not in done.stdout
