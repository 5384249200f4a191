"""What a cluster's machines start from: the image, packages installed in it, a boot of it saved."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from integration.cache import Layer, Progress
from integration.errors import GuestError
from integration.guest import BOOT_TIMEOUT_S, Guest, choose_acceleration
from integration.image import image
from integration.lab.host import (
    Disks,
    LabMachine,
    Plugs,
    cluster_wiring,
    make_overlay,
    nameless_overlay,
    shared_disk,
)
from integration.lab.identity import Identity
from integration.lab.monitor import Monitor
from integration.lab.switch import Switch
from integration.packages import program, require_tools
from integration.payload import pack
from integration.qemu import Machine, command_line
from integration.recipes import CLUSTER_IMAGE

_DISK = "disk.qcow2"
_MEMORY = "memory"
_SETTLE_TIMEOUT_S = 300
_INSTALL_TIMEOUT_S = 900
_END_TIMEOUT_S = 120
_SAVE_TIMEOUT_S = 300
_LOOK_AGAIN_S = 0.1
_NOBODY = Identity(number=254)
"""Who a guest is before it becomes somebody."""
_NO_PLUGS = Plugs(root_fd=0, shared_fd=0, cable_fd=0, monitor_fd=0)


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

    files: Sequence[tuple[str, Path]] = ()
    """In a tar archive, the guest's second disk meanwhile: the name there, and the path here."""
    words: Sequence[str] = ()
    """They change when what is done with the files changes."""
    place: Callable[[Guest], None] = lambda _guest: None
    """Puts them where they belong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """The memory and the disk of a guest at one moment."""

    directory: Path
    anonymous: bool = True
    """Whoever starts from it has still to become somebody: it is a clone of many."""

    @property
    def disk(self) -> Path:
        """Its qcow2 disk; who starts from it has an overlay over it."""
        return self.directory / _DISK

    @property
    def incoming(self) -> str:
        """Where its memory comes from, in qemu's words."""
        return f"exec:cat {shlex.quote(str(self.directory / _MEMORY))}"

    def take(self, monitor: Monitor) -> None:
        """Write the memory of a guest that stands still, and end it.

        Raises:
            GuestError: qemu could not.
        """
        path = shlex.quote(str(self.directory / _MEMORY))
        monitor.order("migrate", uri=f"exec:cat > {path}")
        deadline = time.monotonic() + _SAVE_TIMEOUT_S
        while (status := monitor.order("query-migrate")["status"]) != "completed":
            if status in {"failed", "cancelled"} or time.monotonic() > deadline:
                raise GuestError(f"the guest's state could not be saved: {status}")
            time.sleep(_LOOK_AGAIN_S)
        monitor.order("quit")


@contextlib.contextmanager
def alone(machine: Machine, root: IO[bytes], shared: IO[bytes]) -> Iterator[LabMachine]:
    """A machine without a cluster, whose power is on; for the making of disks and states."""
    with Switch.running() as switch, tempfile.TemporaryFile() as console:
        host = LabMachine(_NOBODY, machine, Disks(root=root, shared=shared), console)
        try:
            host.switch_on(switch.plug(_NOBODY.number))
            yield host
        except GuestError as error:
            error.add_note(host.console_text())
            raise
        finally:
            host.kill()


@contextlib.contextmanager
def _overlaid(base: Base, result: Path, second: IO[bytes]) -> Iterator[LabMachine]:
    """A machine that has booted from a base; what it writes goes to a disk of its own."""
    with (result / _DISK).open("w+b") as root:
        make_overlay(root, base.disk, base.disk_format)
        with alone(base.machine, root, second) as host:
            host.guest.wait_ready(BOOT_TIMEOUT_S)
            settle(host.guest)
            yield host


