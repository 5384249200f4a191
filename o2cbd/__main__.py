"""`python -m o2cbd`."""

from __future__ import annotations

from o2cbd.start import main

main()
