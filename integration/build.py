"""The steps by which roots of Debian packages become disks of guests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from integration.errors import CannotRunError
from integration.packages import program
from integration.sources import AptSource, apt_settings

_ROOT_MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "crc32c_generic", "ext4")
"""What the initrd loads to reach the channel and the root file system."""
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
            errors="backslashreplace",
        )
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"{what} did not end within {_TIMEOUT_S} s") from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise CannotRunError(f"{what} failed ({words[0]} ended with {done.returncode}):\n{tail}")
    return done.stdout


def sources_list(sources: Sequence[AptSource]) -> str:
    """Return the text of apt's sources.list."""
    return "".join(f"{source.line}\n" for source in sources)


def fetch_packages(
    root: Path,
    work: Path,
    sources: Sequence[AptSource],
    packages: Sequence[str],
    options: Sequence[str],
) -> None:
    """Let mmdebstrap make a root of packages, without those that they only recommend.

    Args:
        root: made here, a directory or a tar archive by its name; /dev/null: nothing is left of
            it, and hooks do what it is made for.
        work: takes the files that mmdebstrap reads.
        sources: where the packages come from.
        packages: their names; what they depend on comes with them.
        options: variant, mode and hooks.
    """
    lists, settings = work / "sources.list", work / "apt.conf"
    lists.write_text(sources_list(sources), "utf-8")
    settings.write_text('APT::Install-Recommends "false";\n' + apt_settings(), "utf-8")
    run_tool(
        [
            program("mmdebstrap"),
            *options,
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
    first = load_order(dependencies, _ROOT_MODULES)
    kept = set(first) | set(load_order(dependencies, wanted))
    if not any("ocfs2_nodemanager" in path for path in kept):
        raise CannotRunError(f"kernel {release} has no o2cb (ocfs2_nodemanager)")
    for path in dependencies:
        if path not in kept:
            (tree / path).unlink()
    run_tool(depmod, "listing kernel modules")
    return [tree / path for path in first]


def parse_dependencies(text: str) -> dict[str, list[str]]:
    """Read depmod's modules.dep: path -> the paths that it needs, last needed first."""
    lines = (line.partition(":") for line in text.splitlines())
    return {path: needs.split() for path, _, needs in lines}


def load_order(dependencies: Mapping[str, Sequence[str]], wanted: Iterable[str]) -> list[str]:
    """The paths of the wanted modules and all they need, each after what it needs.

    A name that is not there is left out: what one kernel has as a module, another has built in.
    """
    by_name = {_module_name(path): path for path in dependencies}
    paths = (by_name.get(name.replace("-", "_")) for name in wanted)
    # depmod lists all that a module needs, so that the last of a list needs nothing.
    needed = ([*reversed(dependencies[path]), path] for path in paths if path)
    return list(dict.fromkeys(path for each in needed for path in each))


def _module_name(path: str) -> str:
    """A module's one name: the kernel treats `-` and `_` alike."""
    return PurePosixPath(path).name.partition(".ko")[0].replace("-", "_")


def prune(root: Path, patterns: Sequence[str]) -> None:
    """Delete what nothing in the guest reads."""
    for pattern in patterns:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def write_files(root: Path, files: Mapping[str, str], programs: Mapping[str, str]) -> None:
    """Write texts below the root; programs are executable."""
    for name, text in {**files, **programs}.items():
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
