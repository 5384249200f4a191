"""Where the last changes of a fake kernel were."""

from __future__ import annotations

from fakecluster.configfs.changes import Changes


def test_the_places_since_a_count_are_known() -> None:
    changes = Changes()
    changes.note("/a")
    before = changes.count
    assert changes.since(before) == ()
    changes.note("/b")
    changes.note("/c")
    assert changes.since(before) == ("/b", "/c")


def test_a_change_that_may_be_anywhere_is_no_place() -> None:
    changes = Changes()
    changes.note("/a")
    changes.note()
    assert changes.since(0) is None
    assert changes.since(2) == ()


def test_what_is_longer_ago_is_not_known() -> None:
    changes = Changes()
    for number in range(1000):
        changes.note(f"/{number}")
    assert changes.since(0) is None
    assert changes.since(999) == ("/999",)
