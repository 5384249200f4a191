"""The options of the commands that run scenarios."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of `fakecluster run` and `replay`."""

    trace: str | None = None
    """Where the trace goes."""
    html: str | None = None
    """Where the timeline goes."""
    save: str | None = None
    """Where the scenario goes."""
    grid: bool = False
    """Print what happens, one line an event."""
    kinds: tuple[str, ...] = ()
    """In the grid only these; none: the usual ones."""
    as_json: bool = False
    hashed: bool = False
    shrink: bool | None = None
    """None: as usual, see each command."""
    mutant: str | None = None
    """The mutant of the daemon that runs."""
    need_probes: bool = False
    """A probe that was never hit is a failure."""
    jobs: int = 0

    @property
    def suffix(self) -> str:
        """What a command line that repeats the run needs beside its seed or file."""
        return f" --mutant {self.mutant}" if self.mutant else ""
