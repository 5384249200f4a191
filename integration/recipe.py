"""What guest images are made of, and the names that stand for them in the cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

CACHE_VARIABLE = "O2CBD_VM_CACHE"
SUITE_VARIABLE = "O2CBD_VM_SUITE"
"""The codename of the Debian release that guests are made of, where no option says it."""

ROOT_MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "crc32c_generic", "ext4")
"""What the initrd loads to reach the channel and the root file system."""

GUEST_MODULES = (
    "virtio-rng",
    "configfs",
    "ocfs2_nodemanager",
    "ocfs2_stack_o2cb",
    "ocfs2_dlm",
    "ocfs2",
)
"""What any guest loads itself, by modprobe."""

PRUNED = (
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
"""Patterns below the root, of what nothing in any guest reads."""


def cache_directory(environment: os._Environ[str] | dict[str, str]) -> Path:
    """Where images and what was learnt of this machine are kept between runs."""
    if given := environment.get(CACHE_VARIABLE):
        return Path(given)
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "o2cbd-integration"


def chosen_suite(environment: os._Environ[str] | dict[str, str]) -> str:
    """The Debian release that guests are made of; empty: this machine's own."""
    return environment.get(SUITE_VARIABLE, "")


def recipe_digest(parts: Sequence[str]) -> str:
    """16 hexadecimal digits that change with any part, and with where one part ends."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:16]


def text_digest(words: Sequence[str], files: Sequence[Path]) -> str:
    """The digest of words and of what files say.

    Of a guest image: new versions of packages do not change it, so an image is kept until
    `python -m integration image --anew`.
    """
    return recipe_digest([*words, *(path.read_text("utf-8") for path in files)])
