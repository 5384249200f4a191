"""What one observation of a real cman is: what is done, what must be seen, and how to see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fakecluster.cman.timings import Profile
from fakecluster.cman.topology import Topology
from fakecluster.conformance.cman_driver import MakeCman
from fakecluster.conformance.cman_scene import Scene

Act = Callable[[Scene], str]
"""Does it to a cluster, and returns what was seen."""

NOT_OBSERVED: tuple[str, ...] = ()
"""What must be seen where nobody looked at a real one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CmanRow:
    """One row; `seen` of a version has all that a real one may show."""

    name: str
    section: str
    done: str
    seen: Mapping[Profile, tuple[str, ...]]
    act: Act | None = None
    why_not: str = ""
    """Why nothing can be done that shows it, where `act` is None."""
    topology: Topology
    up: tuple[int, ...] | None = None
    """The nodes that are members when `act` begins; None: all."""
    library: bool = False
    """It is about the library, and needs one."""

    def watch(self, make: MakeCman) -> str | None:
        """Do it to an engine; return what was seen, None where it cannot be done there."""
        if self.act is None:
            return None
        with Scene(make(self.topology), self.topology) as scene:
            if self.library and scene.driver.library is None:
                return None
            if self.up != ():
                scene.up(*(self.up or ()))
            return self.act(scene)


class Rows:
    """Collects the rows of a module; its decorator stands over what acts them."""

    def __init__(self, section: str) -> None:
        self._section = section
        self.rows: list[CmanRow] = []

    def row(
        self,
        done: str,
        *seen: str,
        b: tuple[str, ...] | str | None = None,
        topology: Topology | None = None,
        up: tuple[int, ...] | None = None,
        library: bool = False,
    ) -> Callable[[Act], Act]:
        """Make a row of the function below, which is named after it.

        Args:
            done: what is done.
            seen: what 3.0.12 may show, and 3.1.8 if it has no `b`; none: not observed there.
            b: what 3.1.8 may show.
            topology: three nodes if nothing else is said.
            up: the nodes that are members before it is done; None: all.
            library: it is about the library.
        """

        def make(act: Act) -> Act:
            for_b = seen if b is None else ((b,) if isinstance(b, str) else b)
            self.rows.append(
                CmanRow(
                    name=act.__name__.replace("_", "-"),
                    section=self._section,
                    done=done,
                    seen={Profile.A: seen, Profile.B: for_b},
                    act=act,
                    topology=Topology.of(3) if topology is None else topology,
                    up=up,
                    library=library,
                )
            )
            return act

        return make

    def untold(self, name: str, done: str, seen: str, why_not: str) -> None:
        """Make a row that nothing can be done to show."""
        self.rows.append(
            CmanRow(
                name=name,
                section=self._section,
                done=done,
                seen={Profile.A: (seen,), Profile.B: (seen,)},
                why_not=why_not,
                topology=Topology.of(3),
            )
        )
