"""The stand-in libcman, for whoever needs one."""

from __future__ import annotations

import pytest

from fakecluster.cman.standin import standin_library
from o2cbd.membership.libcman import load
from o2cbd.membership.libcman_table import LibcmanTable


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory, compiler: None) -> LibcmanTable:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return load(str(standin_library()))
