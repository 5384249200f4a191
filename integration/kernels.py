"""Which kernels behave in which way, by their release: data, and how it is looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from fakecluster.configfs.variant import (
    KERNEL_A,
    KERNEL_B,
    KERNEL_B_MISNAMED,
    KERNEL_C,
    KERNEL_D,
    OBSERVED_6_1,
    OBSERVED_6_12,
    KernelVariant,
)

Release = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Kernels that behave alike."""

    since: Release
    """The first of them; they go on to the next family's first."""
    variant: KernelVariant
    known_by: str
    """How it is known: what was run, or that it was read."""


FAMILIES = (
    Family(since=(2, 6, 0), variant=KERNEL_A, known_by="its source"),
    Family(since=(2, 6, 30), variant=KERNEL_B, known_by="its source"),
    Family(since=(4, 4, 0), variant=KERNEL_B_MISNAMED, known_by="its source and ocfs2-tools"),
    Family(since=(4, 11, 0), variant=KERNEL_B, known_by="its source"),
    Family(since=(5, 0, 0), variant=KERNEL_C, known_by="its source"),
    Family(since=(6, 1, 0), variant=OBSERVED_6_1, known_by="Debian's 6.1.0-57 as it was seen"),
    Family(since=(6, 2, 0), variant=KERNEL_D, known_by="its source"),
    Family(since=(6, 12, 0), variant=OBSERVED_6_12, known_by="Debian's 6.12.118 as it was seen"),
    Family(since=(6, 13, 0), variant=KERNEL_D, known_by="its source"),
)
"""Oldest first. A fix that went to a stable branch can make a kernel behave as a later family."""

_RELEASE = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


class UnknownKernelError(Exception):
    """No family has this release."""


def parse_release(text: str) -> Release:
    """The numbers that a kernel's own release text begins with.

    Raises:
        UnknownKernelError: it begins with none.
    """
    found = _RELEASE.match(text)
    if found is None:
        raise UnknownKernelError(f"invalid kernel release {text!r}")
    major, minor, patch = found.groups(default="0")
    return int(major), int(minor), int(patch)


def family(text: str) -> Family:
    """The family of a kernel by its release text.

    Raises:
        UnknownKernelError: it is older than all that is known, or no release.
    """
    release = parse_release(text)
    fitting = [each for each in FAMILIES if each.since <= release]
    if not fitting:
        raise UnknownKernelError(f"unknown kernel {text}: older than all that were read")
    return fitting[-1]


def departures(variant: KernelVariant) -> dict[str, Any]:
    """What of a variant is not as in the observed kernel: option -> its value."""
    return {
        each.name: getattr(variant, each.name)
        for each in fields(variant)
        if each.name != "name" and getattr(variant, each.name) != getattr(OBSERVED_6_1, each.name)
    }
