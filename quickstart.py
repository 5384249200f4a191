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
OLDEST_PYTHON = (3, 11)

# A command that the packages of a section bring, to see whether they are there.
SIGNS = {
    "run": (),
    "test": ("fusermount3", "cc"),
    "vm": ("mmdebstrap", "qemu-system-x86_64", "mke2fs"),
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


def is_missing(section: str) -> bool:
    """True when the system lacks what the section's packages bring."""
    if section == "run":
        return any(importlib.util.find_spec(name) is None for name in ("ensurepip", "venv"))
    return any(shutil.which(command) is None for command in SIGNS[section])


def fetch(section: str) -> None:
    """Install a section's packages as root; without root say what to install, and end."""
    if not is_missing(section):
        return
    names = packages(section)
    line = f"apt-get install --no-install-recommends {' '.join(names)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"quickstart: something is missing on this machine; as root: {line}", file=sys.stderr)
        raise SystemExit(EXIT_UNAVAILABLE)
    print(f"quickstart: {line}", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    run([*apt, "update"], env=env)
    run([*apt, "install", "-y", "--no-install-recommends", *names], env=env)


def run(command: list[str], env: dict[str, str] | None = None) -> None:
    """Run a command; end with its exit code where it fails."""
    done = subprocess.run(command, cwd=HERE, env=env, check=False)
    if done.returncode != 0:
        print(f"quickstart: {command[0]} ended with {done.returncode}", file=sys.stderr)
        raise SystemExit(done.returncode)


def environment(*wanted: str) -> Path:
    """Make the virtual environment where needed, install into it, return its bin directory."""
    bin_dir = VENV / "bin"
    if not (bin_dir / "pip").exists():
        print(f"quickstart: making {VENV.name}", flush=True)
        run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    print(f"quickstart: installing {' '.join(wanted)}", flush=True)
    run([str(bin_dir / "pip"), "install", "--quiet", "--disable-pip-version-check", *wanted])
    return bin_dir


def demo(arguments: list[str]) -> None:
    """Show five nodes going through join, death, partition and shutdown in virtual time."""
    fetch("run")
    bin_dir = environment("--editable", ".[sim]")
    os.execv(bin_dir / "fakecluster", ["fakecluster", "demo", *arguments])


def test(arguments: list[str]) -> None:
    """Run the tests and checks, on every Python that is here."""
    fetch("run")
    fetch("test")
    bin_dir = environment("tox>=4.23")
    os.execv(bin_dir / "tox", ["tox", "run", *arguments])


def main() -> None:
    """Do what the first argument says; the others are handed on."""
    if sys.version_info < OLDEST_PYTHON:
        print(f"quickstart: this is Python {sys.version.split()[0]}; 3.11 or later is needed")
        raise SystemExit(EXIT_UNAVAILABLE)
    actions = {"demo": demo, "test": test}
    action = actions.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if action is None:
        print("usage: python3 quickstart.py demo|test [arguments ...]", file=sys.stderr)
        raise SystemExit(EXIT_USAGE)
    action(sys.argv[2:])


if __name__ == "__main__":
    main()
