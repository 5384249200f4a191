"""What is said where FUSE cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fakecluster.configfs.model import ConfigfsModel
from fakecluster.server.mounts import Mounts


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing of FUSE is imported yet."""
    monkeypatch.delitem(sys.modules, "fakecluster.configfs.fuse", raising=False)
    monkeypatch.delitem(sys.modules, "mfusepy", raising=False)
    monkeypatch.delattr("fakecluster.configfs.fuse", raising=False)
    return monkeypatch


def test_without_the_extra_it_says_how_to_install_it(
    unloaded: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As after `pip install o2cbd`."""
    unloaded.setitem(sys.modules, "mfusepy", None)
    with pytest.raises(OSError, match=r"pip install 'o2cbd\[fuse\]'; or serve with --no-configfs"):
        Mounts().add(ConfigfsModel(addresses=()), tmp_path / "config")
    assert list(tmp_path.iterdir()) == []


def test_without_libfuse_it_names_the_package(unloaded: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine with the extra and without the library."""
    unloaded.setenv("FUSE_LIBRARY_PATH", "/nowhere/libfuse3.so.3")
    with pytest.raises(OSError, match=r"apt-get install fuse3; or serve with --no-configfs"):
        Mounts().add(ConfigfsModel(addresses=()), tmp_path / "config")
    assert list(tmp_path.iterdir()) == []
