"""Every row of what was seen of a real cman, on the gate over real corosyncs.

`tox run -e engines` runs this; its name keeps it out of the other environments, since it takes
long: real time passes, a death is noticed after 8 s as in the clusters that were seen, and a
fencing is forgotten after two minutes.
"""

from __future__ import annotations

import pytest

from fakecluster.conformance.cman_labs import GateCman
from fakecluster.conformance.cman_rows import GATE, ROWS, complaint
from o2cbd.membership.libcorosync_table import CorosyncTable

pytestmark = [pytest.mark.process, pytest.mark.timeout(900)]

BY_NAME = {row.name: row for row in ROWS if row.act is not None}


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("name", BY_NAME)
def test_row(name: str, libcorosync: CorosyncTable) -> None:
    """It shows what 3.1.8 showed, or the difference that is listed."""
    shown = BY_NAME[name].watch(lambda topology: GateCman(libcorosync, topology))
    assert shown is not None
    assert complaint(BY_NAME[name], GATE, shown) == ""
