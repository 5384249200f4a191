"""What conformance rows may ask of a fake host."""

from __future__ import annotations

from fakecluster.configfs.model import ConfigfsModel

REGION_PID = 4242


class ModelHost:
    """The `HostActions` of a fake kernel."""

    def __init__(self, model: ConfigfsModel) -> None:
        self._model = model
        self._addresses: set[str] = set()
        self._ports: set[int] = set()
        self._regions: set[str] = set()

    def act(self, action: str, argument: str) -> str:
        """Do it; return what it answers, if it answers anything."""
        host, heartbeat = self._model.host, self._model.heartbeat
        match action:
            case "add-address":
                host.add_address(argument)
                self._addresses.add(argument)
            case "remove-address":
                host.remove_address(argument)
            case "take-port":
                host.take_port(int(argument))
                self._ports.add(int(argument))
            case "free-port":
                host.free_port(int(argument))
            case "listening":
                listens = host.listener is not None and host.listener[1] == int(argument)
                return "yes" if listens else "no"
            case "mount":
                heartbeat.start(argument, pid=REGION_PID)
                self._regions.add(argument)
            case "umount":
                heartbeat.stop(argument)
            case "see":
                heartbeat.see(int(num) for num in argument.split(","))
            case "connect":
                heartbeat.connect(int(num) for num in argument.split(","))
            case _:
                raise ValueError(f"a fake host does no {action}")
        return ""

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
