"""The option `--cman-root`: a historic cman that somebody brings along."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakecluster.historic.root import CmanRoot, CmanRootError

_ROOT = pytest.StashKey[CmanRoot]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cman-root",
        type=Path,
        metavar="DIR",
        help="a historic cman: sbin/, lib/, libexec/lcrso/ of cman 3 and corosync 1",
    )


def pytest_configure(config: pytest.Config) -> None:
    directory: Path | None = config.getoption("--cman-root")
    if directory is None:
        return
    try:
        config.stash[_ROOT] = CmanRoot.read(directory)
    except CmanRootError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def given_cman_root(pytestconfig: pytest.Config) -> CmanRoot | None:
    """The one that was given."""
    return pytestconfig.stash.get(_ROOT, None)
