"""The steps of building a guest image that every recipe shares."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from integration.errors import CannotRunError
from integration.modules import load_order, parse_dependencies
from integration.packages import program
from integration.recipe import ROOT_MODULES
from integration.sources import Source, apt_settings

_TIMEOUT_S = 1800
_LIBRARIES = "usr/lib/x86_64-linux-gnu"


def run_tool(
    argv: Sequence[str | Path], what: str, *, fds: Sequence[int] = (), **environment: str
) -> str:
    """Run a tool of the build; its output is shown only when it fails.

    Args:
        argv: the program and its arguments.
        what: what it does, for the message.
        fds: descriptors that it inherits.
        environment: added to ours.

    Raises:
        CannotRunError: it failed, or did not end.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "TERM", *words],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_S,
            env=os.environ | environment,
            pass_fds=fds,
            text=True,
        )
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"{what} did not end within {_TIMEOUT_S} s") from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise CannotRunError(f"{what} failed ({words[0]} ended with {done.returncode}):\n{tail}")
    return done.stdout


def fetch_packages(
    root: Path,
    work: Path,
    sources: Sequence[Source],
    packages: Sequence[str],
    options: Sequence[str],
) -> None:
    """Let mmdebstrap make a root directory of packages, without those that they only recommend.

    Args:
        root: made here; /dev/null: nothing is left of it, and hooks do what it is made for.
        work: takes the files that mmdebstrap reads.
        sources: where the packages come from.
        packages: their names; what they depend on comes with them.
        options: variant, mode and hooks.
    """
    lists, settings = work / "sources.list", work / "apt.conf"
    lists.write_text("".join(f"{source.line}\n" for source in sources), "utf-8")
    settings.write_text('APT::Install-Recommends "false";\n' + apt_settings(), "utf-8")
    run_tool(
        [
            program("mmdebstrap"),
            *options,
            f"--format={'null' if root == Path(os.devnull) else 'directory'}",
            "--architectures=amd64",
            *([f"--include={','.join(packages)}"] if packages else []),
            f"--aptopt={settings}",
            sources[0].codename,
            root,
            lists,
        ],
        "fetching and unpacking packages",
    )


def write_hook(path: Path, script: str) -> Path:
    """A hook of mmdebstrap's: a shell script that gets the root as its argument."""
    path.write_text(f"#!/bin/sh\nset -e\n{script}", "utf-8")
    path.chmod(0o755)
    return path


def guest_program(root: Path, name: str, argv0: str) -> list[str | Path]:
    """The beginning of a command that runs a program of the guest on this host."""
    libraries = root / _LIBRARIES
    linker = libraries / "ld-linux-x86-64.so.2"
    return [linker, "--argv0", argv0, "--library-path", libraries, root / "usr/bin" / name]


def keep_modules(root: Path, release: str, wanted: Sequence[str]) -> list[Path]:
    """Delete every kernel module that the guest does not need; return the initrd's in order.

    Raises:
        CannotRunError: the kernel has no o2cb.
    """
    tree = root / "usr/lib/modules" / release
    depmod = [*guest_program(root, "kmod", "depmod"), "-b", root, release]
    run_tool(depmod, "listing kernel modules")
    dependencies = parse_dependencies((tree / "modules.dep").read_text("utf-8"))
    first = load_order(dependencies, ROOT_MODULES)
    kept = set(first) | set(load_order(dependencies, wanted))
    if not any("ocfs2_nodemanager" in path for path in kept):
        raise CannotRunError(f"kernel {release} has no o2cb (ocfs2_nodemanager)")
    for path in dependencies:
        if path not in kept:
            (tree / path).unlink()
    run_tool(depmod, "listing kernel modules")
    return [tree / path for path in first]


def prune(root: Path, patterns: Sequence[str]) -> None:
    """Delete what nothing in the guest reads."""
    for pattern in patterns:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def write_files(root: Path, files: dict[str, str], programs: dict[str, str]) -> None:
    """Write texts below the root; programs are executable."""
    for name, text in (files | programs).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o755 if name in programs else 0o644)


def make_disk(root: Path, disk: Path, size_mib: int, options: Sequence[str]) -> None:
    """Make the raw ext4 root disk of a directory."""
    run_tool(
        [program("mke2fs"), "-q", "-F", "-t", "ext4", *options, "-m", "0",
         "-E", "root_owner=0:0", "-d", root, disk, f"{size_mib}M"],
        "making the root disk",
    )  # fmt: skip
