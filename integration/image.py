"""The guest image: built from Debian packages without running any of their scripts.

Packages are unpacked and not configured (mmdebstrap's `extract`), so that the build needs neither
root nor a chroot; the few things that scripts would have made are made here. A few programs of the
guest (kmod, python3) are run on the host through the guest's own dynamic linker.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from integration import initrd, recipe
from integration.errors import CannotRunError
from integration.modules import load_order, parse_dependencies
from integration.packages import guest_packages, program
from integration.sources import Source, apt_settings, debian_sources

_BUILD_TIMEOUT_S = 900
_DISK_MIB = 512
_KEPT_IMAGES = 3
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
_EMPTY = ("dev", "proc", "sys", "run", "tmp", "root", "var/tmp")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
}

Progress = Callable[[str], None]
"""Takes one line for the one who waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A guest image in the cache."""

    directory: Path
    kernel_release: str
    python: str
    """The guest's Python, as `3.11`."""

    @property
    def kernel(self) -> Path:
        """The compressed kernel that qemu loads."""
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """The initial RAM disk."""
        return self.directory / "initrd.gz"

    @property
    def disk(self) -> Path:
        """The raw ext4 root disk; never written to, guests write to a snapshot."""
        return self.directory / "root.ext4"


def load(directory: Path) -> Image | None:
    """The image of a directory; None when it is not there or not finished."""
    try:
        facts = json.loads((directory / "image.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    return Image(
        directory=directory, kernel_release=facts["kernel_release"], python=facts["python"]
    )


def image(cache: Path, say: Progress, *, anew: bool = False) -> Image:
    """The image of today's recipe, out of the cache or built now.

    Raises:
        CannotRunError: the packages cannot be had, or a tool is missing.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with _lock(cache, say):
        sources = debian_sources(cache)
        name = f"image-{recipe.image_digest(sources[0].codename)}"
        found = None if anew else load(cache / name)
        if found is not None:
            os.utime(found.directory)
            say(f"image: {name}, from the cache ({found.kernel_release})")
            return found
        return _build(cache, name, sources, say)


@contextlib.contextmanager
def _lock(cache: Path, say: Progress) -> Iterator[None]:
    """One builder at a time; what a killed one left is taken away."""
    with (cache / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("image: another run is building, waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        for left in cache.glob("building-*"):
            shutil.rmtree(left)
        yield


def _build(cache: Path, name: str, sources: Sequence[Source], say: Progress) -> Image:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="building-", dir=cache) as work_name:
        work = Path(work_name)
        root, result = work / "root", work / "result"
        result.mkdir()
        say(f"image: fetching and unpacking Debian {sources[0].codename} packages")
        _unpack(work, root, sources)
        release = next((root / "usr/lib/modules").iterdir()).name
        say(f"image: kernel {release}, keeping its o2cb modules")
        order = _keep_modules(root, release)
        busybox = root / "usr/bin/busybox"
        (result / "initrd.gz").write_bytes(initrd.initrd(busybox, order))
        shutil.copyfile(root / f"boot/vmlinuz-{release}", result / "vmlinuz")
        _prune(root)
        _furnish(root)
        python = _compile(root)
        _make_disk(root, result / "root.ext4")
        facts = {"kernel_release": release, "python": python, "sources": [*map(asdict, sources)]}
        (result / "image.json").write_text(json.dumps(facts, indent=1), "utf-8")
        final = cache / name
        if final.exists():
            shutil.rmtree(final)
        result.rename(final)
        _forget_old(cache)
    say(f"image: {name} built in {time.monotonic() - began:.0f} s")
    built = load(final)
    if built is None:
        raise CannotRunError(f"{final} vanished while it was made")
    return built


def _forget_old(cache: Path) -> None:
    """Keep the images that were used last; one that a guest runs from lives on until it ends."""
    images = sorted(cache.glob("image-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in images[_KEPT_IMAGES:]:
        shutil.rmtree(old)


def _run(argv: Sequence[str | Path], what: str, **environment: str) -> str:
    """Run a tool of the build; its output is shown only when it fails."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "TERM", *words],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_BUILD_TIMEOUT_S,
            env=os.environ | environment,
            text=True,
        )
    except subprocess.TimeoutExpired:
        raise CannotRunError(f"{what} did not end within {_BUILD_TIMEOUT_S} s") from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise CannotRunError(f"{what} failed ({words[0]} ended with {done.returncode}):\n{tail}")
    return done.stdout


