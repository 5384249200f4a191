"""The packages as they are built: what is in them, and that they run on Debian's own Python.

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
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fakecluster.arms.process import ProcessCluster

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # `integration` is in no wheel

from integration.deb import DAEMON, GATE, LIBRARY, build  # noqa: E402
from integration.libcman_program import EXAMPLE, SOURCE, exported  # noqa: E402

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
def debs(work: Path, before: set[Path]) -> Mapping[str, Path]:
    """The packages, built now, by their names."""
    assert before
    return build(work / "first", print)


@pytest.fixture(scope="module")
def deb(debs: Mapping[str, Path]) -> Path:
    """The daemon's package."""
    return debs[DAEMON]


@pytest.fixture(scope="module")
def installed(deb: Path, work: Path) -> Path:
    """A root directory with the daemon's files in it."""
    root = work / "root"
    said("dpkg-deb", "-x", deb, root)
    return root


@pytest.fixture(scope="module")
def together(debs: Mapping[str, Path], work: Path) -> Path:
    """A root directory with the files of all packages in it."""
    root = work / "together"
    for each in debs.values():
        said("dpkg-deb", "-x", each, root)
    return root


def scripts_of(deb: Path, control: Path) -> Path:
    """The maintainer scripts of a package, made to believe that systemd runs."""
    said("dpkg-deb", "-e", deb, control)
    for name in ("postinst", "prerm", "postrm"):
        script = control / name
        text = script.read_text("utf-8")
        assert "/run/systemd/system" in text
        script.write_text(text.replace("/run/systemd/system", "/"), "utf-8")
    return control


@pytest.fixture(scope="module")
def scripts(deb: Path, work: Path) -> Path:
    """The daemon's."""
    return scripts_of(deb, work / "control")


@pytest.fixture(scope="module")
def gate_scripts(debs: Mapping[str, Path], work: Path) -> Path:
    """The gate's."""
    return scripts_of(debs[GATE], work / "gate-control")


def test_the_same_inputs_are_not_built_again(debs: Mapping[str, Path]) -> None:
    lines: list[str] = []
    place = debs[DAEMON].parent
    assert build(place.parent, lines.append) == debs
    names = ", ".join(path.name for path in debs.values())
    assert lines == [f"package: {names} ({place.name}), built before"]


def test_two_builds_are_the_same_to_the_byte(debs: Mapping[str, Path], work: Path) -> None:
    again = build(work / "second", print)
    assert again != debs
    assert [name for name in debs if again[name].read_bytes() != debs[name].read_bytes()] == []


def test_a_revision_is_a_later_version(work: Path, deb: Path) -> None:
    later = build(work / "first", print, revision="+1")
    versions = [said("dpkg-deb", "-f", one, "Version").strip() for one in (deb, later[DAEMON])]
    assert versions[1] == f"{versions[0]}+1"
    assert f"o2cbd (= {versions[1]})" in said("dpkg-deb", "-f", later[GATE], "Depends")
    said("dpkg", "--compare-versions", versions[0], "lt", versions[1])


def test_nothing_is_left_in_the_checkout(before: set[Path], debs: Mapping[str, Path]) -> None:
    assert sorted(debs) == sorted([DAEMON, GATE, LIBRARY])
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


def test_all_manual_pages_can_be_read(together: Path) -> None:
    for page, word in (
        ("man8/o2cbd.8.gz", "fstab"),
        ("man5/o2cbd.toml.5.gz", "two_node"),
        ("man8/fakecluster.8.gz", "cman_admin"),
    ):
        path = together / "usr/share/man" / page
        assert word in said("man", "--warnings", "-l", path, MANWIDTH="80", MAN_KEEP_FORMATTING="")


# ---- the library


LIBDIR = f"usr/lib/{platform.machine()}-linux-gnu"


def test_library_link_header_flags_and_example_are_in_one_package(
    debs: Mapping[str, Path], work: Path
) -> None:
    root = work / "library"
    said("dpkg-deb", "-x", debs[LIBRARY], root)
    files = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    assert {name for name in files if not name.startswith("usr/share/")} == {
        "usr/include/libcman.h",
        f"{LIBDIR}/libcman.so",
        f"{LIBDIR}/libcman.so.3",
        f"{LIBDIR}/pkgconfig/libcman.pc",
    }
    example = root / "usr/share/doc/libcman-standin/examples/nodes.c"
    assert example.read_text("utf-8") == EXAMPLE.read_text("utf-8")


