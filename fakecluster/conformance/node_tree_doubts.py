"""What every `NodeTree` believes of an entry: half made, in doubt, or read before."""

from __future__ import annotations

import errno
from collections.abc import Callable

from fakecluster.conformance.node_tree_support import (
    N1,
    N2,
    NODES,
    ZERO,
    entry,
    fails,
    fill,
    make_behind,
    read,
    seen,
    setting,
    wanted,
)
from fakecluster.conformance.tree_drivers import TreeDriver
from o2cbd.core.model import Node

# ---- what is half made, and what is in doubt


def half_made_is_read_so(driver: TreeDriver) -> None:
    """A directory that nobody filled is read as half made, and can be completed in place."""
    fill(driver)
    driver.mkdir(f"{NODES}/n2")
    assert entry(driver, "n2").half_made
    driver.tree.do(setting("ipv4_port", str(N2.port), "n2"))
    assert entry(driver, "n2").half_made
    driver.tree.do(setting("ipv4_address", N2.address, "n2"))
    assert not entry(driver, "n2").complete
    driver.tree.do(setting("num", str(N2.num), "n2"))
    assert entry(driver, "n2").complete
    assert seen(entry(driver, "n2")) == wanted(N2)


def zero_is_in_doubt_until_local(driver: TreeDriver) -> None:
    """A num that reads 0 may be written or not; only a node that has one can be local."""
    fill(driver)
    make_behind(driver, ZERO)
    assert entry(driver, "zero").doubtful
    driver.tree.do(setting("local", "1", "zero"))
    assert entry(driver, "zero", own="zero").complete
    driver.write(f"{NODES}/zero/local", "0")
    assert entry(driver, "zero", own="zero").doubtful


def our_own_zero_is_no_doubt(driver: TreeDriver) -> None:
    """Who wrote 0 knows that it is written, for the life of the directory and no longer."""
    fill(driver, ZERO)
    assert entry(driver, "zero").complete
    assert entry(driver, "zero", fresh=True).complete
    driver.rmdir(f"{NODES}/zero")
    make_behind(driver, ZERO, num=False)
    assert entry(driver, "zero").doubtful
    driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").complete


def refused_zero_is_written(driver: TreeDriver) -> None:
    """0 is refused as used: by this very entry, where nobody else reads it."""
    fill(driver, N1)
    make_behind(driver, ZERO)
    assert entry(driver, "zero").doubtful
    driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").complete
    assert entry(driver, "zero", fresh=True).complete


def refused_zero_of_one_of_two_proves_nothing(driver: TreeDriver) -> None:
    """It may be the other one's."""
    fill(driver)
    make_behind(driver, ZERO)
    make_behind(driver, N2, num=False)
    for name in ("zero", "n2"):
        assert entry(driver, name).doubtful
        with fails(errno.EEXIST, f"node/{name}/num"):
            driver.tree.do(setting("num", "0", name))
        assert entry(driver, name).doubtful


def refused_zero_beside_a_node_in_the_making_proves_nothing(driver: TreeDriver) -> None:
    """It may have got that num since it was read."""
    fill(driver)
    make_behind(driver, ZERO, num=False)
    driver.mkdir(f"{NODES}/n2")
    assert entry(driver, "zero").doubtful
    driver.write(f"{NODES}/n2/ipv4_port", str(N2.port))
    driver.write(f"{NODES}/n2/ipv4_address", N2.address)
    driver.write(f"{NODES}/n2/num", "0")
    with fails(errno.EEXIST, "node/zero/num"):
        driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").doubtful


def refused_zero_of_a_half_made_entry_proves_nothing(driver: TreeDriver) -> None:
    """It had no num when it was read, and another node may have got that one since."""
    fill(driver)
    driver.mkdir(f"{NODES}/zero")
    assert entry(driver, "zero").half_made
    driver.tree.do(setting("ipv4_port", str(ZERO.port), "zero"))
    driver.tree.do(setting("ipv4_address", ZERO.address, "zero"))
    make_behind(driver, Node(name="n2", num=0, address=N2.address, port=N2.port))
    with fails(errno.EEXIST, "node/zero/num"):
        driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").doubtful


def written_zero_is_busy(driver: TreeDriver) -> None:
    """Another num tells whether the 0 was written: it is refused, or it is taken."""
    fill(driver, ZERO)
    with fails(errno.EBUSY, "node/zero/num"):
        driver.tree.do(setting("num", "5", "zero"))


def missing_num_is_written(driver: TreeDriver) -> None:
    """Where none was written another num is taken, and the entry is whole."""
    fill(driver, N1)
    make_behind(driver, ZERO, num=False)
    assert entry(driver, "zero").doubtful
    driver.tree.do(setting("num", "5", "zero"))
    assert entry(driver, "zero").complete


# ---- what is kept between readings


def new_directory_of_the_same_name_is_read(driver: TreeDriver) -> None:
    """What was kept ends with the directory: a node made anew is read anew."""
    fill(driver, N1, N2)
    read(driver)
    driver.rmdir(f"{NODES}/n2")
    changed = Node(name="n2", num=7, address="127.0.0.17", port=7777)
    make_behind(driver, changed)
    assert seen(entry(driver, "n2")) == wanted(changed)


def local_is_never_kept(driver: TreeDriver) -> None:
    """`local` of our own entry is read at every reading."""
    fill(driver, N1, N2)
    assert not entry(driver, "n1").local
    driver.write(f"{NODES}/n1/local", "1")
    assert entry(driver, "n1").local


def local_of_others_is_found(driver: TreeDriver) -> None:
    """While our own entry is not local, another that is shows."""
    fill(driver, N1, N2)
    assert not entry(driver, "n2").local
    driver.write(f"{NODES}/n2/local", "1")
    assert entry(driver, "n2").local
    assert entry(driver, "n2", own=None).local


def local_that_moved_to_us_is_nobody_elses(driver: TreeDriver) -> None:
    """While our own entry is local the others are not asked, whatever they said before."""
    fill(driver, N1, N2)
    driver.write(f"{NODES}/n2/local", "1")
    assert entry(driver, "n2").local
    driver.write(f"{NODES}/n2/local", "0")
    driver.write(f"{NODES}/n1/local", "1")
    assert not entry(driver, "n2").local
    assert entry(driver, "n1").local


DOUBT_CHECKS: tuple[Callable[[TreeDriver], None], ...] = (
    half_made_is_read_so,
    zero_is_in_doubt_until_local,
    our_own_zero_is_no_doubt,
    refused_zero_is_written,
    refused_zero_of_one_of_two_proves_nothing,
    refused_zero_beside_a_node_in_the_making_proves_nothing,
    refused_zero_of_a_half_made_entry_proves_nothing,
    written_zero_is_busy,
    missing_num_is_written,
    new_directory_of_the_same_name_is_read,
    local_is_never_kept,
    local_of_others_is_found,
    local_that_moved_to_us_is_nobody_elses,
)
"""Every check takes a driver whose configfs holds no cluster."""
