"""The package's build: what it is made of, and what it says where it cannot run."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration import deb, packages
from integration.__main__ import parser
from integration.errors import CannotRunError
from integration.sources import AptSource


def test_every_tool_of_the_build_is_in_the_host_list() -> None:
    assert {tool.package for tool in deb.TOOLS} <= set(packages.host_packages("package"))


def test_every_input_is_there_and_what_others_make_is_not() -> None:
    names = [name for name, _path in deb.input_files()]
    assert {"o2cbd/start.py", "packaging/debian/rules", "pyproject.toml"} <= set(names)
    assert [name for name in names if name.endswith(".pyc")] == []
    for name in deb.INPUTS:
        assert any(one == name or one.startswith(f"{name}/") for one in names), name


def test_the_digest_changes_with_a_revision_a_name_and_a_text(tmp_path: Path) -> None:
    for name in deb.INPUTS:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    first = deb.inputs_digest("", tmp_path)
    assert deb.inputs_digest("+1", tmp_path) != first
    (tmp_path / "README.md").write_text("y")
    second = deb.inputs_digest("", tmp_path)
    (tmp_path / "README.md").write_text("x")
    (tmp_path / "o2cbd").unlink()
    (tmp_path / "o2cbd").mkdir()
    (tmp_path / "o2cbd" / "new.py").write_text("x")
    assert len({first, second, deb.inputs_digest("", tmp_path)}) == 3


def test_a_revision_ends_the_top_version_alone() -> None:
    changelog = "o2cbd (0.2-1) unstable; x\n\n  * a\n\no2cbd (0.1-1) unstable; x\n"
    assert deb.revised(changelog, "") == changelog
    assert deb.revised(changelog, "+1") == changelog.replace("(0.2-1)", "(0.2-1+1)")


@pytest.mark.parametrize("revision", ["-1", "a b", "/x", "é", "+b1"])
def test_a_revision_that_is_none_is_refused(revision: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Debian version"):
        deb.build(tmp_path, print, revision=revision)


def test_what_is_missing_is_named_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "find_program", lambda _name: None)
    with pytest.raises(CannotRunError, match=r"not installed: dpkg-buildpackage, dh, .*apt-get"):
        deb.build(tmp_path / "out", print)
    assert not (tmp_path / "out").exists()


def test_a_build_that_fails_shows_its_end_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "dpkg-buildpackage"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nls -d debian/rules; echo it broke >&2; exit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(packages, "find_program", str)
    monkeypatch.setattr(deb, "SYSTEM_PATH", f"{program.parent}:/usr/bin:/bin")
    with pytest.raises(CannotRunError, match=r"ended with 3(.|\n)*debian/rules\nit broke"):
        deb.build(tmp_path / "out", print)
    assert list((tmp_path / "out").iterdir()) == []


OTHERS = [AptSource(codename="trixie", uri="http://a.invalid/", release="trixie", component="main")]


def test_another_release_builds_it_in_a_root_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of this machine's build tools is needed, and the packages of both are kept."""
    hooks: list[str] = []

    def fetch(
        root: Path, work: Path, sources: object, packages: object, options: list[str]
    ) -> None:
        assert (root, sources, packages) == (Path("/dev/null"), OTHERS, [])
        assert (work / "source/debian/rules").is_file()
        hooks.extend(options)
        for name in deb.NAMES:
            (work / f"result/{name}_1_all.deb").write_text("x")

    monkeypatch.setattr(deb, "fetch_packages", fetch)
    monkeypatch.setattr(packages, "find_program", lambda _name: None)
    lines: list[str] = []
    built = deb.build(tmp_path, lines.append, others=OTHERS)
    assert sorted(built) == sorted(deb.NAMES)
    assert {path.parent.name for path in built.values()} == {f"deb-trixie-{deb.inputs_digest()}"}
    assert deb.build(tmp_path, lines.append, others=OTHERS) == built
    assert lines[0] == "package: building in a root made of Debian trixie"
    assert lines[-1].endswith("built before")
    assert any("=noautodbgsym dpkg-buildpackage --build=binary" in hook for hook in hooks)
    with pytest.raises(CannotRunError, match="not installed"):
        deb.build(tmp_path, print)


def test_a_build_that_leaves_a_package_out_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(
        root: Path, work: Path, sources: object, packages: object, options: list[str]
    ) -> None:
        (work / "result/o2cbd_1_all.deb").write_text("x")

    monkeypatch.setattr(deb, "fetch_packages", fetch)
    with pytest.raises(CannotRunError, match=r"left o2cbd_1_all\.deb, not o2cbd, "):
        deb.build(tmp_path, print, others=OTHERS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["image"], ["deb"], ["smoke"], ["lab"],
                                     ["conformance", "configfs"]])  # fmt: skip
def test_every_command_takes_a_release(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("O2CBD_VM_SUITE", raising=False)
    assert parser(command).parse_args(command).suite == ""
    monkeypatch.setenv("O2CBD_VM_SUITE", "trixie")
    assert parser(command).parse_args(command).suite == "trixie"
    assert parser(command).parse_args([*command, "--suite", "sid"]).suite == "sid"


def test_the_command_line_builds_into_the_cache_where_nothing_is_said() -> None:
    given = parser(["deb"]).parse_args(["deb"])
    assert (given.output, given.revision) == (None, "")
