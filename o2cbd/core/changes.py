"""Report what changed between two readings; for the log only, nothing is decided here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from o2cbd.core import reports
from o2cbd.core.memo import gap
from o2cbd.core.model import LeftOut, Membership, Pending, Step


def membership_changes(before: Membership | None, now: Membership) -> list[reports.Report]:
    """Report members that joined, left or rejoined unnoticed, and a change of quorum.

    Incarnations are compared only while our own stayed: it changes when our manager was
    restarted, and then every other one does too, with nobody having left.
    """
    if before is now:
        return []
    told: list[reports.Report] = []
    if before is None or before.quorum is not now.quorum:
        told.append(reports.QuorumChanged(quorum=now.quorum.value))
    was_members = () if before is None else before.members
    start, before_end, now_end = gap(was_members, now.members)
    was = {member.id: member for member in was_members[start:before_end]}
    same_observer = before is not None and _own(before) == _own(now)
    for member in now.members[start:now_end]:
        old = was.pop(member.id, None)
        if old is None:
            told.append(reports.MemberJoined(id=member.id, name=member.name))
        elif same_observer and old.incarnation != member.incarnation:
            told.append(
                reports.MemberRejoined(
                    id=member.id,
                    name=member.name,
                    was=old.incarnation,
                    incarnation=member.incarnation,
                )
            )
    told.extend(reports.MemberLeft(id=gone.id, name=gone.name) for gone in was.values())
    return told


def _own(membership: Membership) -> int | None:
    """Return the local node's own incarnation."""
    own = (one.incarnation for one in membership.members if one.id == membership.local_id)
    return next(own, None)


def left_out_changes(before: Collection[LeftOut], now: Collection[LeftOut]) -> list[reports.Report]:
    """Report nodes newly excluded, or excluded for another reason."""
    return [
        reports.NodeLeftOut(id=one.id, name=one.name, reason=one.reason)
        for one in now
        if one not in before
    ]


def pending_changes(
    before: Mapping[Step, Pending], now: Mapping[Step, Pending], done: Collection[Step]
) -> list[reports.Report]:
    """Report steps newly pending, or pending for another reason, and those that no longer are."""
    told: list[reports.Report] = []
    for step, pending in now.items():
        old = before.get(step)
        if old is None or not _same(old, pending):
            told.append(reports.PendingBegan(pending=pending))
    told.extend(
        reports.PendingEnded(pending=old, done=step in done)
        for step, old in before.items()
        if step not in now
    )
    return told


def _same(old: Pending, new: Pending) -> bool:
    return (old.why, old.errno) == (new.why, new.errno)
