"""Where the stand-in library, loaded into this process, finds a node's sockets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_SOCKET_DIR: Final = "CMAN_SOCKET_DIR"


class LibraryPlace:
    """The stand-in looks for its directory in the environment, which is as before after `close`."""

    def __init__(self) -> None:
        """Change nothing yet."""
        self._before = os.environ.get(_SOCKET_DIR)

    def use(self, directory: Path) -> None:
        """Let connections that it makes from now on go to the sockets in a directory."""
        os.environ[_SOCKET_DIR] = str(directory)

    def close(self) -> None:
        """Leave the environment as it was."""
        if self._before is None:
            os.environ.pop(_SOCKET_DIR, None)
        else:
            os.environ[_SOCKET_DIR] = self._before
