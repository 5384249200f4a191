"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# A slow machine is no failure: no example is timed, whatever each test says besides.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")
