"""The narrow interface to the facts behind a shutdown vote."""

from __future__ import annotations

from typing import Protocol

from o2cbd.core.model import Usage


class UsageReader(Protocol):
    """Reads whether the cluster's file systems are in use on this host now."""

    def read(self, cluster: str | None) -> Usage:
        """Read all facts anew; never raises: what cannot be read is named in `unreadable`.

        Args:
            cluster: ours; None: not known yet, so the regions of every cluster count.
        """
        ...