def test_it_takes_the_place_of_debians_old_packages(debs: Mapping[str, Path]) -> None:
    fields = said("dpkg-deb", "-f", debs[LIBRARY], "Provides", "Conflicts", "Replaces")
    for name in ("libcman3", "libcman-dev"):
        assert fields.count(name) == 3


def test_every_function_is_exported_and_noted(together: Path) -> None:
    noted = (ROOT / "packaging/debian/libcman-standin.symbols").read_text("utf-8").splitlines()
    functions = sorted(line.split("@")[0].strip() for line in noted if line.startswith(" "))
    assert exported(together / LIBDIR / "libcman.so.3") == functions


@pytest.mark.parametrize("source", [SOURCE, EXAMPLE], ids=lambda path: path.name)
def test_a_program_is_compiled_with_what_is_installed(
    pkg_config: None, together: Path, tmp_path: Path, source: Path
) -> None:
    flags = said(
        "pkg-config",
        "--cflags",
        "--libs",
        "libcman",
        PKG_CONFIG_LIBDIR=str(together / LIBDIR / "pkgconfig"),
        PKG_CONFIG_SYSROOT_DIR=str(together),
        PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1",
        PKG_CONFIG_ALLOW_SYSTEM_LIBS="1",
    ).split()
    said("cc", "-Werror", "-o", tmp_path / "program", source, *flags)
    needed = said("objdump", "-p", tmp_path / "program")
    assert "NEEDED               libcman.so.3\n" in needed


# ---- the gate


def test_gate_unit_command_and_manual_are_in_its_package(
    debs: Mapping[str, Path], work: Path
) -> None:
    root = work / "gate"
    said("dpkg-deb", "-x", debs[GATE], root)
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    modules = {name for name in files if name.startswith(f"{DIST}/fakecluster/")}
    assert {name for name in modules if name.endswith(".py")} == {
        f"{DIST}/{path.relative_to(ROOT)}" for path in (ROOT / "fakecluster").rglob("*.py")
    }
    assert {name for name in files - modules if not name.startswith("usr/share/doc/")} == {
        f"{UNITS}/cman-gate.service",
        "usr/bin/fakecluster",
        "usr/share/man/man8/fakecluster.8.gz",
        "usr/share/lintian/overrides/fakecluster-gate",
    }


@pytest.mark.parametrize(
    "words",
    [["--version"], ["--help"], ["gate", "--help"], ["run", "--count", "1", "--no-shrink"]],
    ids=" ".join,
)
def test_it_runs_with_debians_libraries_alone(together: Path, words: list[str]) -> None:
    environment = {"PYTHONPATH": str(together / DIST), "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["/usr/bin/python3", "-s", "-P", str(together / "usr/bin/fakecluster")]
    assert said(*command, *words, **environment)


def test_a_command_that_needs_more_names_it(together: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "/usr/bin/python3",
            "-s",
            "-P",
            together / "usr/bin/fakecluster",
            "serve",
            "--nodes=1",
            "--dir=d",
        ],
        cwd=tmp_path,
        env={"PYTHONPATH": str(together / DIST), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "mfusepy" in done.stderr
    assert "Traceback" not in done.stderr


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


@pytest.fixture
def gate_told(told: Path, gate_scripts: Path) -> Path:
    """The same for the gate's scripts."""
    shutil.copytree(gate_scripts, told / "scripts", dirs_exist_ok=True)
    return told


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


def test_the_gates_service_is_started_by_nobody_restarted_by_upgrades_and_stopped_last(
    gate_told: Path,
) -> None:
    assert calls(gate_told, "postinst", "configure", "") == []
    assert calls(gate_told, "prerm", "upgrade", "9") == []
    restarted = ["deb-systemd-invoke try-restart cman-gate.service"]
    assert calls(gate_told, "postinst", "configure", "0.0.9-1") == restarted
    stopped = [*restarted, "deb-systemd-invoke stop cman-gate.service"]
    assert calls(gate_told, "prerm", "remove") == stopped
