"""The two observed versions of cman."""

from __future__ import annotations

import pytest

from fakecluster.cman.timings import Profile


@pytest.fixture(params=[Profile.A, Profile.B], ids=["3.0.12", "3.1.8"])
def profile(request: pytest.FixtureRequest) -> Profile:
    """Each version in turn, for what both were seen to do."""
    value: Profile = request.param
    return value
