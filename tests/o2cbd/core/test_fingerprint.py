"""The fingerprint of an actual table."""

from __future__ import annotations

import hashlib

import pytest

from fakecluster.testing.examples import entry
from o2cbd.core.fingerprint import fingerprint


@pytest.mark.row("fingerprint")
def test_it_is_the_head_of_the_sha256_of_the_rows_by_num() -> None:
    """Others can compute it from the kernel's table with a shell."""
    text = "2 10.0.0.2 7777\n10 10.0.0.10 7778\n"
    expected = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert expected == fingerprint([entry(10, port=7778), entry(2)])


def test_names_and_local_do_not_count() -> None:
    """OCFS2 compares num, address and port only."""
    here = fingerprint([entry(1), entry(2)])
    there = fingerprint([entry(1, local=False, name="x"), entry(2, local=True, name="y")])
    assert here == there


def test_what_the_kernel_may_not_know_does_not_count() -> None:
    half_made = entry(3, address="0.0.0.0", num=0)
    doubtful = entry(4, num=0)
    assert fingerprint([entry(2)]) == fingerprint([entry(2), half_made, doubtful])


def test_an_empty_table_has_one_too() -> None:
    assert hashlib.sha256(b"").hexdigest()[:16] == fingerprint([])
