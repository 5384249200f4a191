"""Fixtures of the fake configfs: models in every state, and mounts that are always taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakecluster.configfs import mounts
from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel

Mount = Callable[[ConfigfsModel], Path]


@pytest.fixture
def model() -> ConfigfsModel:
    """A fake kernel whose host has one address beside 127/8."""
    return ConfigfsModel(addresses=["10.77.0.1"])


@pytest.fixture(autouse=True)
def nothing_stays_mounted(tmp_path: Path) -> Iterator[None]:
    """A test that fails must not leave a mount: it would fail the clearing of old directories."""
    yield
    mounts.detach_stale(tmp_path)


@pytest.fixture
def mount(tmp_path: Path, fuse: None) -> Iterator[Mount]:
    """Mounts models, each in a directory of its own."""
    started: list[FuseMount] = []

    def start(model: ConfigfsModel) -> Path:
        path = tmp_path / f"mount{len(started)}"
        path.mkdir()
        started.append(FuseMount(model, path))
        started[-1].start()
        return path

    yield start
    for each in started:
        each.stop()
