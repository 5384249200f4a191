#!/usr/bin/env python3
"""Set everything up and run it: `python3 quickstart.py demo` or `python3 quickstart.py test`.

Needs Python 3.11 and nothing else from PyPI. It makes a virtual environment in `.venv` and
installs the project into it. What is missing from the system is named; as root it is fetched.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
PACKAGES = HERE / "debian-packages.txt"
EXIT_USAGE = 64
EXIT_UNAVAILABLE = 69
EXIT_INTERRUPTED = 130
PYTHON = sys.version_info[:2]
OLDEST_PYTHON = (3, 11)
SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Debian's users do not have them in PATH."""
HEADERS = Path("/usr/include")
DEBIAN_MODULES = ("attr", "cattrs", "click", "installer", "setuptools")

USAGE = """\
python3 quickstart.py demo [options]    set up and show a cluster (--help: of the demo)
python3 quickstart.py test [options]    set up and run all tests and checks (options: tox's)"""

# What the packages of a section bring, to see whether they are there.
SIGNS = {
    "run": ("ensurepip", "venv"),
    "test": ("corosync", "fusermount3", "cc", "ip", "stdio.h"),
    "browser": ("chromium",),
    "package": (
        *("dpkg-buildpackage", "dh", "pybuild", "go-md2man", "lintian", "systemd-analyze"),
        # What Debian's own Python has, which is not always the one that runs this.
        *(f"/usr/lib/python3/dist-packages/{name}" for name in DEBIAN_MODULES),
    ),
    "vm": ("mmdebstrap", "qemu-system-x86_64", "mke2fs", "setpriv"),
}


def packages(section: str) -> list[str]:
    """Return the Debian packages that stand under a heading of debian-packages.txt."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in PACKAGES.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            heading = line[2:].strip()
        elif line.strip():
            found.setdefault(heading, []).append(line.strip())
    return found[section]


def is_here(sign: str) -> bool:
    """True when the system has a Python module, a command, a C header or a path of this name."""
    if sign.startswith("/"):
        return Path(sign).exists()
    if sign in SIGNS["run"]:
        return importlib.util.find_spec(sign) is not None
    if sign.endswith(".h"):
        return (HEADERS / sign).exists()
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN])
    return shutil.which(sign, path=path) is not None


def missing(section: str) -> list[str]:
    """Return what the system lacks of what the section's packages bring."""
    return [sign for sign in SIGNS[section] if not is_here(sign)]


def may_install() -> bool:
    """True when we can fetch Debian packages ourselves."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def fetch(*sections: str) -> None:
    """Install the packages of sections as root; without root say what to install, and end."""
    lacking = [sign for section in sections for sign in missing(section)]
    if not lacking:
        return
    names = [name for section in sections if missing(section) for name in packages(section)]
    line = f"apt-get install --no-install-recommends {' '.join(names)}"
    if not may_install():
        told = f"not on this machine: {', '.join(lacking)}. As root on Debian 12:"
        say(f"{told}\n\n    {line}\n\nThen type this again.")
        raise SystemExit(EXIT_UNAVAILABLE)
    say(f"not on this machine: {', '.join(lacking)}; so: {line}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NOWARNINGS": "yes"}
    apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    run([*apt, "update"], env=env, quiet=True)
    run([*apt, "install", "-y", "--no-install-recommends", *names], env=env, quiet=True)


def say(text: str) -> None:
    """Tell the user, apart from what a command prints."""
    print(f"quickstart: {text}", file=sys.stderr, flush=True)


def run(command: list[str], *, env: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a command; end with its exit code where it fails."""
    stdout = subprocess.DEVNULL if quiet else None
    done = subprocess.run(command, cwd=HERE, env=env, stdout=stdout, check=False)
    if done.returncode != 0:
        say(f"this ended with {done.returncode}: {' '.join(command)}")
        raise SystemExit(done.returncode if done.returncode > 0 else 128 - done.returncode)


def environment(*wanted: str) -> str:
    """Make the virtual environment where needed, install into it, return its Python."""
    python = str(VENV / "bin" / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    # A checkout that was moved, or a Python that was upgraded, leaves one that does not work.
    works = (
        Path(python).exists()
        and not subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode
    )
    if not works:
        say(f"making {VENV.name}")
        run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    say(f"installing {' '.join(wanted)}")
    run([*pip, "install", "--quiet", *wanted])
    return python


def demo(arguments: list[str]) -> None:
    """Show five nodes going through join, death, partition and shutdown in virtual time."""
    fetch("run")
    python = environment("--editable", ".[sim,fuse]")
    os.execv(python, [python, "-m", "fakecluster", "demo", *arguments])


def test(arguments: list[str]) -> None:
    """Run the tests and checks, on every Python that is here."""
    real_kernels = any(word.startswith("vm") for word in arguments)  # `-e vm` and its kin
    fetch("run", "test", "browser", "package", *(["vm"] if real_kernels else []))
    python = environment("tox>=4.23")
    os.execv(python, [python, "-m", "tox", "run", *arguments])


def main(arguments: list[str]) -> None:
    """Do what the first argument says; the others are handed on."""
    if PYTHON < OLDEST_PYTHON:
        found, wanted = (".".join(map(str, version)) for version in (PYTHON, OLDEST_PYTHON))
        say(f"this is Python {found}; {wanted} or later is needed, as Debian 12 has it")
        raise SystemExit(EXIT_UNAVAILABLE)
    if arguments and arguments[0] in {"-h", "--help"}:
        print(USAGE)
        return
    action = {"demo": demo, "test": test}.get(arguments[0]) if arguments else None
    if action is None:
        print(USAGE, file=sys.stderr)
        raise SystemExit(EXIT_USAGE)
    os.chdir(HERE)  # tox looks for its settings there
    action(arguments[1:])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        raise SystemExit(EXIT_INTERRUPTED) from None
