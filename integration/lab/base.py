"""What a cluster's machines start from: the image, the project's package installed in it."""

from __future__ import annotations

import contextlib
import functools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import IO

from integration.cache import Progress, identity_of, load_facts, lock, making, note_facts
from integration.errors import CannotRunError, GuestError
from integration.guest import BOOT_TIMEOUT_S, Guest, choose_acceleration
from integration.image import image
from integration.lab.cluster_image import CLUSTER_IMAGE
from integration.lab.disks import make_overlay, nameless_overlay, shared_disk
from integration.lab.host import Disks, Host
from integration.lab.identity import Identity
from integration.lab.switch import Switch
from integration.packages import require_tools
from integration.payload import pack
from integration.qemu import Machine
from integration.recipe import recipe_digest

DISK = "disk.qcow2"
SETTLE_TIMEOUT_S = 300
_INSTALL_TIMEOUT_S = 900
_END_TIMEOUT_S = 120
_NOBODY = Identity(number=254)
"""Who a guest is before it becomes somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A machine and the disk that its guests start from."""

    machine: Machine
    disk: Path
    disk_format: str
    identity: str
    """Another one for each build."""
    prepare: Callable[[Guest], None] | None = None
    """Done to a guest before its state is saved: every clone has what it has brought and read."""
    prepared_in: tuple[Path, ...] = ()
    """The files of the program that `prepare` comes from or brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What a disk is given besides packages."""

    files: Sequence[tuple[str, Path]]
    """In a tar archive, the guest's second disk meanwhile: the name there, and the path here."""
    words: Sequence[str]
    """They change when what is done with the files changes."""
    place: Callable[[Guest], None]
    """Puts them where they belong."""


@contextlib.contextmanager
def alone(machine: Machine, root: IO[bytes], shared: IO[bytes]) -> Iterator[Host]:
    """A machine without a cluster, whose power is on; for the making of disks and states."""
    with Switch.running() as switch, tempfile.TemporaryFile() as console:
        host = Host(_NOBODY, machine, Disks(root=root, shared=shared), console)
        try:
            host.switch_on(switch.plug(_NOBODY.number))
            yield host
        except GuestError as error:
            error.add_note(host.console_text())
            raise
        finally:
            host.kill()


@contextlib.contextmanager
def _trial(machine: Machine) -> Iterator[Guest]:
    """A guest of the image that leaves nothing behind."""
    with (
        nameless_overlay(machine.image.disk, "raw") as root,
        shared_disk() as shared,
        alone(machine, root, shared) as host,
    ):
        yield host.guest


def cluster_base(cache: Path, say: Progress, suite: str = "") -> Base:
    """The cluster image as it is, out of the cache or built now.

    Args:
        cache: where it is kept.
        say: takes progress.
        suite: of which Debian release, by its codename; this machine's where it is empty.

    Raises:
        CannotRunError: this machine lacks something.
    """
    require_tools()
    found = image(cache, CLUSTER_IMAGE, say, suite=suite)
    machine = Machine(image=found, acceleration="tcg", kernel_arguments=("net.ifnames=0",))
    boot = functools.partial(_like, machine)
    acceleration = choose_acceleration(found, boot, cache, say)
    return Base(
        machine=replace(machine, acceleration=acceleration),
        disk=found.disk,
        disk_format="raw",
        identity=found.identity,
    )


def _like(machine: Machine, other: Machine) -> contextlib.AbstractContextManager[Guest]:
    return _trial(replace(machine, acceleration=other.acceleration))


def settle(guest: Guest) -> None:
    """Wait until systemd has started all that it wants to start.

    Raises:
        GuestError: it does not end with that, or a unit failed.
    """
    argv = ["systemctl", "is-system-running", "--wait"]
    state = guest.run(argv, timeout_s=SETTLE_TIMEOUT_S).out.strip()
    if state != "running":
        failed = guest.run(["systemctl", "--failed", "--no-legend"], timeout_s=60).out
        raise GuestError(f"the guest's systemd is {state or 'silent'}, not running: {failed}")


def installed(
    base: Base,
    packages: Sequence[Path],
    cache: Path,
    say: Progress,
    *,
    off: Sequence[str] = (),
    extra: Extra | None = None,
) -> Base:
    """A base with Debian packages installed by the guest's own apt, without any archive.

    Args:
        base: what they are installed in.
        packages: .deb files; all that they depend on is in them or in the image.
        cache: where the result is kept, under the hash of the packages.
        say: takes progress.
        off: units of theirs that are not to start at boot: the harness says when.
        extra: what the disk is given then.

    Raises:
        CannotRunError: a file is not there.
        GuestError: apt refused.
    """
    try:
        digests = [sha256(path.read_bytes()).hexdigest() for path in packages]
        digests += off
        if extra is not None:
            digests += extra.words
            digests += [sha256(path.read_bytes()).hexdigest() for _, path in extra.files]
    except OSError as error:
        raise CannotRunError(f"no package to install: {error}") from error
    name = f"installed-{recipe_digest([base.identity, *digests])}"
    with lock(cache, name, say):
        if load_facts(cache / name) is None:
            _install(base, packages, cache, name, say, off, extra)
        identity = identity_of(cache / name)
    return replace(base, disk=cache / name / DISK, disk_format="qcow2", identity=identity)


def _install(  # noqa: PLR0917 - private, and all of it is needed
    base: Base,
    packages: Sequence[Path],
    cache: Path,
    name: str,
    say: Progress,
    off: Sequence[str],
    extra: Extra | None,
) -> None:
    began = time.monotonic()
    say(f"image: installing {', '.join(path.name for path in packages)} in a guest")
    with making(cache, name) as result, contextlib.ExitStack() as stack:
        root = stack.enter_context((result / DISK).open("w+b"))
        make_overlay(root, base.disk, base.disk_format)
        brought = [*((path.name, path) for path in packages), *(extra.files if extra else ())]
        archive = stack.enter_context(os.fdopen(pack(brought), "r+b"))
        host = stack.enter_context(alone(base.machine, root, archive))
        host.guest.wait_ready(BOOT_TIMEOUT_S)
        settle(host.guest)
        _install_in(host.guest, [path.name for path in packages])
        for unit in off:
            host.guest.check(["systemctl", "disable", unit], timeout_s=_END_TIMEOUT_S)
        if extra is not None:
            extra.place(host.guest)
        host.guest.check(["systemctl", "poweroff"], timeout_s=_END_TIMEOUT_S)
        host.wait_end(_END_TIMEOUT_S)
        note_facts(result, packages=[path.name for path in packages])
    say(f"image: {name} made in {time.monotonic() - began:.0f} s")


def _install_in(guest: Guest, names: Sequence[str]) -> None:
    guest.check(["mkdir", "/run/packages"], timeout_s=60)
    guest.check(["tar", "-C", "/run/packages", "-xf", "/dev/vdb", *names], timeout_s=60)
    argv = ["apt-get", "install", "--yes", "--no-install-recommends"]
    argv += [f"/run/packages/{name}" for name in names]
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    result = guest.run(argv, timeout_s=_INSTALL_TIMEOUT_S, env=environment)
    if result.rc != 0:
        raise GuestError(f"apt-get install ended with {result.rc}: {result.out}\n{result.err}")
