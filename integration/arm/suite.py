"""How the scenario suite gets its guests: one image, one package and one saved state for all."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakecluster.arms import rules
from fakecluster.arms.values import ClusterSpec
from fakecluster.historic import cluster_conf
from fakecluster.merge.verb_log import PriorTrace
from fakecluster.trace.file import parse_trace
from integration import deb
from integration.arm.managers import Manager
from integration.arm.vm import UNIT, Readiness, StartedGuests, VmCluster, unit_files
from integration.cache import Progress, cache_directory, chosen_suite, seats
from integration.guest import Guest
from integration.guest_modules import GUEST_DIRECTORY, inside, module_files
from integration.lab import corosync
from integration.lab.base import Base, cluster_base, installed
from integration.lab.lab import Lab
from integration.lab.together import SavedCluster, saved_together
from integration.sources import other_sources

_INSIDE = "cman cman_question changes corosync daemon load provision tables volume"
GUEST_MODULES = sorted({*inside(*_INSIDE.split()), *module_files("fakecluster.corosync.question")})
"""What every guest of an arm is given."""
MADE_IN = (
    *sorted({*Path(__file__).parent.glob("*.py"), *(path for _, path in GUEST_MODULES)}),
    Path(rules.__file__),
    Path(corosync.__file__),
    Path(cluster_conf.__file__),
)
"""What decides how a cluster is formed, and all that its guests are given."""


def say(line: str) -> None:
    """One line of progress; making the image takes minutes, and a watcher wants to know."""
    print(line, file=sys.__stderr__, flush=True)


_WARM = ("timeout", "20", "o2cbd", "run")
"""It finds no cluster, and has its program and libraries read from the disk."""
_WARM_TIMEOUT_S = 120
_GUESTS_A_PROCESSOR = 3


def _prepare(manager: Manager, guest: Guest) -> None:
    """Give a guest its modules, and have it read what every scenario reads."""
    guest.unpack(GUEST_MODULES, GUEST_DIRECTORY)
    usual = {"files": unit_files((), manager.units), "wanted": UNIT, "addresses": []}
    guest.call("provision:provision", usual)
    guest.call("daemon:look")
    guest.call(manager.look)
    for command in (_WARM, *manager.warm):
        guest.run(command, timeout_s=_WARM_TIMEOUT_S)


def built_packages(revision: str = "") -> Mapping[str, Path]:
    """This checkout's packages, built on the Debian release of the guests where they are not there.

    Raises:
        CannotRunError: this machine lacks something.
    """
    cache = cache_directory(os.environ)
    others = other_sources(cache, chosen_suite(os.environ))
    return deb.build(cache / "packages", say, revision=revision, others=others)


@functools.cache
def packaged_base(manager: Manager) -> Base:
    """The cluster image with this checkout's own packages installed by apt, made where it is not.

    Args:
        manager: what is to manage the guests.

    Raises:
        CannotRunError: this machine lacks something.
        GuestError: a guest did not do its part.
    """
    cache = cache_directory(os.environ)
    built = built_packages()
    base = cluster_base(cache, say, chosen_suite(os.environ))
    # The harness says when each of them starts.
    packages = [built[name] for name in manager.packages]
    off = [UNIT, *manager.off]
    base = installed(base, packages, cache, say, off=off, extra=manager.extra())
    return replace(base, prepare=functools.partial(_prepare, manager), prepared_in=MADE_IN)


@contextlib.contextmanager
def vm_cluster(
    manager: Manager, spec: ClusterSpec, directory: Path, progress: Progress = say
) -> Iterator[VmCluster]:
    """A cluster of guests for a spec.

    Args:
        manager: what manages it.
        spec: what to boot.
        directory: takes the consoles.
        progress: takes progress.

    Raises:
        GuestError: a guest did not come up.
    """
    cache = cache_directory(os.environ)
    room = seats(cache, len(spec.topology.ids), _room(), progress)
    with room, contextlib.ExitStack() as stack:

        def begin(readiness: Readiness) -> StartedGuests:
            saved, readiness = _saved(manager, spec, readiness, progress)
            lab = stack.enter_context(
                Lab.started(
                    packaged_base(manager),
                    cache=cache,
                    directory=directory,
                    say=progress,
                    hosts=_hosts(spec),
                    off=(*spec.down, _hosts(spec)[-1]),
                    states={} if saved is None else saved.states,
                )
            )
            return StartedGuests(
                lab=lab, readiness=readiness, prior=None if saved is None else _prior(saved)
            )

        yield VmCluster(spec, manager, begin)


def _room() -> int:
    """How many guests this machine may emulate at once.

    Beside more of them corosync's token is late for no reason, and rings do not form.
    """
    return _GUESTS_A_PROCESSOR * len(os.sched_getaffinity(0))


def _hosts(spec: ClusterSpec) -> tuple[int, ...]:
    """The numbers of the guests: the spec's, and one more that is off, for a node that is added."""
    ids = spec.topology.ids
    return (*ids, max(ids) + 1)


def _saved(
    manager: Manager, spec: ClusterSpec, readiness: Readiness, progress: Progress
) -> tuple[SavedCluster | None, Readiness]:
    """What was saved of a cluster like this one, and how far it had come: as late as it can be.

    Most scenarios begin with everybody on, and with every daemon as it is without options.
    """
    plain = ClusterSpec(topology=spec.topology)
    if spec.down:
        return None, Readiness.BOOTED
    if spec != plain:
        readiness = Readiness.FORMED
    saved = saved_together(
        packaged_base(manager),
        kind=f"{manager.arm}-{readiness.value}",
        cache=cache_directory(os.environ),
        say=progress,
        hosts=_hosts(plain),
        off=_hosts(plain)[-1:],
        form=lambda lab: _form(manager, plain, lab, readiness),
        made_by=[repr(plain)],
        made_in=MADE_IN,
    )
    return saved, readiness


def _form(manager: Manager, spec: ClusterSpec, lab: Lab, readiness: Readiness) -> dict[str, Any]:
    """Bring guests that have just come up to a readiness; what was done, as `_prior` reads it."""
    cluster = VmCluster(spec, manager, lambda _: StartedGuests(lab=lab, readiness=Readiness.BOOTED))
    if readiness is Readiness.UP:
        cluster.up()
    else:
        cluster.go_on(Readiness.FORMED)
    prior = cluster.verb_log.as_prior()
    return {"done": cluster.verb_trace().as_text(), "ended_us": prior.ended_us}


def _prior(saved: SavedCluster) -> PriorTrace:
    return PriorTrace(
        lines=parse_trace(saved.facts["done"]).lines, ended_us=saved.facts["ended_us"]
    )
