"""The table of rows itself: it runs anywhere, is plain data, and can tell a wrong configfs."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fakecluster
from fakecluster.configfs.model import ConfigfsModel
from fakecluster.configfs.model_os import ModelOs
from fakecluster.configfs.variant import KERNEL_A, KERNEL_C, OBSERVED_6_1, KernelVariant
from fakecluster.conformance.configfs_operator import CALLS, OsOperator
from fakecluster.conformance.configfs_row import named, row
from fakecluster.conformance.configfs_rows import (
    CAPABILITIES,
    GOLDEN,
    ROWS,
    clear,
    run_row,
    run_rows,
)

NO_HOST = {"root", "not-root", "empty-write"}


def operator(variant: KernelVariant = OBSERVED_6_1) -> OsOperator:
    fake = ModelOs(ConfigfsModel(variant=variant), "/config")
    return OsOperator("/config", os_module=fake, become=fake.not_root)


def test_standard_library_only() -> None:
    """A guest has no packages: neither site-packages nor the daemon is needed."""
    home = Path(fakecluster.__file__).parent.parent
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from fakecluster.conformance.configfs_rows import ROWS;"
        "print(len(ROWS), sorted(n for n in sys.modules if n.startswith(('o2cbd', 'mfusepy',"
        " 'pyfakefs', 'fakecluster.configfs'))))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(home)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (f"{len(ROWS)} []", "")


def test_names_are_slugs_under_their_table() -> None:
    prefixes = {
        "Defaults": "defaults",
        "What shapes the daemon": "daemon",
        "Directories": "directories",
        "Values": "values",
        "Num 0": "zero",
        "Cluster attributes": "attributes",
        "source": "source",
    }
    slug = re.compile(r"[a-z]+/[a-z0-9_-]+")
    wrong = [
        each.name
        for each in ROWS.values()
        if not slug.fullmatch(each.name) or not each.name.startswith(f"{prefixes[each.table]}/")
    ]
    assert wrong == []


def test_a_name_stands_once() -> None:
    twice = row("values/twice", "Values", "cluster")
    with pytest.raises(ValueError, match="values/twice"):
        named([twice, twice])


def test_words_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="put a/num 1 2"):
        row("values/too-many", "Values", "cluster; put a/num 1 2")


def test_operations_and_needs_are_known() -> None:
    assert {op.call for each in ROWS.values() for op in each.operations} <= set(CALLS)
    assert {need for each in ROWS.values() for need in each.needs} <= set(CAPABILITIES)


def test_nothing_that_can_crash_a_kernel() -> None:
    """No 0.0.0.0 is written, and no local=0 follows a mount."""
    for each in ROWS.values():
        mounted = False
        for op in each.operations:
            mounted = mounted or (op.call == "host" and op.path == "mount")
            attribute = op.path.rpartition("/")[2]
            assert not (attribute == "ipv4_address" and op.data.strip().startswith("0")), each.name
            assert not (mounted and attribute == "local" and op.data == "0"), each.name


def test_rows_and_results_are_json() -> None:
    for each in ROWS.values():
        assert json.loads(json.dumps(dataclasses.asdict(each) | {"needs": sorted(each.needs)}))
    result = run_row(operator(), ROWS["values/num-255"], NO_HOST)
    assert json.loads(json.dumps(result.as_json()))["status"] == "agrees"


def test_missing_capability_is_told() -> None:
    result = run_row(operator(), ROWS["directories/inotify"], set())
    assert (result.status, result.why) == ("not-run", "needs inotify")


@pytest.mark.parametrize(
    ("variant", "name", "why"),
    [
        (KERNEL_A, "values/num-of-another", ""),
        (KERNEL_A, "values/num-of-itself", "EBUSY, expected EEXIST"),
        (KERNEL_A, "directories/second-cluster", "ENOMEM, expected ENOSPC"),
        (KERNEL_C, "values/local-1-after-0", "EBUSY, expected ok"),
    ],
)
def test_another_kernel_is_told_apart(variant: KernelVariant, name: str, why: str) -> None:
    """A row differs exactly where the kernel does, and says how."""
    result = run_row(operator(variant), ROWS[name], NO_HOST)
    told = result.why.rpartition(": ")[2]
    assert (result.status, told) == ("differs" if why else "agrees", why)


def test_begins_with_what_was_left_behind() -> None:
    """Nodes, regions and module-wide values of somebody else are cleared away first."""
    does = operator()
    model = does._os.model
    model.mkdir("/cluster/old")
    model.mkdir("/cluster/old/node/a")
    model.mkdir("/cluster/old/heartbeat/R")
    model.rmdir("/cluster/old/heartbeat/R")
    model.write_value("/cluster/old/heartbeat/dead_threshold", b"99")
    results = run_rows("", [ROWS["defaults/heartbeat-dead_threshold"]], NO_HOST, operator=does)
    assert [each.status for each in results] == ["agrees"]
    assert does.names("cluster") == []


def test_what_cannot_be_cleared_is_a_difference() -> None:
    """A row whose remains are pinned is no agreement."""
    does = operator()
    does._os.model.heartbeat.pin("a")
    result = run_row(does, ROWS["directories/node-again"], NO_HOST)
    assert result.status == "differs"
    assert result.why == "cannot be cleared away: EBUSY cluster/rows/node/a"
    does._os.model.heartbeat.unpin("a")
    clear(does)
    assert does.names("cluster") == []


def test_golden_rows_are_most() -> None:
    """The observed tables and what was only read are kept apart."""
    assert {each.table for each in GOLDEN} == {
        "Defaults",
        "What shapes the daemon",
        "Directories",
        "Values",
        "Num 0",
        "Cluster attributes",
    }
    assert len(ROWS) > len(GOLDEN)
