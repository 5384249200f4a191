"""Debian's files, the sample settings and the manual pages hold to the code."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest

from o2cbd import __version__, settings_file
from o2cbd.cli import LazyGroup

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
SAMPLE = (PACKAGING / "o2cbd.toml").read_text("utf-8")
MANUAL = (PACKAGING / "man" / "o2cbd.8.md").read_text("utf-8")
INSTALLING = (ROOT / "docs" / "installing.md").read_text("utf-8")
PAGE = (ROOT / "docs" / "settings.md").read_text("utf-8")
FSTAB = re.compile(r"^(/dev/\S+) (/\S+) ocfs2 (\S+) 0 0$", re.MULTILINE)

DEBIAN_NAMES = {
    "attrs": "python3-attr",
    "cattrs": "python3-cattr",
    "cffi": "python3-cffi-backend",  # what cffi is when it runs
    "click": "python3-click",
}


def field(name: str, package: str = "") -> str:
    """A field of debian/control, its continuation lines joined; of the source without a package."""
    source, *packages = (PACKAGING / "debian" / "control").read_text("utf-8").split("\n\n")
    by_name = {one.partition("\n")[0].removeprefix("Package: "): one for one in packages}
    (found,) = re.findall(
        rf"^{name}:(.*(?:\n .*)*)", by_name[package] if package else source, re.MULTILINE
    )
    return " ".join(str(found).split())


def test_the_package_depends_on_what_the_daemon_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {
        f"{DEBIAN_NAMES[name]} (>= {lowest})"
        for name, lowest in (line.split(">=") for line in project["dependencies"])
    }
    usual = {"${misc:Depends}", "${python3:Depends}"}
    assert listed("Depends", "o2cbd") == wanted | usual | {"kmod"}
    assert listed("Depends", "fakecluster-gate") == wanted | usual | {"o2cbd (= ${source:Version})"}
    assert wanted <= {one.strip().removesuffix(" <!nocheck>") for one in split_build_depends()}


def listed(name: str, package: str) -> set[str]:
    return {one.strip() for one in field(name, package).split(",") if one.strip()}


def split_build_depends() -> list[str]:
    return field("Build-Depends").split(",")


def test_everything_that_the_build_needs_is_on_the_list_of_packages() -> None:
    listed = (ROOT / "debian-packages.txt").read_text("utf-8").partition("# package\n")[2].split()
    needed = {words[0] for one in split_build_depends() if (words := one.split())}
    assert needed - set(listed) == {"debhelper-compat"}
    assert "debhelper" in listed


def test_the_packages_version_is_the_daemons() -> None:
    changelog = (PACKAGING / "debian" / "changelog").read_text("utf-8")
    assert re.findall(r"\Ao2cbd \((\S+)-\d+\)", changelog) == [__version__]


def test_the_sample_follows_corosync_with_everybody_in_the_table() -> None:
    """And says nothing else: whatever it sets besides would need its reason, here and there."""
    assert tomllib.loads(SAMPLE) == {
        "membership": {"source": "corosync"},
        "table": {"scope": "configured"},
        "cluster": {},
    }
    settings_file.from_data(tomllib.loads(SAMPLE), origin="sample")


@pytest.mark.parametrize("left_out", ["ring", "subnet"])
def test_every_line_that_the_sample_offers_is_good(left_out: str) -> None:
    """Taking a # away never breaks the start; of two that exclude each other one is taken."""
    offered = re.sub(rf"^#(?!{left_out})(?=\S+ = |\[)", "", SAMPLE, flags=re.MULTILINE)
    data = tomllib.loads(offered)
    assert {key for section in data.values() for key in section} >= {"scope", "name", "alpha"}
    settings_file.from_data(data, origin="sample")


def test_the_sample_says_why_one_would_choose_the_scope() -> None:
    reason = SAMPLE.partition("\n[table]\n")[2].partition("\nscope = ")[0]
    assert reason.count("\n#") > 3
    assert '"members"' in reason


def manual_of_settings() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "settings_page", PACKAGING / "man" / "settings_page.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_manual_of_the_settings_has_every_section_and_key() -> None:
    text = "\n".join(manual_of_settings().converted(PAGE))
    for section in re.findall(r"^## `(\[.*\])`$", PAGE, re.MULTILINE):
        assert f"\n# {section}\n" in text
    keys = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert len(keys) > 20
    assert re.findall(r"^\*\*(\w+)\*\*$", text, re.MULTILINE) == keys


def test_nothing_of_the_pages_form_is_left_in_the_manual() -> None:
    """Tables, links, and what is said to developers."""
    text = "\n".join(manual_of_settings().converted(PAGE))
    fences = text.count("```")
    prose = "".join(text.split("```")[::2])
    assert fences % 2 == 0
    assert re.findall(r"^\||\]\(|`|tests/", prose, re.MULTILINE) == []


def test_the_manual_has_every_command() -> None:
    commands = LazyGroup().list_commands(click.Context(LazyGroup()))
    assert len(commands) > 5
    for name in commands:
        assert re.search(rf"^\*\*{name}\*\*", MANUAL, re.MULTILINE), name


@pytest.mark.parametrize("text", [MANUAL, INSTALLING], ids=["manual", "installing"])
def test_the_fstab_line_waits_and_goes_down_with_the_manager_alone(text: str) -> None:
    (line,) = FSTAB.findall(text)
    options = line[2].split(",")
    assert {"_netdev", "nofail"} <= set(options)
    required = {one.partition("=")[2] for one in options if one.startswith("x-systemd.requires=")}
    assert required == {"corosync.service", "o2cbd-wait-sync.service"}
    assert "x-systemd.after=o2cbd.service" in options


def test_both_pages_have_one_fstab_line() -> None:
    assert FSTAB.findall(MANUAL) == FSTAB.findall(INSTALLING)
