"""Every report speaks to the operator: what, which node, which errno, what next."""

from __future__ import annotations

import errno

import pytest

from fakecluster.testing.examples import CLUSTER, node
from fakecluster.trace.schema import problems
from o2cbd.core import reports
from o2cbd.core.model import (
    AddNode,
    CreateCluster,
    Pending,
    Remark,
    RemoveNode,
    SetAttribute,
    Step,
    Why,
)
from o2cbd.core.reports import Report, Severity, describe, process, spell, symbol

REMOVE = RemoveNode(cluster=CLUSTER, node="n2")
PENDING = Pending(step=REMOVE, why=Why.PINNED, reason="rmdir gives EBUSY", errno=errno.EBUSY)

TOLD: list[tuple[Report, Severity, str]] = [
    (reports.Remarked(remark="node id 2 has no name"), Severity.NOTICE, "node id 2 has no name"),
    (
        reports.RemarkedMistake(remark="[nodes.a]: no such node"),
        Severity.WARNING,
        "[nodes.a]: no such node",
    ),
    (
        reports.AnswerLost(yes=False, errno=errno.EINVAL),
        Severity.ERROR,
        (
            "cannot send the answer to the shutdown question, no (EINVAL): not retrying; the"
            " manager counts a missing answer as no"
        ),
    ),
    (
        reports.ManagerAwaited(errno=errno.ENOENT, detail="no socket at /var/run/cman_client"),
        Severity.WARNING,
        "cannot reach the cluster manager: no socket at /var/run/cman_client; retrying",
    ),
    (
        reports.ManagerReached(again=False),
        Severity.NOTICE,
        "connected to the cluster manager",
    ),
    (
        reports.ManagerReached(again=True),
        Severity.NOTICE,
        "connected to the cluster manager again",
    ),
    (
        reports.ManagerGone(errno=errno.EHOSTDOWN),
        Severity.ERROR,
        (
            "lost the connection to the cluster manager (EHOSTDOWN): keeping the node tables"
            " (file systems may be mounted); reconnecting"
        ),
    ),
    (
        reports.MembershipUnreadable(errno=errno.ENOENT),
        Severity.WARNING,
        (
            "cannot read the membership (ENOENT: the manager has not formed its first membership"
            " yet): keeping the last view; no changes until it can be read"
        ),
    ),
    (
        reports.MembershipUnreadable(errno=errno.EINVAL),
        Severity.WARNING,
        (
            "cannot read the membership (EINVAL): keeping the last view; no changes until it can"
            " be read"
        ),
    ),
    (
        reports.Blocked(reason="this node is not a member of its cluster"),
        Severity.WARNING,
        "making no changes: this node is not a member of its cluster",
    ),
    (
        reports.WrongCluster(wanted="beta", found="alpha"),
        Severity.ERROR,
        (
            "the cluster manager's cluster is 'alpha' and not 'beta': changed nothing; set the"
            " right name, or none"
        ),
    ),
    (
        reports.QuorumChanged(quorum="inquorate"),
        Severity.NOTICE,
        "quorum: this partition is inquorate",
    ),
    (reports.MemberJoined(id=2, name="n2"), Severity.INFO, "node n2 (id 2) joined"),
    (reports.MemberLeft(id=2, name="n2"), Severity.NOTICE, "node n2 (id 2) left"),
    (
        reports.MemberRejoined(id=2, name="n2", was=4, incarnation=12),
        Severity.NOTICE,
        "node n2 (id 2) left and rejoined unnoticed (incarnation 4 -> 12)",
    ),
    (
        reports.NodeLeftOut(id=300, name="n3", reason="give it another id"),
        Severity.WARNING,
        "node n3 (id 300) is excluded: give it another id",
    ),
    (
        reports.QuorumChanged(quorum="none"),
        Severity.NOTICE,
        "static membership, no quorum: the file alone decides which nodes exist",
    ),
    (reports.StepApplied(step=REMOVE), Severity.NOTICE, "done: remove node n2"),
    (
        reports.PendingBegan(pending=PENDING),
        Severity.WARNING,
        "pending: remove node n2: rmdir gives EBUSY",
    ),
    (
        reports.PendingEnded(pending=PENDING, done=True),
        Severity.NOTICE,
        "no longer pending: remove node n2: done",
    ),
    (
        reports.PendingEnded(pending=PENDING, done=False),
        Severity.NOTICE,
        "no longer pending: remove node n2: dropped, no longer wanted",
    ),
    (
        reports.ReplacementFailed(node="n2", errno=errno.EIO),
        Severity.ERROR,
        (
            "node n2 was removed for its replacement, which cannot be added (EIO): the node is"
            " in no table now; retrying at once"
        ),
    ),
    (
        reports.HoldSeen(pid=77, steps=1),
        Severity.NOTICE,
        "process 77 holds the semaphore: 1 step waiting for its release",
    ),
    (
        reports.HoldSeen(pid=0, steps=2),
        Severity.NOTICE,
        "an unknown process holds the semaphore: 2 steps waiting for its release",
    ),
    (
        reports.HoldOld(pid=77, seconds=60, waiting=("add node n2", "remove node n3")),
        Severity.WARNING,
        (
            "process 77 has held the semaphore for 60 s: no changes until it is released;"
            " waiting: add node n2; remove node n3"
        ),
    ),
    (reports.HoldGone(), Severity.NOTICE, "the semaphore was released: resuming changes"),
    (
        reports.HoldUnusable(errno=errno.EACCES),
        Severity.ERROR,
        "cannot take the semaphore (EACCES): no changes without it; retrying",
    ),
    (
        reports.HoldUnusable(errno=errno.EACCES, detail="the set is uid 7's"),
        Severity.ERROR,
        "cannot take the semaphore (EACCES): no changes without it; retrying; the set is uid 7's",
    ),
    (
        reports.Voted(yes=True, reason="no heartbeat, no mount, no hold", forced=False),
        Severity.NOTICE,
        "asked whether the cluster may shut down: yes, no heartbeat, no mount, no hold",
    ),
    (
        reports.Voted(yes=False, reason="heartbeat runs in R1", forced=True),
        Severity.NOTICE,
        (
            "asked whether the cluster may shut down: no, heartbeat runs in R1; the shutdown is"
            " forced, so the answer is ignored"
        ),
    ),
    (
        reports.Synced(nodes=3, fingerprint="0123456789abcdef"),
        Severity.NOTICE,
        "in sync: 3 nodes, fingerprint 0123456789abcdef",
    ),
    (
        reports.Forgotten(node="n2"),
        Severity.NOTICE,
        (
            "the operator confirmed that node n2 is down: its removal no longer waits for its"
            " return or a majority, only for quorum"
        ),
    ),
    (
        reports.ForgetRefused(node="n2", reason="it is a member now"),
        Severity.WARNING,
        "cannot forget node n2: it is a member now",
    ),
    (reports.Stopping(in_use=""), Severity.NOTICE, "stopping; keeping the node tables"),
    (
        reports.Stopping(in_use="OCFS2 is mounted at /mnt"),
        Severity.NOTICE,
        (
            "stopping; keeping the node tables; OCFS2 is mounted at /mnt: from now on nothing"
            " vetoes a shutdown of the cluster"
        ),
    ),
]


