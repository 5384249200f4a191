"""A historic cman in guests: what is packed, and where a guest puts it; nothing is started here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fakecluster.cman.standin.build import find_compiler
from fakecluster.cman.topology import NodeConfig, Topology
from fakecluster.historic.root import CmanRoot
from integration.arm.historic import (
    DIRECTORY,
    historic_manager,
    packed_files,
    placement,
    spare_files,
    spare_members,
)
from integration.inside.historic import provision
from integration.lab.base import Extra
from integration.payload import pack

pytestmark = pytest.mark.usefixtures("compiler")

PLACES = 'const char *places = "/usr/libexec/lcrso\\0/usr/sbin/corosync\\0/etc/cluster/cluster.conf'
PLACES += '\\0/var/run/cman_client\\0udpu\\0";'


def build(path: Path, source: str, *words: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [find_compiler(os.environ), "-x", "c", "-", "-o", os.fspath(path), *words]
    subprocess.run(command, input=source, text=True, check=True)
    return path


def library(path: Path, *needed: Path) -> Path:
    name = path.name.partition(".")[0]
    words = ["-shared", "-fPIC", f"-Wl,-soname,{path.name}", "-Wl,--no-as-needed"]
    found = [f"-Wl,-rpath,{path.parent}", "-x", "none", *map(str, needed)]
    return build(path, f"int {name}(void) {{ return 0; }}", *words, *found)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Where the machine that packs has libraries: one of them needs another."""
    directory = tmp_path / "outside"
    inner = library(directory / "libinner.so.2")
    library(directory / "libouter.so.1", inner)
    return directory


@pytest.fixture
def root(tmp_path: Path, outside: Path) -> CmanRoot:
    """Programs that are linked to libraries in the directory and outside."""
    directory = tmp_path / "cman"
    inside = library(directory / "lib/libcpg.so.4")
    library(directory / "lib/libcman.so.3")
    library(directory / "libexec/lcrso/service_cman.lcrso")
    linked = ["-Wl,--no-as-needed", f"-Wl,-rpath,{outside}", "-x", "none", str(inside)]
    program = f"{PLACES} int main(void) {{ return 0; }}"
    build(directory / "sbin/cman_tool", program)
    build(directory / "sbin/corosync", program, *linked, str(outside / "libouter.so.1"))
    return CmanRoot.read(directory)


def archive(root: CmanRoot, path: Path) -> dict[str, Any]:
    """Pack it; return what a guest is told."""
    spare = spare_files(root)
    with os.fdopen(pack([*packed_files(root), *spare_members(spare)]), "rb") as packed:
        packed.seek(0)
        path.write_bytes(packed.read())
    return {**placement(root, spare), "archive": str(path)}


def test_everything_of_the_directory_and_what_it_needs_is_packed(root: CmanRoot) -> None:
    assert [name for name, _ in packed_files(root)] == [
        "cman/sbin/cman_tool",
        "cman/sbin/corosync",
        "cman/lib/libcman.so.3",
        "cman/lib/libcpg.so.4",
        "cman/libexec/lcrso/service_cman.lcrso",
    ]
    members = [name for name, _ in spare_members(spare_files(root))]
    assert members == ["spare/libinner.so.2", "spare/libouter.so.1"]


