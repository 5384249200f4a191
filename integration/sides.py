"""The sides that play the same episodes: a kernel in a guest, and the fake."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs
from fakecluster.configfs.variant import KernelVariant
from fakecluster.conformance.configfs_deep_operator import DeepOperator
from fakecluster.conformance.configfs_row import Op
from integration.episode import encode_operations, play
from integration.errors import GuestError
from integration.fake import VolumeHost
from integration.guest import Guest
from integration.stages import ADDRESSES, OWN

BATCH_TIMEOUT_S = 1200

Operations = tuple[Op, ...]
Answers = tuple[str, ...]


class Side(Protocol):
    """One of the two that are compared."""

    def answers(self, batch: Sequence[Operations]) -> list[Answers]:
        """Play each from an empty configfs; an answer an operation."""
        ...


class FakeSide:
    """The model, a fresh one each time."""

    def __init__(self, variant: KernelVariant) -> None:
        """Stand for the kernels of a variant."""
        self._variant = variant

    def answers(self, batch: Sequence[Operations]) -> list[Answers]:
        """Play each from an empty configfs; an answer an operation."""
        return [play(self._operator(), operations) for operations in batch]

    def _operator(self) -> DeepOperator:
        kernel = ConfigfsModel(variant=self._variant, addresses=[ADDRESSES[OWN]])
        calls = ModelOs(kernel)
        return DeepOperator(
            calls.root, host=VolumeHost(kernel), os_module=calls, become=calls.not_root
        )


class GuestSide:
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
