"""Guest images: built from Debian packages by a recipe, and kept in a cache under its hash."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from integration import build
from integration.cache import Progress, load_facts, lock, make_place, making, note_facts
from integration.errors import CannotRunError
from integration.initrd import initrd
from integration.recipe import text_digest
from integration.sources import Source, debian_sources

_SHARED_MAKERS = ("build.py", "image.py", "initrd.py", "recipe.py")
"""The modules whose text decides what every image looks like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What makes one kind of image differ from another."""

    name: str
    makers: tuple[Path, ...]
    """The files whose text decides what this kind looks like."""
    unpack: Callable[[Path, Sequence[Source]], None]
    """Makes the root directory, the kernel's `boot/vmlinuz-*` and modules in it."""
    furnish: Callable[[Path], None]
    """Makes what packages do not bring, after what nobody reads was deleted."""
    require: Callable[[], None] = lambda: None
    """Raises CannotRunError where this machine cannot build it."""
    modules: tuple[str, ...]
    """What the guest loads itself, by modprobe."""
    pruned: tuple[str, ...]
    """Patterns below the root, of what nothing in the guest reads."""
    start: str
    """What the initrd hands over to."""
    disk_mib: int
    disk_options: tuple[str, ...]
    """For mke2fs."""

    def digest(self, codename: str) -> str:
        """The hash of all that decides what is made of a Debian release."""
        here = Path(__file__)
        makers = [here.with_name(name) for name in _SHARED_MAKERS]
        return text_digest([codename, self.name], [*makers, *self.makers])


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


def load(directory: Path) -> Image | None:
    """The image of a directory; None when it is not there or not finished."""
    facts = load_facts(directory)
    if facts is None:
        return None
    return Image(
        directory=directory, kernel_release=facts["kernel_release"], identity=facts["identity"]
    )


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
    sources = debian_sources(cache, suite)
    name = f"{recipe.name}-image-{recipe.digest(sources[0].codename)}"
    with lock(cache, name, say):
        found = None if anew else load(cache / name)
        if found is not None:
            say(f"image: {name}, from the cache ({found.kernel_release})")
            return found
        recipe.require()
        return _build(cache, recipe, name, sources, say)


def _build(
    cache: Path, recipe: Recipe, name: str, sources: Sequence[Source], say: Progress
) -> Image:
    began = time.monotonic()
    with making(cache, name) as result:
        root = result.parent / "root"
        say(f"image: fetching Debian {sources[0].codename} packages for the {recipe.name} image")
        recipe.unpack(root, sources)
        release = next((root / "usr/lib/modules").iterdir()).name
        say(f"image: kernel {release}, keeping its o2cb modules")
        order = build.keep_modules(root, release, recipe.modules)
        busybox = root / "usr/bin/busybox"
        (result / "initrd.gz").write_bytes(initrd(busybox, order, recipe.start))
        shutil.copyfile(root / f"boot/vmlinuz-{release}", result / "vmlinuz")
        build.prune(root, recipe.pruned)
        recipe.furnish(root)
        build.make_disk(root, result / "root.ext4", recipe.disk_mib, recipe.disk_options)
        note_facts(result, kernel_release=release, sources=[*map(asdict, sources)])
    say(f"image: {name} built in {time.monotonic() - began:.0f} s")
    built = load(cache / name)
    if built is None:
        raise CannotRunError(f"{cache / name} vanished while it was made")
    return built
