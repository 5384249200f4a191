"""Every row of the observed configfs, over all three ways into the model."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecluster.configfs.fakefs import ModelFilesystem, ModelOsModule
from fakecluster.configfs.fuse import EXCEPTIONS, FuseMount
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs
from fakecluster.conformance.configfs_operator import OsOperator, RowOperator
from fakecluster.conformance.configfs_rows import CAPABILITIES, ROWS, ConfigfsRow, run_row
from fakecluster.conformance.row_host import ModelHost

CONFIGFS = "/sys/kernel/config"
LACKS = {
    # There is no VFS in between to set watches on, and no statfs in either fake os.
    "direct": {"inotify", "statfs"},
    "pyfakefs": {"inotify", "statfs"},
    "fuse": {"empty-write", "statfs"},
}
PAIRS = [
    (way, row)
    for way, lacks in LACKS.items()
    for row in ROWS.values()
    if not row.needs.intersection(lacks)
]


def offered(way: str) -> set[str]:
    return set(CAPABILITIES) - LACKS[way]


@pytest.fixture(scope="module")
def direct() -> RowOperator:
    """Straight into a model; here as on every way, each row begins and ends with an empty one."""
    model = ConfigfsModel()
    calls = ModelOs(model, CONFIGFS)
    return OsOperator(CONFIGFS, host=ModelHost(model), os_module=calls, become=calls.not_root)


@pytest.fixture(scope="module")
def pyfakefs() -> RowOperator:
    """Through a fake os module."""
    model = ConfigfsModel()
    filesystem = ModelFilesystem(model, CONFIGFS)
    return OsOperator(
        CONFIGFS,
        host=ModelHost(model),
        os_module=ModelOsModule(filesystem),
        become=filesystem.configfs.not_root,
    )


@pytest.fixture(scope="module")
def fuse(fuse: None) -> Iterator[RowOperator]:
    """Through a mount that somebody who is not root can reach, which pytest's own are not."""
    model = ConfigfsModel()
    with tempfile.TemporaryDirectory(prefix="configfs-rows-") as path:
        Path(path).chmod(0o755)
        with FuseMount(model, path):
            yield OsOperator(path, host=ModelHost(model))


MARKS = {
    "fuse": (
        pytest.mark.process,
        pytest.mark.skipif(
            os.geteuid() != 0,
            reason="on a mount the rows need root: they tell its files from others'",
        ),
    )
}


@pytest.mark.parametrize(
    ("way", "row"),
    [
        pytest.param(way, row, marks=MARKS.get(way, ()), id=f"{row.name}-{way}")
        for way, row in PAIRS
    ],
)
def test_row_agrees(way: str, row: ConfigfsRow, request: pytest.FixtureRequest) -> None:
    operator: RowOperator = request.getfixturevalue(way)
    result = run_row(operator, row, offered(way))
    assert (result.status, result.why) == ("agrees", "")


def test_only_these_rows_are_left_out() -> None:
    """What a way cannot show is named, and is nothing but its lacks."""
    left_out = {
        way: {row.name for row in ROWS.values()} - {row.name for each, row in PAIRS if each == way}
        for way in LACKS
    }
    no_vfs = {"daemon/configfs-magic", "directories/inotify"}
    empty = {name for name in ROWS if name.startswith(("values/empty-", "attributes/empty-"))}
    assert left_out == {
        "direct": no_vfs,
        "pyfakefs": no_vfs,
        "fuse": {"daemon/configfs-magic", *empty} - {"values/empty-to-a-handle-for-reading"},
    }


def test_fuse_lacks_what_its_exceptions_name() -> None:
    """The table of exceptions and the capabilities that FUSE does without are one."""
    named = {each.capability for each in EXCEPTIONS}
    assert named == {*LACKS["fuse"], "server-side-inotify", "descriptor-of-the-removed"}


@pytest.mark.process
def test_mount_root_is_kept(fuse: RowOperator, tmp_path: Path) -> None:
    """The root of a mount holds `cluster` and nothing else, as /sys/kernel/config does."""
    with FuseMount(ConfigfsModel(), tmp_path):
        assert [each.name for each in tmp_path.iterdir()] == ["cluster"]
