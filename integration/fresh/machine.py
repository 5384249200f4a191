"""Commands in a root directory as on a machine of its own: mounts, processes and IPC; no network.

The root is entered by pivot_root: in a chroot, setns(2) into a mount namespace fails to find it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from integration.build import run_tool

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_DEVICES = "full fuse kvm null random tty urandom zero"

# The shell stays the namespace's first process, and reaps what loses its parent.
_ENTER = f"""\
set -eu
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --rbind /sys sys
mount -t tmpfs -o mode=0755 dev dev
for name in {_DEVICES}; do
    [ -e /dev/$name ] || continue
    : > dev/$name
    mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=1777 tmp tmp
pivot_root . mnt
cd "$2"
umount -l /mnt
bash -c "$3" || exit $?
"""


_UNSHARE = ("unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child")


def require_namespaces() -> None:
    """Make namespaces and a mount in them, once.

    Raises:
        CannotRunError: this machine forbids it, as containers do.
    """
    run_tool([*_UNSHARE, "mount", "-t", "proc", "proc", "/proc"], "making namespaces")


def run_in(root: Path, directory: str, line: str, variables: Mapping[str, str]) -> int:
    """Run one line of bash in a root directory and return its exit code; its output is shown.

    Args:
        root: the root directory.
        directory: where the line runs, in there.
        line: for bash.
        variables: all that the line's environment has besides HOME and PATH.
    """
    return subprocess.run(
        [*_UNSHARE, "sh", "-c", _ENTER, "sh", str(root), directory, line],
        check=False,
        env={**variables, "HOME": "/root", "PATH": PATH},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
    ).returncode
