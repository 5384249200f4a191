"""Fixtures of the fake configfs: models in every state, and mounts that are always taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel

Mount = Callable[[ConfigfsModel], Path]


@pytest.fixture
def model() -> ConfigfsModel:
    """A fake kernel whose host has one address beside 127/8."""
    return ConfigfsModel(addresses=["10.77.0.1"])


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts models, each in a directory of its own. No /dev/fuse, no libfuse: the test fails."""
    mounts: list[FuseMount] = []

    def start(model: ConfigfsModel) -> Path:
        path = tmp_path / f"mount{len(mounts)}"
        path.mkdir()
        mounts.append(FuseMount(model, path))
        mounts[-1].start()
        return path

    yield start
    for each in mounts:
        each.stop()
