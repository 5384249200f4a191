"""The pure parts of the guest image: lists, recipe, modules, the initial RAM disk."""

from __future__ import annotations

import gzip
import itertools
import lzma
from pathlib import Path

import pytest

from integration import initrd, packages, sources
from integration.build import load_order, parse_dependencies
from integration.errors import CannotRunError
from integration.image import layer
from integration.recipes import CLUSTER_IMAGE, SMOKE_IMAGE


def test_a_package_list_has_sections_and_comments() -> None:
    text = "# What this is, in words.\n\n# one\na\nb\n\n# two\n  c\n"
    assert packages.parse_packages(text) == {"one": ["a", "b"], "two": ["c"]}


def test_every_tool_of_the_run_is_in_the_host_list() -> None:
    assert {tool.package for tool in packages.TOOLS} <= set(packages.host_packages("vm"))


def test_no_package_is_listed_twice() -> None:
    for path in (packages.HOST_PACKAGES, packages.GUEST_PACKAGES):
        names = list(itertools.chain(*packages.parse_packages(path.read_text()).values()))
        assert len(names) == len(set(names))


def test_what_the_daemon_needs_is_in_the_guest() -> None:
    needed = {"python3-cffi", "python3-attr", "python3-cattr", "python3-click", "busybox-static"}
    for recipe in (SMOKE_IMAGE, CLUSTER_IMAGE):
        assert needed < set(packages.guest_packages(recipe.name))


def test_missing_tools_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages, "find_program", {"mke2fs": "/x", "setpriv": "/x"}.get)
    with pytest.raises(CannotRunError) as caught:
        packages.require_tools()
    assert str(caught.value) == (
        "not installed: mmdebstrap, qemu-img, qemu-system-x86_64. As root: "
        "apt-get update && apt-get install --no-install-recommends --yes "
        "mmdebstrap qemu-system-x86 qemu-utils"
    )


def test_a_missing_program_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_program", lambda _name: None)
    with pytest.raises(CannotRunError, match=r"apt-get install .* e2fsprogs"):
        packages.program("mke2fs")


def test_the_digest_changes_with_the_release() -> None:
    names = {
        layer(recipe, sources.of_suite(OWN, codename), print).name
        for recipe in (SMOKE_IMAGE, CLUSTER_IMAGE)
        for codename in ("bookworm", "trixie")
    }
    assert len(names) == 4


def test_sources_are_read_once_each_in_order() -> None:
    text = (
        "bookworm http://a.invalid/debian/ bookworm main\n"
        "bookworm http://a.invalid/debian/ bookworm-updates main\n"
        "bookworm http://a.invalid/debian/ bookworm main\n"
        "not a source\n"
    )
    assert [source.line for source in sources.parse_sources(text)] == [
        "deb http://a.invalid/debian/ bookworm main",
        "deb http://a.invalid/debian/ bookworm-updates main",
    ]


OWN = sources.parse_sources(
    "bookworm http://a.invalid/debian/ bookworm main\n"
    "bookworm http://a.invalid/debian/ stable main\n"
    "bookworm-updates http://a.invalid/debian/ stable-updates main\n"
    "bookworm-security http://b.invalid/security/ stable-security main\n"
)


def test_another_release_is_at_the_same_places() -> None:
    assert [source.line for source in sources.of_suite(OWN, "trixie")] == [
        "deb http://a.invalid/debian/ trixie main",
        "deb http://a.invalid/debian/ trixie-updates main",
        "deb http://b.invalid/security/ trixie-security main",
    ]


@pytest.mark.parametrize("suite", ["", "bookworm"])
def test_this_machines_own_release_stays_as_apt_has_it(suite: str) -> None:
    assert sources.of_suite(OWN, suite) == OWN


@pytest.mark.parametrize(("suite", "others"), [("", 0), ("bookworm", 0), ("trixie", 3)])
def test_only_another_release_has_other_archives(
    suite: str, others: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_index_targets", lambda *_options: OWN)
    assert len(sources.other_sources(tmp_path, suite)) == others
    assert sources.debian_sources(tmp_path, suite)[0].codename == (suite or "bookworm")


def test_only_settings_that_reach_archives_are_kept() -> None:
    dump = (
        'Acquire "";\nAcquire::http::Proxy "http://p.invalid/";\n'
        'Acquire::IndexTargets::deb "";\nAcquire::Check-Valid-Until "false";\n'
    )
    assert sources.reaching_settings(dump) == (
        'Acquire::http::Proxy "http://p.invalid/";\nAcquire::Check-Valid-Until "false";\n'
    )


MODULES = """\
kernel/a.ko:
kernel/b-b.ko: kernel/a.ko
kernel/c.ko.xz: kernel/b-b.ko kernel/a.ko
kernel/d/virtio-rng.ko.xz:
"""


def test_modules_load_after_what_they_need_and_once() -> None:
    dependencies = parse_dependencies(MODULES)
    assert load_order(dependencies, ["c", "b_b", "virtio_rng"]) == [
        "kernel/a.ko",
        "kernel/b-b.ko",
        "kernel/c.ko.xz",
        "kernel/d/virtio-rng.ko.xz",
    ]


def test_a_module_that_is_built_in_is_left_out() -> None:
    assert load_order(parse_dependencies(MODULES), ["nothing"]) == []


def unpack(data: bytes) -> dict[str, tuple[int, bytes]]:
    """Read a newc archive: name -> (mode, contents)."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = data[at + 110 : at + 110 + name_size - 1].decode()
        start = at + 110 + name_size
        start += -start % 4
        if name == "TRAILER!!!":
            return found
        found[name] = (mode, data[start : start + size])
        at = start + size + -size % 4


def test_the_initrd_holds_busybox_the_modules_in_order_and_a_start(tmp_path: Path) -> None:
    (tmp_path / "busybox").write_bytes(b"ELF")
    modules = [tmp_path / "one.ko", tmp_path / "two.ko"]
    for module in modules:
        module.write_bytes(module.name.encode())
    found = unpack(gzip.decompress(initrd.initrd(tmp_path / "busybox", modules, "/sbin/start")))
    assert found["bin/busybox"] == (0o100755, b"ELF")
    assert found["bin/sh"] == (0o120777, b"busybox")
    assert found["modules/two.ko"] == (0o100644, b"two.ko")
    assert b"for module in one two; do" in found["init"][1]
    assert found["init"][1].endswith(b"exec switch_root /root /sbin/start\n")


def test_a_compressed_module_is_put_into_the_initrd_as_busybox_loads_it(tmp_path: Path) -> None:
    (tmp_path / "busybox").write_bytes(b"ELF")
    module = tmp_path / "ext4.ko.xz"
    module.write_bytes(lzma.compress(b"code"))
    found = unpack(gzip.decompress(initrd.initrd(tmp_path / "busybox", [module], "/x")))
    assert found["modules/ext4.ko"] == (0o100644, b"code")
    assert b"for module in ext4; do" in found["init"][1]


def test_the_initrd_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    (tmp_path / "busybox").write_bytes(b"ELF")
    first, second = (initrd.initrd(tmp_path / "busybox", [], "/x") for _ in range(2))
    assert first == second
