"""The fake kernel that a real one is held against."""

from __future__ import annotations

from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs
from fakecluster.conformance.configfs_operator import OsOperator
from fakecluster.conformance.configfs_row import CAPABILITIES as ALL_CAPABILITIES
from fakecluster.conformance.row_host import ModelHost
from integration.stages import ADDRESSES, OWN

CAPABILITIES = frozenset(ALL_CAPABILITIES) - {"inotify", "statfs"}
"""What the model shows without a mount: there is no VFS to set watches on."""


def new_model() -> ConfigfsModel:
    """A fake kernel on a host with the guest's addresses."""
    return ConfigfsModel(addresses=[ADDRESSES[OWN]])


def fake_operator(model: ConfigfsModel | None = None) -> OsOperator:
    """The rows' operations on a fake kernel, a fresh one where none is given."""
    kernel = new_model() if model is None else model
    calls = ModelOs(kernel)
    return OsOperator(calls.root, host=ModelHost(kernel), os_module=calls, become=calls.not_root)
