"""BEHAVIOUR second-instance on a FUSE mount of the fake configfs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fakecluster.configfs.fuse import FuseMount
from fakecluster.configfs.model import ConfigfsModel
from o2cbd.service.locks import AlreadyRunningError, lock_configfs

pytestmark = pytest.mark.usefixtures("fuse")

_SECOND = """
import sys
from o2cbd.service.locks import AlreadyRunningError, lock_configfs
try:
    lock_configfs(sys.argv[1])
except AlreadyRunningError as error:
    print(error.pid)
"""


def test_a_mount_is_locked_across_processes(tmp_path: Path) -> None:
    mount_point = tmp_path / "config"
    mount_point.mkdir()
    with FuseMount(ConfigfsModel(owner_uid=os.getuid()), mount_point):
        lock = lock_configfs(mount_point)
        process = subprocess.Popen(
            [sys.executable, "-c", _SECOND, str(mount_point)], stdout=subprocess.PIPE, text=True
        )
        assert process.communicate(timeout=30)[0] == f"{os.getpid()}\n"
        with pytest.raises(AlreadyRunningError):
            lock_configfs(mount_point)
        lock.release()
        lock_configfs(mount_point).release()


def test_the_lock_outlives_the_node_tables(tmp_path: Path) -> None:
    """Clusters that come and go do not loosen it."""
    mount_point = tmp_path / "config"
    mount_point.mkdir()
    with FuseMount(ConfigfsModel(owner_uid=os.getuid()), mount_point):
        lock = lock_configfs(mount_point)
        (mount_point / "cluster" / "c1").mkdir()
        (mount_point / "cluster" / "c1").rmdir()
        with pytest.raises(AlreadyRunningError) as caught:
            lock_configfs(mount_point)
        assert caught.value.pid == os.getpid()
        lock.release()
