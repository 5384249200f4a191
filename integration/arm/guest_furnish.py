"""In the guest: what a host of a scenario needs before its manager and its daemon start.

Doing it again changes nothing and costs little, so that a guest that was saved with most of it is
only told what differs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

INTERFACE = "eth0"
_MODULE = "ocfs2_stack_o2cb"
_UNITS = "/run/systemd/"
_TIMEOUT_S = 120


def furnish(
    files: Mapping[str, str], wanted: str, addresses: Sequence[str], root: Path = Path("/")
) -> None:
    """Write files, load o2cb's modules, give the network card its addresses.

    Args:
        files: text by path; systemd reads its own again where one of them has changed.
        wanted: a unit that the boot's target is to want; what nothing wants is forgotten by
            systemd, with its exit code, as soon as it has ended well.
        addresses: more of them for the card, each in a network of 256.
        root: where paths begin.

    Raises:
        CalledProcessError: the guest's tools refused something.
    """
    changed = [path for path, text in files.items() if _written(root / path.lstrip("/"), text)]
    if any(path.startswith(_UNITS) for path in changed):
        # Wants it, and has systemd read all units anew.
        _run("systemctl", "add-wants", "--runtime", "multi-user.target", wanted)
    if not (root / "sys/module" / _MODULE).is_dir():
        _run("modprobe", _MODULE)
    if addresses:
        # An address that is taken away must not take the others of its network with it.
        _written(root / "proc/sys/net/ipv4/conf/all/promote_secondaries", "1\n")
        lines = "".join(f"address replace {each}/24 dev {INTERFACE}\n" for each in addresses)
        _run("ip", "-batch", "-", stdin=lines)


def _written(path: Path, text: str) -> bool:
    """Write a file that differs; whether it did."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def _run(*argv: str, stdin: str = "") -> None:
    done = subprocess.run(
        argv,
        check=False,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT_S,
    )
    if done.returncode != 0:
        error = subprocess.CalledProcessError(done.returncode, argv)
        error.add_note(done.stdout.strip())
        raise error
