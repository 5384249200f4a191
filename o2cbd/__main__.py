"""`python -m o2cbd`."""

from __future__ import annotations

from o2cbd.cli import main

main()
