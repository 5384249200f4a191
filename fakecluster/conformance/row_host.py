"""What conformance rows may ask of a fake host."""

from __future__ import annotations

from collections.abc import Callable

from fakecluster.configfs.model import ConfigfsModel

REGION_PID = 4242


def _nums(argument: str) -> list[int]:
    return [int(num) for num in argument.split(",")]


class ModelHost:
    """The `HostActions` of a fake kernel."""

    def __init__(self, model: ConfigfsModel) -> None:
        self._model = model
        self._addresses: set[str] = set()
        self._ports: set[int] = set()
        self._regions: set[str] = set()
        heartbeat = model.heartbeat
        self._actions: dict[str, Callable[[str], str | None]] = {
            "add-address": self._add_address,
            "remove-address": model.host.remove_address,
            "take-port": self._take_port,
            "free-port": lambda port: model.host.free_port(int(port)),
            "listening": self._listening,
            "mount": self._mount,
            "umount": heartbeat.stop,
            "live": lambda _: " ".join(str(num) for num in sorted(heartbeat.live_nums)),
            "see": lambda nums: heartbeat.see(_nums(nums)),
            "connect": lambda nums: heartbeat.connect(_nums(nums)),
        }

    def act(self, action: str, argument: str) -> str:
        """Do it; return what it answers, if it answers anything.

        Raises:
            ValueError: a fake host does nothing of that name.
        """
        work = self._actions.get(action)
        if work is None:
            raise ValueError(f"a fake host does no {action}")
        return work(argument) or ""

    def undo(self) -> None:
        """Undo everything that was done."""
        for region in self._regions:
            self._model.heartbeat.stop(region)
        self._model.heartbeat.see(())
        self._model.heartbeat.connect(())
        for address in self._addresses:
            self._model.host.remove_address(address)
        for port in self._ports:
            self._model.host.free_port(port)
        self._regions.clear()
        self._addresses.clear()
        self._ports.clear()

    def _add_address(self, address: str) -> None:
        self._model.host.add_address(address)
        self._addresses.add(address)

    def _take_port(self, port: str) -> None:
        self._model.host.take_port(int(port))
        self._ports.add(int(port))

    def _listening(self, port: str) -> str:
        listener = self._model.host.listener
        return "yes" if listener is not None and listener[1] == int(port) else "no"

    def _mount(self, region: str) -> None:
        self._model.heartbeat.start(region, pid=REGION_PID)
        self._regions.add(region)
