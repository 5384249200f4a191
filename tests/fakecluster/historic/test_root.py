"""The directory of a historic cman: all that it lacks is named, all that is compiled in found."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakecluster.historic.root import CmanRoot, CmanRootError


def make(directory: Path, *, text: bytes = b"", without: tuple[str, ...] = ()) -> Path:
    names = ("sbin/cman_tool", "sbin/corosync", "lib/libcman.so.3", "libexec/lcrso/x.lcrso")
    for name in names:
        if name not in without:
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\x7fELF\0" + text)
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
