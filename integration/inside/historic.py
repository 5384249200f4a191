"""Puts a historic cman where its programs look for it, with the libraries they lack.

Its files come as an archive, beneath `cman/`; beneath `spare/` are libraries of the machine that
packed it. Of those a guest takes what its own loader does not have.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path

from fakecluster.historic.libraries import linked_libraries
from integration.inside.tools import run_tool


def provision(
    *,
    archive: str,
    directory: str,
    spare: Mapping[str, Sequence[str]],
    directories: Sequence[str],
    links: Mapping[str, str],
    files: Mapping[str, str],
    programs: Mapping[str, str],
    root: str = "/",
) -> list[str]:
    """Unpack and place it.

    Args:
        archive: a tar file, or a disk that holds one.
        directory: takes what is beneath `cman/` and, in `spare/`, the libraries that it lacks.
        spare: what the archive has beneath `spare/`, by the name of a library: the files that go
            with it, itself first.
        directories: made where they are not there.
        links: targets by path; what is there gives way.
        files: text by path.
        programs: scripts by path.
        root: where paths begin, but for the targets of links.

    Returns:
        The names of the libraries that were taken from the spare ones.

    Raises:
        OSError: something cannot be placed, or a library is neither there nor spare.
    """
    home = _below(root, directory)
    (home / "spare").mkdir(parents=True, exist_ok=True)
    run_tool("tar", "-C", str(home), "--strip-components=1", "-xf", archive, "cman")
    taken = _take_libraries(home, archive, spare)
    for path in directories:
        _below(root, path).mkdir(parents=True, exist_ok=True)
    for path, target in links.items():
        place = _vacant(_below(root, path))
        place.symlink_to(target)
    for path, text in (*files.items(), *programs.items()):
        place = _vacant(_below(root, path))
        place.write_text(text, encoding="utf-8")
        place.chmod(0o755 if path in programs else 0o644)
    return taken


def _take_libraries(home: Path, archive: str, spare: Mapping[str, Sequence[str]]) -> list[str]:
    """Take spare libraries until nothing is missing that there is; those may lack others."""
    parts = [home / name for name in ("sbin", "lib", "lib64", "libexec/lcrso", "spare")]
    taken: list[str] = []
    while True:
        files = [file for part in parts if part.is_dir() for file in sorted(part.iterdir())]
        missing = linked_libraries(files, ":".join(map(str, parts[1:]))).missing
        wanted = sorted((missing.keys() & spare.keys()) - set(taken))
        if not wanted:
            break
        members = [f"spare/{name}" for library in wanted for name in spare[library]]
        run_tool("tar", "-C", str(home), "-xf", archive, *members)
        taken += wanted
    lacking = {name: file for name, file in missing.items() if file.parent.name == "sbin"}
    if lacking:
        told = ", ".join(f"{file.name} needs {name}" for name, file in sorted(lacking.items()))
        raise OSError(errno.ELIBACC, f"the guest has no such library: {told}")
    return taken


def _below(root: str, path: str) -> Path:
    return Path(root, path.lstrip("/"))


def _vacant(place: Path) -> Path:
    """Return a path at which nothing stands any more."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    return place