def test_a_guest_has_it_where_its_programs_look(root: CmanRoot, tmp_path: Path) -> None:
    """Corosync 3 gives way; the libraries that the guest's loader finds are not taken."""
    guest = tmp_path / "guest"
    (guest / "usr/sbin").mkdir(parents=True)
    (guest / "usr/sbin/corosync").write_text("corosync 3")
    arguments = archive(root, tmp_path / "archive.tar")
    assert provision(**arguments, root=str(guest)) == []
    home = guest / DIRECTORY.lstrip("/")
    assert (home / "sbin/corosync").read_bytes() == root.corosync.read_bytes()
    assert os.access(home / "sbin/cman_tool", os.X_OK)
    assert str((guest / "usr/libexec/lcrso").readlink()) == f"{DIRECTORY}/libexec/lcrso"
    assert str((guest / "usr/lib/libcman.so.3").readlink()) == f"{DIRECTORY}/lib/libcman.so.3"
    for directory in ("etc/cluster", "var/run", "var/log/cluster", "var/lib/cluster"):
        assert (guest / directory).is_dir()
    assert (guest / "usr/sbin/corosync").read_text() == (
        f"#!/bin/sh\nLD_LIBRARY_PATH={DIRECTORY}/lib:{DIRECTORY}/lib64:{DIRECTORY}/libexec/lcrso:"
        f'{DIRECTORY}/spare\nexport LD_LIBRARY_PATH\nexec {DIRECTORY}/sbin/corosync "$@"\n'
    )
    for program in (guest / "usr/sbin/corosync", home / "join"):
        assert os.access(program, os.X_OK)
    unit = (guest / "etc/systemd/system/cman.service").read_text()
    assert f"ExecStart={DIRECTORY}/join\n" in unit
    assert (home / "join").read_text().endswith('exec cman_tool join -n "$NODENAME"\n')
    assert provision(**arguments, root=str(guest)) == []  # once more, over itself


def test_a_guest_takes_the_libraries_that_it_lacks(
    root: CmanRoot, outside: Path, tmp_path: Path
) -> None:
    """And those that these lack."""
    arguments = archive(root, tmp_path / "archive.tar")
    for each in outside.iterdir():
        each.unlink()
    taken = provision(**arguments, root=str(tmp_path / "guest"))
    assert taken == ["libouter.so.1", "libinner.so.2"]
    spare = tmp_path / "guest" / DIRECTORY.lstrip("/") / "spare"
    assert sorted(each.name for each in spare.iterdir()) == ["libinner.so.2", "libouter.so.1"]


def test_a_library_that_nobody_has_is_named(root: CmanRoot, outside: Path, tmp_path: Path) -> None:
    arguments = archive(root, tmp_path / "archive.tar")
    (outside / "libouter.so.1").unlink()
    with pytest.raises(OSError, match=r"the guest has no such library: corosync needs libouter"):
        provision(**{**arguments, "spare": {}}, root=str(tmp_path / "guest"))


def test_what_a_library_loads_later_goes_with_it(root: CmanRoot, tmp_path: Path) -> None:
    """NSS finds its tokens beside itself, and the loader does not know of them."""
    beside = tmp_path / "nss"
    nss = library(beside / "libnss3.so")
    library(beside / "libsoftokn3.so")
    spare = {"libnss3.so": [nss, beside / "libsoftokn3.so", beside / "libfreebl3.so"]}
    assert placement(root, spare)["spare"] == {"libnss3.so": ["libnss3.so", "libsoftokn3.so"]}
    members = [name for name, _ in spare_members(spare)]
    assert members == ["spare/libnss3.so", "spare/libsoftokn3.so"]


def extra_of(root: CmanRoot) -> Extra:
    extra = historic_manager(root).extra()
    assert extra is not None
    return extra


def test_another_directory_is_another_image(root: CmanRoot, tmp_path: Path) -> None:
    manager = historic_manager(root)
    before = extra_of(root)
    assert list(before.words) == list(extra_of(root).words)
    assert [name for name, _ in before.files][:2] == ["cman/sbin/cman_tool", "cman/sbin/corosync"]
    (root.directory / "lib/libmore.so.1").write_bytes(b"")
    assert [*extra_of(root).files] != [*before.files]
    assert manager is historic_manager(CmanRoot.read(root.directory))


def test_a_host_is_configured_by_clusters_own_files(root: CmanRoot) -> None:
    nodes = tuple(
        NodeConfig(id=each, name=name, addresses=(f"10.0.0.{each}",))
        for each, name in ((1, "node1"), (2, "two words"))
    )
    files = historic_manager(root).files(2, Topology(cluster="o2", nodes=nodes), 4)
    assert list(files) == ["/etc/cluster/cluster.conf", "/etc/hosts", "/etc/default/historic-cman"]
    assert '<cluster name="o2" config_version="4">' in files["/etc/cluster/cluster.conf"]
    assert 'transport="udpu"' in files["/etc/cluster/cluster.conf"]
    assert "10.0.0.1 node1\n" in files["/etc/hosts"]
    assert files["/etc/default/historic-cman"] == "NODENAME='two words'\n"