@pytest.mark.parametrize(
    ("report", "severity", "text"), TOLD, ids=[type(one[0]).__name__ for one in TOLD]
)
def test_what_it_says_and_how_loud(report: Report, severity: Severity, text: str) -> None:
    assert (severity, text) == (report.severity, report.text)


def kinds() -> list[type[Report]]:
    found = [one for one in vars(reports).values() if isinstance(one, type)]
    return [one for one in found if issubclass(one, Report) and one is not Report]


def test_every_report_of_the_core_is_in_the_list() -> None:
    assert set(kinds()) == {type(report) for report, _, _ in TOLD}


def test_codes_are_stable_words_of_their_own() -> None:
    codes = [one.code for one in kinds()]
    assert len(codes) == len(set(codes))
    assert all(code.replace("-", "").islower() for code in codes)


def test_a_report_without_a_text_of_its_own_has_none() -> None:
    with pytest.raises(NotImplementedError):
        Report().text  # noqa: B018 - reading it is the test


def test_its_fields_are_its_data() -> None:
    assert reports.MemberLeft(id=2, name="n2").data() == {"id": 2, "name": "n2"}


RECORDS = {
    "manager-awaited": ["cman unreachable", "report manager-awaited"],
    "manager-reached": ["cman connected", "report manager-reached"],
    "manager-gone": ["cman gone", "report manager-gone"],
    "membership-unreadable": ["cman unread", "report membership-unreadable"],
    "wrong-cluster": ["report wrong-cluster", "daemon exit"],
    "step": ["step remove-node"],
    "pending": ["pending begin"],
    "pending-ended": ["pending end"],
    "hold": ["hold begin"],
    "hold-gone": ["hold end"],
    "hold-unusable": ["hold unusable", "report hold-unusable"],
    "vote": ["vote no"],
    "forgotten": ["daemon forget-asked", "report forgotten"],
    "forget-refused": ["daemon forget-asked", "report forget-refused"],
    "stopping": ["report stopping", "daemon exit"],
}
"""Kind and word of what a trace has of a report, by its code; of any other its line alone."""


