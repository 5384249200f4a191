"""What a membership source hands over and raises, as JSON and back; known to both ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from cattrs import structure, unstructure

from o2cbd.core.events import ConfigChange, ManagerLost, Notice, ShutdownAsked, StateChange
from o2cbd.core.model import Membership
from o2cbd.membership.interface import ManagerGoneError

_KINDS: Final[Mapping[str, type[Notice]]] = {
    kind.__name__: kind for kind in (StateChange, ConfigChange, ShutdownAsked, ManagerLost)
}


def notice_words(notice: Notice) -> dict[str, Any]:
    """Spell a notice out."""
    return {"kind": type(notice).__name__, "is": unstructure(notice)}


def notice(words: Mapping[str, Any]) -> Notice:
    """Read what `notice_words` has spelt."""
    return structure(words["is"], _KINDS[words["kind"]])


def membership_words(membership: Membership) -> dict[str, Any]:
    """Spell a reading out."""
    words: dict[str, Any] = unstructure(membership)
    return words


def membership(words: Mapping[str, Any]) -> Membership:
    """Read what `membership_words` has spelt."""
    return structure(words, Membership)


def answered(call: Callable[[], object]) -> dict[str, Any]:
    """Call what may be refused; its value, which JSON can spell, or the refusal."""
    try:
        return {"value": call()}
    except OSError as error:
        gone = isinstance(error, ManagerGoneError)
        return {"errno": error.errno, "text": error.strerror, "gone": gone}


def value(answer: Mapping[str, Any]) -> Any:
    """The value of what `answered` has returned.

    Raises:
        ManagerGoneError: the connection is dead.
        OSError: it was refused with that errno.
    """
    if "value" in answer:
        return answer["value"]
    kind = ManagerGoneError if answer["gone"] else OSError
    raise kind(answer["errno"], answer["text"])
