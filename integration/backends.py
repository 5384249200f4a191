"""The backends that are compared: the kernel of a guest, and the fake."""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from typing import Protocol

from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs
from fakecluster.configfs.variant import OBSERVED_6_1, KernelVariant
from fakecluster.conformance.configfs_deep_operator import DeepOperator
from fakecluster.conformance.configfs_operator import OsOperator
from fakecluster.conformance.configfs_row import CAPABILITIES as ALL_CAPABILITIES
from fakecluster.conformance.configfs_row import Op
from fakecluster.conformance.row_host import REGION_PID, ModelHost
from integration.episode import encode_operations, play
from integration.errors import GuestError
from integration.guest import Guest
from integration.stages import ADDRESSES, OWN

CAPABILITIES = frozenset(ALL_CAPABILITIES) - {"inotify", "statfs"}
"""What the model shows without a mount: there is no VFS to set watches on."""

BATCH_TIMEOUT_S = 1200

Operations = tuple[Op, ...]
Answers = tuple[str, ...]

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


def new_model(variant: KernelVariant = OBSERVED_6_1) -> ConfigfsModel:
    """A fake kernel on a host with the guest's addresses."""
    return ConfigfsModel(variant=variant, addresses=[ADDRESSES[OWN]])


def fake_operator(model: ConfigfsModel | None = None) -> OsOperator:
    """The rows' operations on a fake kernel, a fresh one where none is given."""
    kernel = new_model() if model is None else model
    calls = ModelOs(kernel)
    return OsOperator(calls.root, host=ModelHost(kernel), os_module=calls, become=calls.not_root)


def deep_operator(kernel: ConfigfsModel) -> DeepOperator:
    """The episodes' operations on a fake kernel, which mounts as the guest does."""
    calls = ModelOs(kernel)
    return DeepOperator(calls.root, host=VolumeHost(kernel), os_module=calls, become=calls.not_root)


class Backend(Protocol):
    """One of the two that are compared."""

    def answers(self, batch: Sequence[Operations]) -> list[Answers]:
        """Play each from an empty configfs; an answer an operation."""
        ...


class FakeBackend:
    """The model, a fresh one each time."""

    def __init__(self, variant: KernelVariant) -> None:
        """Stand for the kernels of a variant."""
        self._variant = variant

    def answers(self, batch: Sequence[Operations]) -> list[Answers]:
        """Play each from an empty configfs; an answer an operation."""
        return [play(deep_operator(new_model(self._variant)), each) for each in batch]


class GuestBackend:
    """The kernel of a guest that has a configfs mounted and nobody else using it."""

    def __init__(self, guest: Guest) -> None:
        """Stand on a running guest."""
        self._guest = guest

    def answers(self, batch: Sequence[Operations]) -> list[Answers]:
        """Play each from an empty configfs; an answer an operation.

        Raises:
            GuestError: the guest failed; a kernel that differs is no failure.
        """
        result = self._guest.run(
            ["python3", "-m", "integration.inside.configfs", "episodes"],
            timeout_s=BATCH_TIMEOUT_S,
            stdin="".join(f"{encode_operations(each)}\n" for each in batch),
        )
        answers = [tuple(json.loads(line)) for line in result.out.splitlines()]
        if result.rc != 0 or len(answers) != len(batch):
            raise GuestError(
                f"playing episodes ended with {result.rc} after {len(answers)} of {len(batch)}: "
                f"{result.err}"
            )
        return answers