def settle(guest: Guest) -> None:
    """Wait until systemd has started all that it wants to start.

    Raises:
        GuestError: it does not end with that, or a unit failed.
    """
    argv = ["systemctl", "is-system-running", "--wait"]
    state = guest.run(argv, timeout_s=_SETTLE_TIMEOUT_S).out.strip()
    if state != "running":
        failed = guest.run(["systemctl", "--failed", "--no-legend"], timeout_s=60).out
        raise GuestError(f"the guest's systemd is {state or 'silent'}, not running: {failed}")


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
    acceleration = choose_acceleration(found, functools.partial(_trial, machine), cache, say)
    return Base(
        machine=replace(machine, acceleration=acceleration),
        disk=found.disk,
        disk_format="raw",
        identity=found.identity,
    )


@contextlib.contextmanager
def _trial(machine: Machine, other: Machine) -> Iterator[Guest]:
    """A guest that is accelerated as another, and leaves nothing behind."""
    tried = replace(machine, acceleration=other.acceleration)
    with (
        nameless_overlay(machine.image.disk, "raw") as root,
        shared_disk() as shared,
        alone(tried, root, shared) as host,
    ):
        yield host.guest


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
    more = extra or Extra()
    names = [path.name for path in packages]

    def make(result: Path) -> Mapping[str, Any]:
        say(f"image: installing {', '.join(names)} in a guest")
        with (
            os.fdopen(pack([*zip(names, packages, strict=True), *more.files]), "r+b") as archive,
            _overlaid(base, result, archive) as host,
        ):
            _install(host.guest, names)
            for unit in off:
                host.guest.check(["systemctl", "disable", unit], timeout_s=_END_TIMEOUT_S)
            more.place(host.guest)
            host.guest.check(["systemctl", "poweroff"], timeout_s=_END_TIMEOUT_S)
            host.wait_end(_END_TIMEOUT_S)
        return {"packages": names}

    layer = Layer(
        kind="installed",
        words=[base.identity, *off, *more.words],
        files=[*packages, *(path for _, path in more.files), Path(__file__)],
        make=make,
    )
    found = layer.kept(cache, say)
    disk = found.directory / _DISK
    return replace(base, disk=disk, disk_format="qcow2", identity=found.identity)


def _install(guest: Guest, names: Sequence[str]) -> None:
    guest.check(["mkdir", "/run/packages"], timeout_s=60)
    guest.check(["tar", "-C", "/run/packages", "-xf", "/dev/vdb", *names], timeout_s=60)
    argv = ["apt-get", "install", "--yes", "--no-install-recommends"]
    argv += [f"/run/packages/{name}" for name in names]
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    result = guest.run(argv, timeout_s=_INSTALL_TIMEOUT_S, env=environment)
    if result.rc != 0:
        raise GuestError(f"apt-get install ended with {result.rc}: {result.out}\n{result.err}")


def saved_state(base: Base, cache: Path, say: Progress) -> tuple[SavedState, str]:
    """The state of a base whose boot is over, out of the cache or made now, and its identity.

    Raises:
        GuestError: it does not come up.
        CannotRunError: this machine lacks something.
    """

    def make(result: Path) -> Mapping[str, Any]:
        say("state: booting a guest to save it")
        with shared_disk() as shared, _overlaid(base, result, shared) as host:
            if base.prepare is not None:
                base.prepare(host.guest)
            host.guest.check(["sync"], timeout_s=60)
            host.pause()
            SavedState(directory=result).take(host.monitor)
        return {}

    # A memory depends on the disk, the machine as qemu is told, and qemu.
    qemu = program("qemu-system-x86_64")
    version = subprocess.run([qemu, "--version"], check=True, capture_output=True, text=True)
    wiring = cluster_wiring(_NO_PLUGS, "")
    machine = command_line(base.machine, wiring, qemu=qemu, channel_fd=0)
    layer = Layer(
        kind="state",
        words=[base.identity, version.stdout, *machine],
        files=[Path(__file__), *base.prepared_in],
        make=make,
    )
    found = layer.kept(cache, say)
    return SavedState(directory=found.directory), found.identity
