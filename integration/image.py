"""Guest images: built from Debian packages by a recipe, and kept in the cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from integration import build, guest_files
from integration.cache import Layer, Progress, make_place
from integration.guest_modules import inside
from integration.initrd import initrd
from integration.packages import GUEST_PACKAGES, guest_packages
from integration.sources import AptSource, debian_sources

_HERE = Path(__file__)
_MAKER_NAMES = ("build", "guest_modules", "image", "initrd", "packages", "recipes", "sources")
_MAKERS = (
    *(_HERE.with_name(f"{name}.py") for name in _MAKER_NAMES),
    Path(str(guest_files.__file__)),
    GUEST_PACKAGES,
    *(path for _, path in inside("agent")),
)
"""The files whose text decides what images look like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What makes one kind of image differ from another."""

    name: str
    """Its packages are those of the list's section of that name, and those for both."""
    require: Callable[[], None] = lambda: None
    """Raises CannotRunError where this machine cannot build it."""
    unpack: Callable[[Path], Sequence[str]]
    """Takes a directory for hooks, and returns mmdebstrap's options: it makes the root directory,
    the kernel's `boot/vmlinuz-*` and modules in it."""
    furnish: Callable[[Path], None]
    """Makes what packages do not bring, after what nobody reads was deleted."""
    modules: tuple[str, ...]
    """What the guest loads itself, by modprobe."""
    pruned: tuple[str, ...]
    """Patterns below the root, of what nothing in the guest reads."""
    start: str
    """What the initrd hands over to."""
    disk_mib: int
    disk_options: tuple[str, ...] = ()
    """For mke2fs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A guest image in the cache."""

    directory: Path
    kernel_release: str
    identity: str
    """Another one for each build, of the same recipe too."""

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
        """The raw ext4 root disk; never written to, guests write to a snapshot or an overlay."""
        return self.directory / "root.ext4"


def image(
    cache: Path, recipe: Recipe, say: Progress, *, suite: str = "", anew: bool = False
) -> Image:
    """The image of today's recipe, out of the cache or built now.

    Args:
        cache: where it is kept.
        recipe: what kind of image.
        say: takes progress.
        suite: of which Debian release, by its codename; this machine's where it is empty.
        anew: build it even if there is one.

    Raises:
        CannotRunError: the packages cannot be had, or a tool is missing.
    """
    make_place(cache)
    found = layer(recipe, debian_sources(cache, suite), say).kept(cache, say, anew=anew)
    release = found.facts["kernel_release"]
    say(f"image: {found.directory.name} ({release})")
    return Image(directory=found.directory, kernel_release=release, identity=found.identity)


def layer(recipe: Recipe, sources: Sequence[AptSource], say: Progress) -> Layer:
    """An image as a layer of the cache."""
    return Layer(
        kind=f"{recipe.name}-image",
        words=[sources[0].codename],
        files=_MAKERS,
        make=lambda result: _build(result, recipe, sources, say),
    )


def _build(
    result: Path, recipe: Recipe, sources: Sequence[AptSource], say: Progress
) -> Mapping[str, Any]:
    recipe.require()
    work = result.parent
    root = work / "root"
    say(f"image: fetching Debian {sources[0].codename} packages for the {recipe.name} image")
    packages = guest_packages(recipe.name)
    build.fetch_packages(root, work, sources, packages, recipe.unpack(work))
    release = next((root / "usr/lib/modules").iterdir()).name
    say(f"image: kernel {release}, keeping its o2cb modules")
    order = build.keep_modules(root, release, recipe.modules)
    (result / "initrd.gz").write_bytes(initrd(root / "usr/bin/busybox", order, recipe.start))
    shutil.copyfile(root / f"boot/vmlinuz-{release}", result / "vmlinuz")
    build.prune(root, recipe.pruned)
    recipe.furnish(root)
    build.make_disk(root, result / "root.ext4", recipe.disk_mib, recipe.disk_options)
    return {"kernel_release": release, "sources": [*map(asdict, sources)]}
