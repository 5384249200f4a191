"""Rows and episodes on a guest's own configfs, and what they ask of its host.

`configfs rows NAME...` runs rows, all of them without a name. `configfs episodes` plays the
episodes that come on standard input, one a line. Each result is a line of JSON.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from fakecluster.conformance.configfs_deep_operator import DeepOperator
from fakecluster.conformance.configfs_operator import OsOperator
from fakecluster.conformance.configfs_row import Op
from fakecluster.conformance.configfs_rows import ROWS, run_row
from integration.episode import decode_operations, play
from integration.inside.tools import run_tool
from integration.inside.volume import OWN, VOLUME_ID
from integration.random_values import CLUSTER_NAME

CAPABILITIES = frozenset(
    {
        "root",
        "not-root",
        "empty-write",
        "inotify",
        "statfs",
        "bind",
        "second-address",
        "mounted",
        "live",
    }
)
"""What one guest can show, of the rows' `CAPABILITIES`."""

CONFIGFS = "/sys/kernel/config"
_ROWS_CLUSTER = "rows"
LIVE_NODES = Path("/sys/kernel/debug/o2hb/livenodes")
REGION_IN_ROWS = "R"
"""What rows call the region of a mounted volume."""

_LISTEN_STATE = "0A"


def listening_ports(table: str) -> set[int]:
    """The ports with a listener, from the text of /proc/net/tcp."""
    rows = (line.split() for line in table.splitlines()[1:])
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTEN_STATE}


class GuestHost:
    """`HostActions` on the machine this runs on; only for a guest that nobody else uses."""

    def __init__(self, *, cluster: str = _ROWS_CLUSTER) -> None:
        """Nothing is done yet.

        Args:
            cluster: which a volume is made for.
        """
        self._cluster = cluster
        self._ports: dict[int, socket.socket] = {}
        self._addresses: list[str] = []
        self._formatted = False
        self.mounted = False
        """A volume is mounted now."""
        self._actions: dict[str, Callable[[str], str | None]] = {
            "take-port": self._take_port,
            "free-port": self._free_port,
            "listening": self._listening,
            "add-address": self._add_address,
            "remove-address": self._remove_address,
            "mount": self._mount,
            "umount": self._umount,
            "live": self._live,
        }

    def act(self, action: str, argument: str) -> str:
        """Do it; return what it answers, if it answers anything.

        Raises:
            OSError: EOPNOTSUPP for what one guest cannot show, EIO where a command fails.
        """
        work = self._actions.get(action)
        if work is None:
            raise OSError(errno.EOPNOTSUPP, f"one guest cannot show {action}")
        return work(argument) or ""

    def undo(self) -> None:
        """Undo everything that was done."""
        if self.mounted:
            self._umount(REGION_IN_ROWS)
        for port in list(self._ports):
            self._free_port(str(port))
        for address in list(self._addresses):
            self._remove_address(address)

    def _take_port(self, argument: str) -> None:
        self._ports[int(argument)] = socket.create_server(("", int(argument)))

    def _free_port(self, argument: str) -> None:
        self._ports.pop(int(argument)).close()

    def _listening(self, argument: str) -> str:
        table = Path("/proc/net/tcp").read_text("ascii")
        return "yes" if int(argument) in listening_ports(table) else "no"

    def _add_address(self, argument: str) -> None:
        run_tool("ip", "address", "add", f"{argument}/32", "dev", "lo")
        self._addresses.append(argument)

    def _remove_address(self, argument: str) -> None:
        run_tool("ip", "address", "delete", f"{argument}/32", "dev", "lo")
        self._addresses.remove(argument)

    def _mount(self, _region: str) -> None:
        if self.mounted:
            raise OSError(errno.EBUSY, "the volume is mounted")
        if not self._formatted:
            OWN.make(self._cluster)
            self._formatted = True
        OWN.mount()
        self.mounted = True

    def _live(self, _argument: str) -> str:
        return " ".join(LIVE_NODES.read_text("ascii").split())

    def _umount(self, _region: str) -> None:
        if not self.mounted:
            raise OSError(errno.EINVAL, "no volume is mounted")
        OWN.umount()
        self.mounted = False


class GuestOperator(OsOperator):
    """The rows' operations on the kernel; a mounted volume's region is found by its real name."""

    def __init__(self, root: str = CONFIGFS) -> None:
        """Work below a configfs."""
        self._guest_host = GuestHost()
        super().__init__(root, host=self._guest_host)

    def do(self, op: Op) -> str:
        """Do one operation and give its answer."""
        region = f"/heartbeat/{REGION_IN_ROWS}"
        if self._guest_host.mounted and region in op.path:
            op = dataclasses.replace(op, path=op.path.replace(region, f"/heartbeat/{VOLUME_ID}"))
        return super().do(op)


def _rows(names: Sequence[str]) -> Iterator[object]:
    operator = GuestOperator()
    for name in names or ROWS:
        yield run_row(operator, ROWS[name], CAPABILITIES).as_json()


def _episodes(lines: Iterable[str]) -> Iterator[object]:
    operator = DeepOperator(CONFIGFS, host=GuestHost(cluster=CLUSTER_NAME))
    for line in lines:
        yield play(operator, decode_operations(line))


def main(argv: Sequence[str]) -> int:
    """Do what the first word says."""
    word, *names = argv
    for result in _rows(names) if word == "rows" else _episodes(sys.stdin):
        print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
