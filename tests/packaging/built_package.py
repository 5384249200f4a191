"""The package as it is built: what is in it, and that it runs on Debian's own Python.

`tox run -e deb` runs this; its name keeps it out of the other environments, since it needs what is
under `package` in debian-packages.txt.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.arms.process import ProcessCluster

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # `integration` is in no wheel

from integration.deb import build  # noqa: E402

DIST = "usr/lib/python3/dist-packages"
DEBIAN_12 = platform.freedesktop_os_release().get("VERSION_ID") == "12"
UNITS = "lib/systemd/system" if DEBIAN_12 else "usr/lib/systemd/system"
"""Where debhelper puts units: Debian 12 is the last release that wants them in /lib."""
LINTIAN_LEFT = {"package-supports-alternative-init-but-no-init.d-script"} if DEBIAN_12 else set()
"""Tags that are left on purpose and not overridden. The one follows the kernel through systemd's
readiness and order, and other inits start `o2cbd run`; later lintians do not know it any more, and
take an override of what they do not know for a mistake."""

GENERATOR = "/lib/systemd/system-generators/systemd-fstab-generator"

pytestmark = pytest.mark.timeout(600)


def said(*argv: str | Path, **environment: str) -> str:
    """What a program prints; it must end well."""
    done = subprocess.run(
        argv,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def work() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="deb-", dir="/tmp") as name:
        yield Path(name)


def top_of_checkout() -> set[Path]:
    """What lies in the checkout where a build would leave something."""
    return {*ROOT.iterdir(), *(ROOT / "packaging").iterdir(), *(ROOT / "packaging/man").iterdir()}


@pytest.fixture(scope="module")
def before() -> set[Path]:
    """The checkout as it was before the first build."""
    return top_of_checkout()


@pytest.fixture(scope="module")
def deb(work: Path, before: set[Path]) -> Path:
    """The package, built now."""
    assert before
    return build(work / "first", print)


@pytest.fixture(scope="module")
def installed(deb: Path, work: Path) -> Path:
    """A root directory with the package's files in it."""
    root = work / "root"
    said("dpkg-deb", "-x", deb, root)
    return root


@pytest.fixture(scope="module")
def scripts(deb: Path, work: Path) -> Path:
    """The maintainer scripts, made to believe that systemd runs."""
    control = work / "control"
    said("dpkg-deb", "-e", deb, control)
    for name in ("postinst", "prerm", "postrm"):
        script = control / name
        text = script.read_text("utf-8")
        assert "/run/systemd/system" in text
        script.write_text(text.replace("/run/systemd/system", "/"), "utf-8")
    return control


def test_the_same_inputs_are_not_built_again(deb: Path) -> None:
    lines: list[str] = []
    assert build(deb.parents[1], lines.append) == deb
    assert lines == [f"package: {deb.name} ({deb.parent.name}), built before"]


def test_two_builds_are_the_same_to_the_byte(deb: Path, work: Path) -> None:
    again = build(work / "second", print)
    assert again != deb
    assert again.read_bytes() == deb.read_bytes()


def test_a_revision_is_a_later_version(work: Path, deb: Path) -> None:
    later = build(work / "first", print, revision="+b1")
    versions = [said("dpkg-deb", "-f", one, "Version").strip() for one in (deb, later)]
    assert versions[1] == f"{versions[0]}+b1"
    said("dpkg", "--compare-versions", versions[0], "lt", versions[1])


def test_nothing_is_left_in_the_checkout(before: set[Path], deb: Path) -> None:
    assert deb.is_file()
    assert top_of_checkout() == before


def test_the_daemon_is_in_it_and_nothing_else(installed: Path) -> None:
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    modules = {name for name in files if name.startswith(f"{DIST}/o2cbd/")}
    source = {
        f"{DIST}/{path.relative_to(ROOT)}"
        for path in (ROOT / "o2cbd").rglob("*")
        if path.suffix in {".py", ".typed"}
    }
    assert modules == source
    rest = {name for name in files - modules if not name.startswith(f"{DIST}/o2cbd-")}
    assert {name for name in rest if not name.startswith("usr/share/")} == {
        "etc/o2cbd/o2cbd.toml",
        f"{UNITS}/o2cbd.service",
        f"{UNITS}/o2cbd-wait-sync.service",
        "usr/bin/o2cbd",
    }
    assert {"usr/share/man/man8/o2cbd.8.gz", "usr/share/man/man5/o2cbd.toml.5.gz"} <= rest
    assert [name for name in files if "fakecluster" in name] == []


