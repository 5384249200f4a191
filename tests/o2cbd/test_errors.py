"""What an error of the system says to a person."""

from __future__ import annotations

import errno

import pytest

from o2cbd.errors import said


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            OSError(errno.EACCES, "Permission denied", "/run/x"),
            "/run/x: Permission denied (EACCES)",
        ),
        (OSError(errno.ENOSPC, "No room", b"/run/\xff"), "/run/\udcff: No room (ENOSPC)"),
        (OSError(errno.EBADF, "Bad", 7), "7: Bad (EBADF)"),
        (OSError(9999, "Strange"), "Strange (9999)"),
        (OSError("AF_UNIX path too long"), "AF_UNIX path too long"),
        (TimeoutError("timed out"), "timed out"),
        (OSError(), "OSError"),
    ],
)
def test_where_what_and_the_errnos_symbol(error: OSError, text: str) -> None:
    assert said(error) == text
