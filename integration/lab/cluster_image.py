"""The cluster image: a configured Debian with systemd, corosync and a working apt.

Its packages' scripts do run, in a chroot, so that building it needs root. The kernel's do not:
its package is unpacked beside the rest, since its scripts would want an initrd of their own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from integration import build, channel, guest_agent
from integration.errors import CannotRunError
from integration.image import Recipe
from integration.lab import guest_files
from integration.packages import guest_packages
from integration.recipe import GUEST_MODULES, PRUNED
from integration.sources import Source

PACKAGES = Path(__file__).with_name("guest-packages.txt")

_AGENT = (channel, guest_agent)
"""The modules of the checkout that are in the image."""

_MODULES = (*GUEST_MODULES, "autofs4", "virtio_net")

_HOOK = """\
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


def _unpack(root: Path, sources: Sequence[Source]) -> None:
    hook = build.write_hook(root.parent / "hook", _HOOK.format(off=" ".join(guest_files.OFF)))
    options = (
        "--variant=apt",
        "--mode=root",
        "--dpkgopt=force-unsafe-io",
        f"--customize-hook={hook}",
    )
    build.fetch_packages(root, root.parent, sources, guest_packages(PACKAGES), options)


def _furnish(root: Path) -> None:
    files = guest_files.FILES | {"usr/lib/guest/integration/__init__.py": ""}
    build.write_files(root, files, guest_files.PROGRAMS)
    for module in _AGENT:
        source = Path(str(module.__file__))
        shutil.copyfile(source, root / "usr/lib/guest/integration" / source.name)
    (root / "var/log/journal").mkdir(exist_ok=True)
    guest_files.furnish_units(root)


CLUSTER_IMAGE = Recipe(
    name="cluster",
    makers=(
        Path(__file__),
        Path(str(guest_files.__file__)),
        PACKAGES,
        *(Path(str(module.__file__)) for module in _AGENT),
    ),
    require=_require_root,
    unpack=_unpack,
    furnish=_furnish,
    modules=_MODULES,
    pruned=(*PRUNED, "etc/udev/hwdb.bin", "usr/lib/udev/hwdb.*"),
    start="/sbin/init",
    disk_mib=1024,
    disk_options=(),
)