def test_the_settings_are_a_conffile(scripts: Path) -> None:
    assert (scripts / "conffiles").read_text("utf-8").split() == ["/etc/o2cbd/o2cbd.toml"]


def test_lintian_has_nothing_to_say(deb: Path) -> None:
    (changes,) = deb.parent.glob("*.changes")
    root = ["--allow-root"] if os.geteuid() == 0 else []
    output = said("lintian", "--display-info", "--fail-on", "error", *root, changes)
    assert set(re.findall(r"^[EWI]: \S+: (\S+)", output, re.MULTILINE)) == LINTIAN_LEFT, output


def test_both_manual_pages_can_be_read(installed: Path) -> None:
    for page, word in (("man8/o2cbd.8.gz", "fstab"), ("man5/o2cbd.toml.5.gz", "two_node")):
        path = installed / "usr/share/man" / page
        assert word in said("man", "--warnings", "-l", path, MANWIDTH="80", MAN_KEEP_FORMATTING="")


# ---- with Debian's Python and Debian's libraries


@pytest.fixture
def o2cbd(installed: Path) -> list[str]:
    """The installed command, as it would be found below its root directory."""
    return ["/usr/bin/python3", "-s", "-P", str(installed / "usr/bin/o2cbd")]


@pytest.fixture
def environment(installed: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(installed / DIST), "PYTHONDONTWRITEBYTECODE": "1"}


def test_it_starts(o2cbd: list[str], environment: dict[str, str]) -> None:
    assert said(*o2cbd, "--version", **environment).startswith("o2cbd ")
    assert "check-config" in said(*o2cbd, "--help", **environment)


def test_it_takes_the_settings_that_come_with_it(
    o2cbd: list[str], environment: dict[str, str], installed: Path
) -> None:
    sample = installed / "etc/o2cbd/o2cbd.toml"
    assert said(*o2cbd, "check-config", str(sample), **environment).endswith(": good\n")


@pytest.fixture
def cluster(fuse: None, compiler: None) -> Iterator[ProcessCluster]:
    """Three fake nodes; their daemons are the package's."""
    with (
        tempfile.TemporaryDirectory(prefix="pc-", dir="/tmp") as name,
        ProcessCluster(Path(name)) as cluster,
    ):
        yield cluster


def test_it_keeps_the_tables_of_a_cluster(
    cluster: ProcessCluster, o2cbd: list[str], environment: dict[str, str]
) -> None:
    """Libraries through Debian's cffi, callbacks, the semaphore, files, the control socket."""
    for node in cluster.served.announced["nodes"]:
        command = node["command"]
        node["command"] = [*o2cbd, *command[command.index("run") :]]
        node["env"] = {"CMAN_SOCKET_DIR": node["socket_dir"], **environment}
    cluster.run_all()
    cluster.ctl("kill", node=2)
    cluster.wait_nodes(1, [1, 3])
    assert [cluster.daemons[node_id].stop() for node_id in (1, 3)] == [0, 0]


# ---- as systemd reads it


@pytest.fixture
def units(installed: Path, tmp_path: Path) -> Path:
    """A directory of units: ours with commands that exist, a manager's, and the mount of fstab."""
    for unit in (installed / UNITS).iterdir():
        text = unit.read_text("utf-8").replace("/usr/bin/o2cbd", str(installed / "usr/bin/o2cbd"))
        (tmp_path / unit.name).write_text(text, "utf-8")
    (tmp_path / "corosync.service").write_text("[Service]\nExecStart=/bin/true\n", "utf-8")
    page = (ROOT / "docs/installing.md").read_text("utf-8")
    (line,) = re.findall(r"^/dev/.* ocfs2 .*$", page, re.MULTILINE)
    fstab, generated = tmp_path / "fstab", tmp_path / "generated"
    fstab.write_text(f"{line}\n", "utf-8")
    generated.mkdir()
    said(GENERATOR, *[generated] * 3, SYSTEMD_FSTAB=str(fstab))
    shutil.copy(generated / "srv-data.mount", tmp_path)
    return tmp_path


