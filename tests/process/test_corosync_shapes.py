"""Each shape of a real corosync.conf, as `docs/shapes.md` says, on a real corosync."""

from __future__ import annotations

from typing import Any

import pytest

from fakecluster.corosync.lab import LabError
from fakecluster.corosync.shapes import DATA, IN_SYNC, ConfShape, shapes
from o2cbd.membership.libcorosync_table import CorosyncTable
from tests.process.corosync_site import Host, proposed, settings_with, site
from tests.process.daemon_host import ROOT

pytestmark = pytest.mark.process

NAMES = {"localhost": "127.0.0.1", "alpha1": "10.0.0.1", "alpha2": "10.0.0.2"}


@pytest.mark.row("num")
@pytest.mark.parametrize("shape", shapes(ROOT / DATA), ids=lambda shape: shape.file)
@pytest.mark.usefixtures("fuse")
def test_shape(shape: ConfShape, libcorosync: CorosyncTable) -> None:
    with site(libcorosync, {shape.id: shape.addresses}, file=shape.file, names=NAMES) as made:
        host = made.hosts[shape.id]
        if shape.refused:
            with pytest.raises(LabError, match=shape.refused):
                made.lab.start(shape.id)
        else:
            made.lab.start(shape.id)
        host.run()
        first = arrived(host, shape.state, shape.reason)
        lines = proposed(first)
        assert [f"[{section}] {line}" for section, line in lines] == list(shape.write)
        if shape.write:
            assert own(first) == []
            host.end()
            host.set(filled(settings_with(lines), tuple(shape.values)))
            host.run()
        if not shape.refused:
            last = arrived(host, IN_SYNC, "")
            assert [table_row(each) for each in last["nodes"]] == list(shape.table)
            assert own(last) == [shape.table[0].split()[1]]
            assert host.ask("wait", "--in-sync", "--timeout", "0").returncode == 0
            assert last["left_out"] == []


def arrived(host: Host, state: str, reason: str) -> dict[str, Any]:
    """Wait for the state with that reason, and return the status."""
    return host.until(lambda now: now["state"] == state and reason in now["reason"])


def filled(text: str, values: tuple[str, ...]) -> str:
    """Write what only the operator knows."""
    for value in values:
        text = text.replace("its IPv4 address", value, 1)
    return text


def own(status: dict[str, Any]) -> list[str]:
    return [each["name"] for each in status["nodes"] if each["local"]]


def table_row(entry: dict[str, Any]) -> str:
    return f"{entry['num']} {entry['name']} {entry['address']}"
