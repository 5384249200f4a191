"""What a host of a scenario needs before its manager and its daemon start.

Doing it again changes nothing and costs little, so that a guest that was saved with most of it is
only told what differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from integration.inside.tools import run_tool

INTERFACE = "eth0"
_MODULE = "ocfs2_stack_o2cb"
_UNITS = "/run/systemd/"


def provision(
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
        OSError: the guest's tools refused something.
    """
    changed = [path for path, text in files.items() if _written(root / path.lstrip("/"), text)]
    if any(path.startswith(_UNITS) for path in changed):
        # Wants it, and has systemd read all units anew.
        run_tool("systemctl", "add-wants", "--runtime", "multi-user.target", wanted)
    if not (root / "sys/module" / _MODULE).is_dir():
        run_tool("modprobe", _MODULE)
    # An address that is taken away must not take the others of its network with it.
    _written(root / "proc/sys/net/ipv4/conf/all/promote_secondaries", "1\n")
    if addresses:
        lines = "".join(f"address replace {each}/24 dev {INTERFACE}\n" for each in addresses)
        run_tool("ip", "-batch", "-", stdin=lines)


def _written(path: Path, text: str) -> bool:
    """Write a file that differs; whether it did."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True
