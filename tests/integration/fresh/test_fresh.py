"""The README's lines on a bare Debian: what is run there, and what is copied from this machine."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration import build, packages
from integration.__main__ import main
from integration.errors import EXIT_CANNOT_RUN, CannotRunError
from integration.fresh import access, command, machine
from integration.sources import AptSource

ROOT = Path(__file__).parents[3]
README = "# x\n```sh\nrun demo\n```\n```console\n$ no\n```\n```sh\nrun test\n```\n"


SOURCE = AptSource(codename="bookworm", uri="file:/a", release="bookworm", component="main")


def test_the_readme_lines_run_as_they_stand() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert command.readme_lines(readme) == (
        "python3 quickstart.py demo",
        "python3 quickstart.py test",
    )


def test_arguments_go_to_the_test_line_quoted() -> None:
    lines = command.readme_lines(README, ["-e", "deb,lint", "--", "-k", "a or b"])
    assert lines == ("run demo", "run test -e deb,lint -- -k 'a or b'")


@pytest.mark.parametrize("readme", ["", "```sh\na\n```\n", README + "```sh\nthird\n```\n"])
def test_a_readme_without_exactly_two_lines_is_refused(readme: str) -> None:
    with pytest.raises(CannotRunError, match=r"README\.md has \d sh blocks"):
        command.readme_lines(readme)


def test_variables_are_those_by_which_registries_are_reached() -> None:
    reaching = {
        "https_proxy": "p",
        "NO_PROXY": "n",
        "PIP_INDEX_URL": "i",
        "SSL_CERT_FILE": "c",
        "REQUESTS_CA_BUNDLE": "r",
    }
    others = {"PIP_USER": "1", "PIP_TARGET": "/x", "HOME": "/h", "PATH": "/bin", "VIRTUAL_ENV": "v"}
    assert access.access_variables({**reaching, **others}) == reaching


def test_settings_and_the_files_they_name_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, bare = tmp_path / "host", tmp_path / "bare"
    for name, text in {
        "home/.config/pip/pip.conf": f"[global]\ncert = {host}/corporate.pem\n",
        "etc/certs/a.pem": "a",
        "corporate.pem": "corporate",
        "proxy.pem": "proxy",
        "apt.pem": "apt",
    }.items():
        (host / name).parent.mkdir(parents=True, exist_ok=True)
        (host / name).write_text(text)
    (host / "etc/certs/link.pem").symlink_to("a.pem")
    (host / "etc/certs/dangling.pem").symlink_to("nowhere")
    (bare / "etc/apt/apt.conf.d").mkdir(parents=True)
    monkeypatch.setattr(access, "_COPIED", (f"{host}/etc/certs", f"{host}/not-there"))
    apt = f'Acquire::https::CaInfo "{host}/apt.pem";\n'
    access.copy_access(bare, {"SSL_CERT_FILE": f"{host}/proxy.pem"}, host / "home", apt)

    def text_of(path: Path) -> str:
        copied = bare / path.relative_to("/")
        assert not copied.is_symlink()
        return copied.read_text()

    for name in ("corporate.pem", "proxy.pem", "apt.pem"):
        assert text_of(host / name) == name.removesuffix(".pem")
    assert text_of(host / "etc/certs/link.pem") == "a"
    assert (bare / "root/.config/pip/pip.conf").is_file()
    assert (bare / "etc/apt/apt.conf.d/99access").read_text() == apt
    assert not (bare / "not-there").exists()


def test_without_root_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["fresh"]) == EXIT_CANNOT_RUN
    assert "run this as root" in capsys.readouterr().err


def test_where_namespaces_are_forbidden_it_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "unshare"
    program.write_text("#!/bin/sh\necho unshare failed: Operation not permitted >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main(["fresh"]) == EXIT_CANNOT_RUN
    assert "namespaces failed (unshare ended with 1):\nunshare failed" in capsys.readouterr().err


def test_without_mmdebstrap_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "find_program", lambda _name: None)
    monkeypatch.setattr(build, "apt_settings", str)
    with pytest.raises(CannotRunError, match="mmdebstrap"):
        command.bare_root(tmp_path, [SOURCE], print)


@pytest.mark.parametrize(
    ("codes", "exit_code"),
    [((0, 0), 0), ((3,), 1), ((0, 137), 1)],
    ids=["both end well", "the demo fails", "the tests are killed"],
)
def test_lines_run_in_turn_until_one_fails(
    codes: tuple[int, ...],
    exit_code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    left = list(codes)

    @contextlib.contextmanager
    def bare(*_arguments: object, **_: object) -> Iterator[Path]:
        yield tmp_path

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(command, "require_namespaces", lambda: None)
    monkeypatch.setattr(command, "_machine", bare)
    monkeypatch.setattr(command, "run_in", lambda *_: left.pop(0))
    assert main(["fresh", "--suite", "trixie", "--json"]) == exit_code
    summary = json.loads(capsys.readouterr().out)
    assert summary["suite"] == "trixie"
    assert [line["exit_code"] for line in summary["lines"]] == [*codes]


def test_a_line_runs_in_namespaces_with_a_clean_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of this machine's variables it has those that it is given."""
    program = tmp_path / "unshare"
    program.write_text(f'#!/bin/sh\necho "$@" "$HOME" "$VIRTUAL_ENV" "$X" > {tmp_path}/ran\nexit 5')
    program.chmod(0o755)
    monkeypatch.setenv("VIRTUAL_ENV", "mine")
    monkeypatch.setattr(machine, "PATH", f"{tmp_path}:/usr/bin:/bin")
    assert machine.run_in(Path("/root-of-it"), "/there", "some line", {"X": "given"}) == 5
    ran = (tmp_path / "ran").read_text()
    assert ran.startswith("--mount --pid --ipc --fork --kill-child sh -c ")
    assert ran.endswith("sh /root-of-it /there some line /root  given\n")
