"""The fake kernel that a real one is held against."""

from __future__ import annotations

import errno

from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs
from fakecluster.conformance.configfs_operator import OsOperator
from fakecluster.conformance.configfs_row import CAPABILITIES as ALL_CAPABILITIES
from fakecluster.conformance.row_host import REGION_PID, ModelHost
from integration.stages import ADDRESSES, OWN

CAPABILITIES = frozenset(ALL_CAPABILITIES) - {"inotify", "statfs"}
"""What the model shows without a mount: there is no VFS to set watches on."""

VOLUME_DEVICE = "vdc"
"""What the guest's kernel calls the disk with the volume."""


class VolumeHost(ModelHost):
    """A fake host that mounts as the guest does: one volume, and programs that tell no errno."""

    def __init__(self, model: ConfigfsModel) -> None:
        """Nothing is mounted yet."""
        super().__init__(model)
        self._mounted = False

    def act(self, action: str, argument: str) -> str:
        """Do it; return what it answers, if it answers anything.

        Raises:
            OSError: EBUSY for a second mount, EINVAL for an umount of nothing, EIO when it fails.
        """
        match action:
            case "mount":
                if self._mounted:
                    raise OSError(errno.EBUSY, "the volume is mounted")
                try:
                    self._model.heartbeat.start(argument, pid=REGION_PID, dev=VOLUME_DEVICE)
                except OSError as error:
                    raise OSError(errno.EIO, f"mount fails: {error}") from error
                self._mounted = True
                self._regions.add(argument)
                return ""
            case "umount":
                if not self._mounted:
                    raise OSError(errno.EINVAL, "no volume is mounted")
                self._mounted = False
        return super().act(action, argument)

    def undo(self) -> None:
        """Undo everything that was done."""
        super().undo()
        self._mounted = False


def new_model() -> ConfigfsModel:
    """A fake kernel on a host with the guest's addresses."""
    return ConfigfsModel(addresses=[ADDRESSES[OWN]])


def fake_operator(model: ConfigfsModel | None = None) -> OsOperator:
    """The rows' operations on a fake kernel, a fresh one where none is given."""
    kernel = new_model() if model is None else model
    calls = ModelOs(kernel)
    return OsOperator(calls.root, host=ModelHost(kernel), os_module=calls, become=calls.not_root)
