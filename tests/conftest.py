"""What all tests share."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import settings

from o2cbd.membership.libcorosync import load
from o2cbd.membership.libcorosync_table import CorosyncTable

# A slow machine is no failure: no example is timed, whatever each test says besides.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

TOOLS = ("corosync", "corosync-cfgtool", "corosync-cmapctl", "ip")


@pytest.fixture(scope="session")
def libcorosync() -> CorosyncTable:
    """The libraries of the corosync of this machine, which tests run in namespaces of their own."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a network namespace and go into it")
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    assert not missing, f"not here: {', '.join(missing)}: see debian-packages.txt, under test"
    return load()
