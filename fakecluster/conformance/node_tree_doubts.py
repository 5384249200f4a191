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


def zero_is_in_doubt_until_proven(driver: TreeDriver) -> None:
    """A num that reads 0 is doubtful until the kernel answers EEXIST to another 0.

    That counts as done, and as a proof while the directory lives, fresh readings included.
    """
    fill(driver, N1)
    make_behind(driver, ZERO)
    assert entry(driver, "zero").doubtful
    driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").complete
    assert entry(driver, "zero", fresh=True).num_proven
    assert seen(entry(driver, "zero")) == wanted(ZERO)


def missing_zero_is_written(driver: TreeDriver) -> None:
    """Writing 0 where no num was written really writes it."""
    fill(driver, N1)
    make_behind(driver, ZERO, num=False)
    assert entry(driver, "zero").doubtful
    driver.tree.do(setting("num", "0", "zero"))
    with fails(errno.EEXIST):
        driver.write(f"{NODES}/zero/num", "0")


def local_proves_zero(driver: TreeDriver) -> None:
    """Only a complete node can be local, so local=1 proves a num of 0."""
    fill(driver, ZERO)
    driver.tree.do(setting("local", "1", "zero"))
    assert entry(driver, "zero", own="zero").complete
    assert entry(driver, "zero", own="zero").num_proven


def proof_outlives_local(driver: TreeDriver) -> None:
    """What local=1 has proven stays proven when somebody takes it back (no region runs here)."""
    fill(driver, ZERO)
    driver.tree.do(setting("local", "1", "zero"))
    assert entry(driver, "zero", own="zero").local
    driver.write(f"{NODES}/zero/local", "0")
    assert not entry(driver, "zero", own="zero").local
    assert entry(driver, "zero", own="zero", fresh=True).complete


def half_made_neighbour_owns_no_zero(driver: TreeDriver) -> None:
    """A half-made directory reads 0 too and cannot have it, so EEXIST is still a proof."""
    fill(driver, ZERO)
    driver.mkdir(f"{NODES}/half")
    driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").complete


def proof_ends_with_the_directory(driver: TreeDriver) -> None:
    """A new directory of the same name is in doubt again."""
    fill(driver, ZERO)
    driver.tree.do(setting("num", "0", "zero"))
    assert entry(driver, "zero").complete
    driver.rmdir(f"{NODES}/zero")
    make_behind(driver, ZERO, num=False)
    assert entry(driver, "zero").doubtful


def zero_of_another_proves_nothing(driver: TreeDriver) -> None:
    """EEXIST because another node has num 0 is an error, and no proof."""
    fill(driver, ZERO)
    impostor = Node(name="impostor", num=0, address="127.0.0.20", port=7777)
    make_behind(driver, impostor, num=False)
    with fails(errno.EEXIST, "node/impostor/num"):
        driver.tree.do(setting("num", "0", "impostor"))
    assert entry(driver, "impostor").doubtful


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


DOUBT_CHECKS: tuple[Callable[[TreeDriver], None], ...] = (
    half_made_is_read_so,
    zero_is_in_doubt_until_proven,
    missing_zero_is_written,
    local_proves_zero,
    proof_outlives_local,
    half_made_neighbour_owns_no_zero,
    proof_ends_with_the_directory,
    zero_of_another_proves_nothing,
    new_directory_of_the_same_name_is_read,
    local_is_never_kept,
    local_of_others_is_found,
)
"""Every check takes a driver whose configfs holds no cluster."""