def _unpack(work: Path, root: Path, sources: Sequence[Source]) -> None:
    lists, settings, merge = work / "sources.list", work / "apt.conf", work / "merge"
    lists.write_text("".join(f"{source.line}\n" for source in sources), "utf-8")
    settings.write_text('APT::Install-Recommends "false";\n' + apt_settings(), "utf-8")
    links = "".join(
        f'mkdir -p "$1/{target}" && ln -s {target} "$1/{link}"\n'
        for link, target in _MERGED.items()
    )
    merge.write_text(f"#!/bin/sh\nset -e\n{links}", "utf-8")
    merge.chmod(0o755)
    mode = "root" if os.geteuid() == 0 else "chrootless"
    _run(
        [
            program("mmdebstrap"),
            "--variant=extract",
            f"--mode={mode}",
            "--format=directory",
            "--architectures=amd64",
            f"--include={','.join(guest_packages())}",
            f"--aptopt={settings}",
            f"--setup-hook={merge}",
            sources[0].codename,
            root,
            lists,
        ],
        "fetching and unpacking the guest's packages",
    )


def _guest_program(root: Path, name: str, argv0: str) -> list[str | Path]:
    """The beginning of a command that runs a program of the guest on this host."""
    libraries = root / _LIBRARIES
    linker = libraries / "ld-linux-x86-64.so.2"
    return [linker, "--argv0", argv0, "--library-path", libraries, root / "usr/bin" / name]


def _keep_modules(root: Path, release: str) -> list[Path]:
    """Delete every kernel module that the guest does not need; return the initrd's in order."""
    tree = root / "usr/lib/modules" / release
    depmod = [*_guest_program(root, "kmod", "depmod"), "-b", root, release]
    _run(depmod, "listing kernel modules")
    dependencies = parse_dependencies((tree / "modules.dep").read_text("utf-8"))
    first = load_order(dependencies, recipe.ROOT_MODULES)
    kept = set(first) | set(load_order(dependencies, recipe.GUEST_MODULES))
    if not any("ocfs2_nodemanager" in path for path in kept):
        raise CannotRunError(f"kernel {release} has no o2cb (ocfs2_nodemanager)")
    for path in dependencies:
        if path not in kept:
            (tree / path).unlink()
    _run(depmod, "listing kernel modules")
    return [tree / path for path in first]


def _prune(root: Path) -> None:
    for pattern in recipe.PRUNED:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _furnish(root: Path) -> None:
    """Make what the packages' scripts would have made, as far as the guest needs it."""
    for name in _EMPTY:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        (root / name).write_text(text, "utf-8")
    (root / "etc/mtab").unlink(missing_ok=True)
    (root / "etc/mtab").symlink_to("/proc/mounts")
    start = root / "usr/sbin/guest-init"
    start.write_text(initrd.GUEST_INIT, "utf-8")
    start.chmod(0o755)


def _compile(root: Path) -> str:
    """Compile the guest's Python modules with its own Python: an emulated CPU is slow at it."""
    libraries = sorted((root / "usr/lib").glob("python3*"))
    python = next(path.name for path in libraries if "." in path.name)
    _run(
        [
            *_guest_program(root, python, python),
            "-m", "compileall", "-q", "-j2", "--invalidation-mode", "unchecked-hash",
            "-s", root, "-p", "/", *libraries,
        ],
        "compiling the guest's Python modules",
        PYTHONHOME=str(root / "usr"),
    )  # fmt: skip
    return python.removeprefix("python")


def _make_disk(root: Path, disk: Path) -> None:
    _run(
        [program("mke2fs"), "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0",
         "-E", "root_owner=0:0", "-d", root, disk, f"{_DISK_MIB}M"],
        "making the root disk",
    )  # fmt: skip
