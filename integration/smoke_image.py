"""The smoke's image: packages are unpacked and none of their scripts run.

So its build needs neither root nor a chroot; the few things that scripts would have made are made
here. A few programs of the guest (kmod, python3) are run on the host through the guest's own
dynamic linker.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from integration import build
from integration.image import Recipe
from integration.initrd import GUEST_INIT
from integration.packages import GUEST_PACKAGES, guest_packages
from integration.recipe import GUEST_MODULES, PRUNED
from integration.sources import Source

_MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
_EMPTY = ("dev", "proc", "sys", "run", "tmp", "root", "var/tmp")
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
}
_ALSO_PRUNED = (
    "usr/lib/locale",
    "usr/lib/udev",
    "usr/lib/x86_64-linux-gnu/perl*",
    "usr/share/perl*",
    "var/lib/apt",
    "var/cache",
)


def _unpack(root: Path, sources: Sequence[Source]) -> None:
    links = "".join(
        f'mkdir -p "$1/{target}" && ln -s {target} "$1/{link}"\n'
        for link, target in _MERGED.items()
    )
    merge = build.write_hook(root.parent / "merge", links)
    mode = "root" if os.geteuid() == 0 else "chrootless"
    options = ("--variant=extract", f"--mode={mode}", f"--setup-hook={merge}")
    build.fetch_packages(root, root.parent, sources, guest_packages(), options)


def _furnish(root: Path) -> None:
    """Make what the packages' scripts would have made, as far as the guest needs it."""
    for name in _EMPTY:
        (root / name).mkdir(parents=True, exist_ok=True)
    build.write_files(root, _FILES, {"usr/sbin/guest-init": GUEST_INIT})
    (root / "etc/mtab").unlink(missing_ok=True)
    (root / "etc/mtab").symlink_to("/proc/mounts")
    _compile(root)


def _compile(root: Path) -> None:
    """Compile the guest's Python modules with its own Python: an emulated CPU is slow at it."""
    libraries = sorted((root / "usr/lib").glob("python3*"))
    python = next(path.name for path in libraries if "." in path.name)
    build.run_tool(
        [
            *build.guest_program(root, python, python),
            "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
            "-s", root, "-p", "/", *libraries,
        ],
        "compiling the guest's Python modules",
        PYTHONHOME=str(root / "usr"),
    )  # fmt: skip


SMOKE_IMAGE = Recipe(
    name="smoke",
    makers=(Path(__file__), GUEST_PACKAGES),
    unpack=_unpack,
    furnish=_furnish,
    modules=GUEST_MODULES,
    pruned=(*PRUNED, *_ALSO_PRUNED),
    start="/sbin/guest-init",
    disk_mib=512,
    disk_options=("-O", "^has_journal"),
)
