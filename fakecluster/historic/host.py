"""What a host of a historic cman must have, whether it is a set of namespaces or a guest."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Final, TypeVar

from fakecluster.historic.root import CmanRoot

EMPTY_DIRECTORIES: Final = ("/var/log/cluster", "/var/lib/cluster", "/var/lib/corosync")
"""What cman writes into besides its sockets' directory; a machine without one need not have it."""

MULTICAST_ROUTE: Final = "route replace 224.0.0.0/4 dev eth0"
"""For ip(8): without a default route nothing is sent by multicast."""

_T = TypeVar("_T")


def places(root: CmanRoot, *, plugins: _T, corosync: _T, configuration: _T) -> Mapping[str, _T]:
    """Return what is to be seen where the programs look, by the paths compiled into them."""
    return {
        **dict.fromkeys(root.plugin_directories, plugins),
        **dict.fromkeys(root.corosync_paths, corosync),
        **dict.fromkeys(root.configuration_directories, configuration),
    }


def corosync_script(program: str, library_path: str) -> str:
    """Return what stands in corosync's place: cman_tool starts it without our environment.

    Args:
        program: the real one, elsewhere.
        library_path: LD_LIBRARY_PATH, which it gets.
    """
    return (
        f"#!/bin/sh\nLD_LIBRARY_PATH={shlex.quote(library_path)}\nexport LD_LIBRARY_PATH\n"
        f'exec {shlex.quote(program)} "$@"\n'
    )


def join_words(root: CmanRoot) -> tuple[str, ...]:
    """Return the words for cman_tool that start a cman; the node's name comes behind them."""
    as_it_is = ("-Dnone",) if root.validates else ()
    return ("join", *as_it_is, "-n")
