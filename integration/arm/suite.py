"""How the scenario suite gets its guests: one image, one package and one saved state for all."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakecluster.arms import rules
from fakecluster.arms.values import ClusterSpec
from fakecluster.merge.account import Past
from fakecluster.trace_file import parse_trace
from integration import deb
from integration.arm.beginning import Begun, Stage
from integration.arm.daemons import UNIT, unit_files
from integration.arm.eye_files import EYE_DIRECTORY, eye_files
from integration.arm.vm import VmCorosync
from integration.cache import Progress
from integration.guest import Guest
from integration.lab import corosync
from integration.lab.base import Base, cluster_base, installed
from integration.lab.lab import Lab
from integration.lab.together import SavedCluster, saved_together
from integration.recipe import cache_directory, chosen_suite
from integration.sources import other_sources

MADE_IN = (
    *sorted({*Path(__file__).parent.glob("*.py"), *(path for _, path in eye_files())}),
    Path(rules.__file__),
    Path(corosync.__file__),
)
"""What decides how a cluster is formed, and all that its guests are brought."""


def say(line: str) -> None:
    """One line of progress; making the image takes minutes, and a watcher wants to know."""
    print(line, file=sys.__stderr__, flush=True)


_WARM = (("timeout", "20", "o2cbd", "run"), ("corosync", "-v"))
"""None of them finds a cluster; each has its program and libraries read from the disk."""
_WARM_TIMEOUT_S = 120


def _prepare(guest: Guest) -> None:
    """Bring a guest its eye, and have it read what every scenario reads."""
    guest.unpack(eye_files(), EYE_DIRECTORY)
    usual = {"files": unit_files(()), "wanted": UNIT, "addresses": []}
    guest.call("integration.arm.guest_furnish:furnish", usual)
    guest.call("integration.arm.guest_eye:look")
    guest.call("integration.arm.guest_eye:manager")
    for command in _WARM:
        guest.run(command, timeout_s=_WARM_TIMEOUT_S)


def built_package(revision: str = "") -> Path:
    """This checkout's package, built on the Debian release of the guests where it is not there.

    Raises:
        CannotRunError: this machine lacks something.
    """
    cache = cache_directory(os.environ)
    others = other_sources(cache, chosen_suite(os.environ))
    return deb.build(cache / "packages", say, revision=revision, others=others)


@functools.cache
def packaged_base() -> Base:
    """The cluster image with this checkout's own package installed by apt, made where it is not.

    Raises:
        CannotRunError: this machine lacks something.
        GuestError: a guest did not do its part.
    """
    cache = cache_directory(os.environ)
    base = cluster_base(cache, say, chosen_suite(os.environ))
    base = installed(base, [built_package()], cache, say, off=[UNIT])
    return replace(base, prepare=_prepare, prepared_in=MADE_IN)


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
    with contextlib.ExitStack() as stack:

        def begin(stage: Stage) -> Begun:
            saved, stage = _saved(spec, stage, progress)
            lab = stack.enter_context(
                Lab.started(
                    packaged_base(),
                    cache=cache_directory(os.environ),
                    directory=directory,
                    say=progress,
                    hosts=_hosts(spec),
                    off=(*spec.down, _hosts(spec)[-1]),
                    states={} if saved is None else saved.states,
                )
            )
            return Begun(lab=lab, stage=stage, past=None if saved is None else _past(saved))

        yield VmCorosync(spec, begin)


def _hosts(spec: ClusterSpec) -> tuple[int, ...]:
    """The numbers of the guests: the spec's, and one more that is off, for a node that is added."""
    ids = spec.topology.ids
    return (*ids, max(ids) + 1)


def _saved(
    spec: ClusterSpec, stage: Stage, progress: Progress
) -> tuple[SavedCluster | None, Stage]:
    """What was saved of a cluster like this one, and at which stage: as late as it can be.

    Most scenarios begin with everybody on, and with every daemon as it is without options.
    """
    plain = ClusterSpec(topology=spec.topology)
    if spec.down:
        return None, Stage.BOOTED
    if spec != plain:
        stage = Stage.FORMED
    saved = saved_together(
        packaged_base(),
        kind=stage.value,
        cache=cache_directory(os.environ),
        say=progress,
        hosts=_hosts(plain),
        off=_hosts(plain)[-1:],
        form=lambda lab: _form(plain, lab, stage),
        made_by=[repr(plain)],
        made_in=MADE_IN,
    )
    return saved, stage


def _form(spec: ClusterSpec, lab: Lab, stage: Stage) -> dict[str, Any]:
    """Bring guests that have just come up to a stage; what was done, as `_past` reads it."""
    cluster = VmCorosync(spec, lambda _: Begun(lab=lab, stage=Stage.BOOTED))
    if stage is Stage.UP:
        cluster.up()
    else:
        cluster.go_on(Stage.FORMED)
    past = cluster.account.past()
    return {"done": cluster.account_trace().as_text(), "ended_us": past.ended_us}


def _past(saved: SavedCluster) -> Past:
    return Past(lines=parse_trace(saved.facts["done"]).lines, ended_us=saved.facts["ended_us"])