@pytest.mark.parametrize("report", [one for one, _, _ in TOLD], ids=lambda one: one.code)
def test_a_report_has_its_records(report: Report) -> None:
    records = [f"{kind} {what}" for kind, what, _fields in report.records]
    if isinstance(report, reports.Voted) and report.yes:
        assert records == ["vote yes"]
    else:
        assert records == RECORDS.get(report.code, [f"report {report.code}"])
    for kind, what, fields in report.records:
        row = {"t_us": 0, "seq": 1, "host": 1, "kind": kind, "what": what, **fields}
        assert problems(row, strict=True) == []


def test_a_step_is_recorded_with_its_values_errno_and_duration() -> None:
    add = reports.step_record(AddNode(cluster=CLUSTER, node=node(2)), errno.EIO, 7)
    local = reports.step_record(
        SetAttribute(cluster=CLUSTER, node="n1", attribute="local", value="1")
    )

    text = "add node n2 (2, 10.0.0.2:7777)"
    values = {"num": 2, "address": "10.0.0.2", "port": 7777}
    common = {"node": "n2", "errno": "EIO", "text": text, "took_us": 7}
    assert add == ("step", "add-node", {**common, **values})
    assert (local[2]["attribute"], local[2]["value"], local[2]["errno"]) == ("local", "1", "")


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (CreateCluster(cluster=CLUSTER), "create cluster alpha"),
        (
            SetAttribute(cluster=CLUSTER, node=None, attribute="fence_method", value="panic"),
            "set fence_method to panic",
        ),
        (
            SetAttribute(cluster=CLUSTER, node="n1", attribute="local", value="1"),
            "set local of node n1 to 1",
        ),
        (AddNode(cluster=CLUSTER, node=node(2)), "add node n2 (2, 10.0.0.2:7777)"),
        (REMOVE, "remove node n2"),
    ],
)
def test_steps_are_said_in_a_few_words(step: Step, text: str) -> None:
    assert text == describe(step)


@pytest.mark.parametrize(("number", "text"), [(errno.EBUSY, "EBUSY"), (4321, "4321"), (None, "")])
def test_an_errno_is_named(number: int | None, text: str) -> None:
    assert text == symbol(number)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n1", "n1"),
        ("with space", "with space"),
        ("", "''"),
        (" ", "' '"),
        ("a\nb", r"'a\nb'"),
        ("\udc80", r"'\udc80'"),
    ],
)
def test_a_name_cannot_forge_a_line_of_the_log(name: str, text: str) -> None:
    assert text == spell(name)


def test_a_process_is_named_by_its_pid_where_that_is_known() -> None:
    assert (process(7), process(0)) == ("process 7", "an unknown process")


@pytest.mark.parametrize("warning", [True, False])
def test_remark_is_a_warning_where_it_surely_is_a_mistake(*, warning: bool) -> None:
    report = reports.of_remark(Remark(text="[nodes.a]: no such node", warning=warning))
    assert report.text == "[nodes.a]: no such node"
    assert report.severity is (Severity.WARNING if warning else Severity.NOTICE)


def test_failed_reading_says_its_detail_or_its_errno() -> None:
    assert reports.unread(errno.EIO, "line 3: no such key") == "line 3: no such key"
    assert reports.unread(errno.EIO, "") == "EIO"
