"""How the checks of a node tree see the state below it, and change it behind the tree's back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from fakecluster.configfs.model import ConfigfsModel
from o2cbd.configfs.interface import NodeTree


class TreeDriver(Protocol):
    """An o2cb configfs without a cluster, and a tree on it. Paths are relative to its root."""

    @property
    def tree(self) -> NodeTree:
        """The tree under test, always the same."""
        ...

    def names(self, path: str) -> list[str]:
        """List a directory, sorted."""
        ...

    def value(self, path: str) -> str:
        """Read an attribute, without its newline."""
        ...

    def write(self, path: str, text: str) -> None:
        """Store a value, in a single call."""
        ...

    def mkdir(self, path: str) -> None:
        """Make a directory."""
        ...

    def rmdir(self, path: str) -> None:
        """Remove a directory."""
        ...


class ModelDriver:
    """A tree on a fake kernel, whichever way in; the model itself is the way behind its back."""

    def __init__(
        self,
        model: ConfigfsModel,
        tree: NodeTree,
        show_live: Callable[[Iterable[int]], None],
    ) -> None:
        """Tie them.

        Args:
            model: the fake kernel.
            tree: a tree whose calls end at that model.
            show_live: sets what the tree finds in debugfs.
        """
        self.model = model
        self.tree: NodeTree = tree
        self.show_live = show_live

    def names(self, path: str) -> list[str]:
        """List a directory, sorted; no call in the journal."""
        above = f"/{path}".rstrip("/")
        item = self.model.find(above or "/")
        children = getattr(item, "children", None)
        if children is None:
            raise NotADirectoryError(above)
        return sorted(children)

    def value(self, path: str) -> str:
        """Read an attribute."""
        return self.model.read_value(f"/{path}").decode().rstrip("\n")

    def write(self, path: str, text: str) -> None:
        """Write an attribute."""
        self.model.write_value(f"/{path}", text.encode())

    def mkdir(self, path: str) -> None:
        """Make a directory."""
        self.model.mkdir(f"/{path}")

    def rmdir(self, path: str) -> None:
        """Remove a directory."""
        self.model.rmdir(f"/{path}")


class OsDriver:
    """A tree on a mounted configfs, a real kernel's perhaps."""

    def __init__(self, root: Path, tree: NodeTree) -> None:
        self._root = root
        self.tree: NodeTree = tree

    def names(self, path: str) -> list[str]:
        """List a directory, sorted."""
        return sorted(os.listdir(self._root / path))  # noqa: PTH208 - names are wanted

    def value(self, path: str) -> str:
        """Read an attribute."""
        return (self._root / path).read_text(encoding="ascii").rstrip("\n")

    def write(self, path: str, text: str) -> None:
        """Write an attribute."""
        fd = os.open(self._root / path, os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)

    def mkdir(self, path: str) -> None:
        """Make a directory."""
        (self._root / path).mkdir()

    def rmdir(self, path: str) -> None:
        """Remove a directory."""
        (self._root / path).rmdir()
