"""The two guest images.

The smoke's packages are unpacked and none of their scripts run, so that its build needs neither
root nor a chroot; the few things that scripts would have made are made here. A few programs of the
guest (kmod, python3) are run on the host through the guest's own dynamic linker.

The cluster's is a configured Debian with systemd, corosync and a working apt. Its packages' scripts
do run, in a chroot, so that building it needs root. The kernel's do not: its package is unpacked
beside the rest, since its scripts would want an initrd of their own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from integration import build, guest_files
from integration.errors import CannotRunError
from integration.guest_modules import GUEST_DIRECTORY, inside
from integration.image import Recipe

_MODULES = (
    "virtio-rng",
    "configfs",
    "ocfs2_nodemanager",
    "ocfs2_stack_o2cb",
    "ocfs2_dlm",
    "ocfs2",
)
_PRUNED = (
    "boot",
    "usr/include",
    "usr/lib/klibc*",
    "usr/lib/python3.*/ensurepip",
    "usr/lib/python3.*/idlelib",
    "usr/lib/python3.*/lib2to3",
    "usr/lib/python3.*/pydoc_data",
    "usr/lib/python3.*/test",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/share/bash-completion",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/initramfs-tools",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
)

# ---- the smoke's

_MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
_EMPTY = ("dev", "proc", "sys", "run", "tmp", "root", "var/tmp")


def _unpack_only(work: Path) -> Sequence[str]:
    links = "".join(
        f'mkdir -p "$1/{target}" && ln -s {target} "$1/{link}"\n'
        for link, target in _MERGED.items()
    )
    merge = build.write_hook(work / "merge", links)
    mode = "root" if os.geteuid() == 0 else "chrootless"
    return "--variant=extract", f"--mode={mode}", f"--setup-hook={merge}"


def _furnish_smoke(root: Path) -> None:
    """Make what the packages' scripts would have made, as far as the guest needs it."""
    for name in _EMPTY:
        (root / name).mkdir(parents=True, exist_ok=True)
    build.write_files(root, guest_files.SMOKE_FILES, guest_files.SMOKE_PROGRAMS)
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
    unpack=_unpack_only,
    furnish=_furnish_smoke,
    modules=_MODULES,
    pruned=(
        *_PRUNED,
        "usr/lib/locale",
        "usr/lib/udev",
        "usr/lib/x86_64-linux-gnu/perl*",
        "usr/share/perl*",
        "var/lib/apt",
        "var/cache",
    ),
    start="/sbin/guest-init",
    disk_mib=512,
    disk_options=("-O", "^has_journal"),
)

# ---- the cluster's

_KERNEL_HOOK = """\
chroot "$1" systemctl disable {off}
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
package=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
mkdir "$1/kernel"
cd "$1/kernel"
apt-get download "$package"
dpkg-deb -x ./*.deb tree
mkdir -p "$1/usr/lib/modules"
mv tree/boot/vmlinuz-* "$1/boot/"
for modules in tree/lib/modules tree/usr/lib/modules; do
    [ ! -d $modules ] || mv $modules/* "$1/usr/lib/modules/"
done
rm -r "$1/kernel"
"""


def _require_root() -> None:
    if os.geteuid() != 0:
        raise CannotRunError(
            "the cluster image's packages are configured in a chroot, and that needs root: "
            "run `python -m integration image cluster` as root once, with the same cache"
        )


def _configure(work: Path) -> Sequence[str]:
    hook = build.write_hook(work / "hook", _KERNEL_HOOK.format(off=" ".join(guest_files.OFF)))
    force = "--dpkgopt=force-unsafe-io"
    return "--variant=apt", "--mode=root", force, f"--customize-hook={hook}"


def _furnish_cluster(root: Path) -> None:
    build.write_files(root, guest_files.CLUSTER_FILES, guest_files.CLUSTER_PROGRAMS)
    for name, path in inside("agent"):
        place = root / GUEST_DIRECTORY[1:] / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    (root / "var/log/journal").mkdir(exist_ok=True)
    guest_files.furnish_units(root)


CLUSTER_IMAGE = Recipe(
    name="cluster",
    require=_require_root,
    unpack=_configure,
    furnish=_furnish_cluster,
    modules=(*_MODULES, "autofs4", "virtio_net"),
    pruned=(*_PRUNED, "etc/udev/hwdb.bin", "usr/lib/udev/hwdb.*"),
    start="/sbin/init",
    disk_mib=1024,
)