def test_systemd_takes_the_units_and_finds_no_circle(units: Path) -> None:
    """Their starts are put into one order together with the mount that waits for them."""
    names = ["o2cbd.service", "o2cbd-wait-sync.service", "srv-data.mount"]
    assert (
        said(
            "systemd-analyze",
            "verify",
            "--man=no",
            *[units / name for name in names],
            SYSTEMD_UNIT_PATH=f"{units}:",
        )
        == ""
    )


EXPOSURE_MAX = 2.5
DOCUMENTED_WITH = ("systemd 252", "systemd 257")


@pytest.mark.parametrize("name", ["o2cbd.service", "o2cbd-wait-sync.service"])
def test_exposure_is_low_and_as_documented(installed: Path, name: str) -> None:
    """Another systemd than the page names may weigh the same lines otherwise."""
    unit = installed / "lib/systemd/system" / name
    output = said("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    (exposure,) = re.findall(rf"exposure level for {name}: ([0-9.]+) ", output)
    assert float(exposure) <= EXPOSURE_MAX, output
    if said("systemd-analyze", "--version").startswith(DOCUMENTED_WITH):
        page = (ROOT / "docs/installing.md").read_text("utf-8")
        assert re.findall(rf"^\| `{name}` \| ([0-9.]+) \|$", page, re.MULTILINE) == [exposure]


def test_the_mount_goes_down_with_the_manager_and_not_with_the_daemon(units: Path) -> None:
    mount = (units / "srv-data.mount").read_text("utf-8")
    required = " ".join(re.findall(r"^Requires=(.*)$", mount, re.MULTILINE)).split()
    after = set(" ".join(re.findall(r"^After=(.*)$", mount, re.MULTILINE)).split())
    assert sorted(required) == ["corosync.service", "o2cbd-wait-sync.service"]
    assert {"o2cbd.service", *required} <= after
    assert "BindsTo" not in mount
    assert "PartOf" not in mount


# ---- what installing, upgrading and removing tell systemd


@pytest.fixture
def told(scripts: Path, tmp_path: Path) -> Path:
    """Where programs lie that write down how they are called, in place of the real ones."""
    names = ("systemctl", "deb-systemd-invoke", "py3compile", "py3clean", "deb-systemd-helper")
    for name in names:
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/calls\n', "utf-8")
        program.chmod(0o755)
    (tmp_path / "calls").touch()
    shutil.copytree(scripts, tmp_path / "scripts")
    return tmp_path


def calls(told: Path, script: str, *words: str) -> list[str]:
    """What a script has systemd do to units that run."""
    said("sh", told / "scripts" / script, *words, PATH=f"{told}:/usr/bin:/bin")
    lines = (told / "calls").read_text("utf-8").splitlines()
    return [line for line in lines if line.startswith("deb-systemd-invoke")]


def test_the_first_installation_starts_nothing(told: Path) -> None:
    assert calls(told, "postinst", "configure", "") == []


def test_an_upgrade_stops_nothing(told: Path) -> None:
    assert calls(told, "prerm", "upgrade", "9") == []
    assert calls(told, "postrm", "upgrade", "9") == []


def test_an_upgrade_restarts_the_daemon_where_it_runs_and_touches_no_wait(told: Path) -> None:
    assert calls(told, "postinst", "configure", "0.0.9-1") == [
        "deb-systemd-invoke try-restart o2cbd.service"
    ]


def test_removing_stops_the_daemon_and_never_what_mounts_require(told: Path) -> None:
    assert calls(told, "prerm", "remove") == ["deb-systemd-invoke stop o2cbd.service"]
    assert calls(told, "postrm", "remove") == ["deb-systemd-invoke stop o2cbd.service"]
