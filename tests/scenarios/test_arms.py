"""Which scenarios an arm skips: exactly these, and each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from fakecluster.arms.page import SUITE, cell, scenarios
from fakecluster.arms.values import ARMS

SKIPS: Mapping[str, Mapping[str, str]] = {"sim": {}, "process": {}}


@pytest.mark.parametrize("arm", ARMS)
def test_skips_are_known(pytestconfig: pytest.Config, arm: str) -> None:
    found = {
        f"{each.file}: {each.name}": cell(each, arm)
        for each in scenarios(pytestconfig.rootpath / SUITE)
        if cell(each, arm) != "runs"
    }
    assert found == SKIPS[arm]
