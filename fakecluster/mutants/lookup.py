"""Finds a mutant by its name: a known bug's, or the place of a random one."""

from __future__ import annotations

from fakecluster.mutants.install import Mutant, install_mutant
from fakecluster.mutants.known import KNOWN
from fakecluster.mutants.operators import find_mutant


class UnknownMutantError(LookupError):
    """There is no mutant of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no mutant {name!r}; the known bugs are {', '.join(KNOWN)}, and a random one"
            " is called as `fakecluster mutants --random N --list` shows"
        )


def mutant_of(name: str) -> Mutant:
    """Return a mutant.

    Raises:
        UnknownMutantError: there is none of this name.
    """
    found = KNOWN.get(name) or find_mutant(name)
    if found is None:
        raise UnknownMutantError(name)
    return found


def install_named(name: str) -> None:
    """Let this process load a mutant of the daemon.

    Raises:
        UnknownMutantError: there is none of this name.
        EditError: it does not fit the daemon's source.
        LoadedError: the daemon is loaded already.
    """
    install_mutant(mutant_of(name))
