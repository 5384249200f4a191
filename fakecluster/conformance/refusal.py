"""How a call is refused, in one word."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import ParamSpec

from fakecluster.conformance.configfs_row import OK

_P = ParamSpec("_P")


def refusal(call: Callable[_P, object], *args: _P.args, **kwargs: _P.kwargs) -> str:
    """Make the call; return the symbol of the errno that it raises, or `ok`."""
    try:
        call(*args, **kwargs)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error.errno))
    return OK
