"""The names of calls are those that the model uses, and no others."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from fakecluster.configfs.callnames import NAMES, UnknownCallError, checked
from fakecluster.configfs.items import Attribute
from fakecluster.configfs.journal import Call, CallFault, KillCaller
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.variant import KERNEL_B_MISNAMED, OBSERVED_6_1, KernelVariant

C = "/cluster/c"


def made(variant: KernelVariant) -> set[str]:
    """Make every call on everything, and return what they were called."""
    model = ConfigfsModel(variant=variant)
    names: set[str] = set()

    def note(call: Call) -> None:
        names.add(call.name)
        names.add(call.name.partition(":")[0])

    model.journal.add_hook(note)
    for path in (C, f"{C}/node/n", f"{C}/heartbeat/R"):
        model.mkdir(path)
    for path, item in tuple(model._directories.index.items()):
        if isinstance(item, Attribute):
            model.read_value(path)
            with contextlib.suppress(OSError):
                model.write_value(path, b"x")
        else:
            model.scandir(path)
            model.stat(path)
    here = f"{C}/node/n/num"
    model.chmod(here, 0o600)
    model.chown(here, 0, 0)
    model.truncate(here)
    refusals: tuple[Callable[[], object], ...] = (
        lambda: model.unlink(here),
        lambda: model.symlink(f"{C}/new", "x"),
        lambda: model.link(here, f"{C}/new"),
        lambda: model.mknod(f"{C}/new"),
        lambda: model.rename(here, f"{C}/new"),
    )
    for refused in refusals:
        with pytest.raises(OSError, match="not permitted"):
            refused()
    model.rmdir(f"{C}/node/n")
    return names


def test_the_names_are_those_of_the_models_calls() -> None:
    assert made(OBSERVED_6_1) | made(KERNEL_B_MISNAMED) == set(NAMES)


def test_what_would_never_strike_is_refused_with_what_there_is() -> None:
    for arm in (
        lambda: CallFault("write:nmu", 5),
        lambda: KillCaller("write:nmu", 1, print),
        lambda: checked("write:nmu"),
    ):
        with pytest.raises(UnknownCallError, match=r"'write:nmu'; there are mkdir, .*write:num"):
            arm()
