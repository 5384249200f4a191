"""An OCFS2 volume on the shared disk, and tables written by hand."""

from __future__ import annotations

from collections.abc import Sequence

from integration.guest import Guest
from integration.lab.identity import Identity

CLUSTER = "lab"
PORT = 7777
DEAD_THRESHOLD = 5
"""In heartbeats of two seconds; short, so that a dead machine is let go soon."""

_TIMEOUT_S = 300
_TABLES = """\
set -e
for module in configfs ocfs2_stack_o2cb ocfs2_dlm ocfs2; do modprobe $module; done
systemctl start sys-kernel-config.mount sys-kernel-debug.mount
cd /sys/kernel/config/cluster
mkdir "$1"
cd "$1"
echo "$2" >heartbeat/dead_threshold
"""
_NODE = """\
mkdir node/{name}
echo {port} >node/{name}/ipv4_port
echo {address} >node/{name}/ipv4_address
echo {number} >node/{name}/num
"""


def write_tables(guest: Guest, me: Identity, nodes: Sequence[Identity]) -> None:
    """Fill a guest's o2cb tables by hand, as o2cbd would.

    Raises:
        GuestError: the kernel refused.
    """
    script = _TABLES + "".join(
        _NODE.format(name=node.name, port=PORT, address=node.address, number=node.number)
        for node in nodes
    )
    script += f"echo 1 >node/{me.name}/local\n"
    argv = ["sh", "-c", script, "tables", CLUSTER, str(DEAD_THRESHOLD)]
    guest.check(argv, timeout_s=_TIMEOUT_S)


def format_volume(guest: Guest, device: str, slots: int = 4) -> None:
    """Make a volume of the cluster on a shared disk.

    Raises:
        GuestError: mkfs failed.
    """
    guest.check(
        ["mkfs.ocfs2", "-q", "-F", "-b", "4K", "-C", "4K", "-N", str(slots), "-J", "size=4M",
         "--cluster-stack=o2cb", f"--cluster-name={CLUSTER}", device],
        timeout_s=_TIMEOUT_S,
    )  # fmt: skip


def mount_volume(guest: Guest, device: str, directory: str) -> None:
    """Mount it; every other machine must know this one by then.

    Raises:
        GuestError: it did not mount.
    """
    guest.check(["mount", "-t", "ocfs2", device, directory], timeout_s=_TIMEOUT_S)
