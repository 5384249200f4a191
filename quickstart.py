#!/usr/bin/env python3
"""Set everything up and run it: `python3 quickstart.py demo` or `python3 quickstart.py test`.

Needs Python 3.11 or later and nothing from PyPI. It makes a virtual environment in `.venv` and
installs the project into it. What is missing from the system is named; as root it is fetched.
"""

from __future__ import annotations

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
DPKG_FORMAT = r"${db:Status-Status}\t${Package}\t${Provides}\n"

USAGE = """\
python3 quickstart.py demo [options]    set up and show a cluster (--help: of the demo)
python3 quickstart.py test [options]    set up and run all tests and checks (options: tox's)"""


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


def installed() -> frozenset[str]:
    """Return the names of the installed Debian packages and of what they provide.

    Empty on a machine that has no dpkg, or has it and is not run by it.
    """
    command = ["dpkg-query", "--show", "--showformat", DPKG_FORMAT]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return frozenset()
    names: set[str] = set()
    for line in done.stdout.splitlines():
        status, package, provides = line.split("\t")
        if status == "installed":
            virtual = (entry.split() for entry in provides.split(","))
            names |= {package, *(words[0] for words in virtual if words)}
    return frozenset(names)


def missing(*sections: str) -> list[str]:
    """Return the sections' packages that are not installed; none where dpkg does not know."""
    here = installed()
    names = [name for section in sections for name in packages(section)]
    return [name for name in names if here and name not in here]


def may_install() -> bool:
    """True when we can fetch Debian packages ourselves."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def fetch(*sections: str) -> None:
    """Install missing packages as root; without root print the command that does, and exit."""
    names = missing(*sections)
    if not names:
        if not installed():
            needed = " ".join(name for section in sections for name in packages(section))
            say(f"no dpkg database, cannot look for missing packages; needed here: {needed}")
        return
    line = f"apt-get install --no-install-recommends {' '.join(names)}"
    if not may_install():
        say(f"packages are missing on this machine. As root:\n\n    {line}\n\nThen run this again.")
        raise SystemExit(EXIT_UNAVAILABLE)
    say(f"packages are missing on this machine; running {line}")
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
    names = [name for word in arguments for name in word.split(",")]
    real_kernels = any(name.startswith("vm") for name in names)  # `-e vm` and its kin
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
