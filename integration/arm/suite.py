"""How the scenario suite gets its guests: one image, one package and one saved state for all."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fakecluster.arms.values import ClusterSpec
from fakecluster.cman.topology import Topology
from integration import deb
from integration.arm.daemons import UNIT
from integration.arm.vm import VmCorosync
from integration.image import Progress
from integration.lab.base import Base, cluster_base, installed
from integration.lab.lab import Lab
from integration.lab.state import SavedState
from integration.lab.together import saved_together
from integration.recipe import cache_directory


def say(line: str) -> None:
    """One line of progress; making the image takes minutes, and a watcher wants to know."""
    print(line, file=sys.__stderr__, flush=True)


_WARM = (("timeout", "20", "o2cbd", "run"), ("corosync", "-v"), ("corosync-cmapctl",))
"""None of them finds a cluster; each has its program and libraries read from the disk."""


def package_cache() -> Path:
    """Where packages are kept between runs."""
    return cache_directory(os.environ) / "packages"


@functools.cache
def packaged_base() -> Base:
    """The cluster image with this checkout's own package installed by apt, made where it is not.

    Raises:
        CannotRunError: this machine lacks something.
        GuestError: a guest did not do its part.
    """
    cache = cache_directory(os.environ)
    package = deb.build(package_cache(), say)
    base = installed(cluster_base(cache, say), [package], cache, say, off=[UNIT])
    return replace(base, warm=_WARM)


@contextlib.contextmanager
def vm_cluster(
    spec: ClusterSpec, directory: Path, progress: Progress = say
) -> Iterator[VmCorosync]:
    """A cluster of guests for a spec.

    Args:
        spec: what to boot.
        directory: takes the consoles.
        progress: takes progress.

    Raises:
        GuestError: a guest did not come up.
    """
    spare = max(spec.topology.ids) + 1
    hosts = (*spec.topology.ids, spare)
    states = {} if spec.down else _formed(spec.topology, hosts, spare, progress)
    with (
        Lab.started(
            packaged_base(),
            cache=cache_directory(os.environ),
            directory=directory,
            say=progress,
            hosts=hosts,
            off=(*spec.down, spare),
            states=states,
        ) as lab,
        VmCorosync(spec, lab, formed=bool(states)) as cluster,
    ):
        yield cluster


def _formed(
    topology: Topology, hosts: Sequence[int], spare: int, progress: Progress
) -> Mapping[int, SavedState]:
    """A cluster with everybody on, saved when it had been formed: most scenarios begin with one."""
    spec = ClusterSpec(topology=topology)
    return saved_together(
        packaged_base(),
        cache=cache_directory(os.environ),
        say=progress,
        hosts=hosts,
        off=(spare,),
        form=lambda lab: VmCorosync(spec, lab).form(),
        made_by=[repr(spec)],
        made_in=sorted(Path(__file__).parent.glob("*.py")),
    )
