"""`python -m fakecluster.arms.page [--write FILE]`: the manual's page about the scenarios.

It is made from the suite's sources and from one real failure, so it says nothing that is not so.
Run it in the project's directory.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fakecluster.arms.broken import broken_story
from fakecluster.arms.values import ARMS, MISSING
from fakecluster.capabilities import Capability

SUITE = Path("tests/scenarios")
BROKEN = f"{SUITE}/test_quorum.py::test_inquorate_removals_wait"

_HEAD = """\
# The scenarios

<!-- Made by `python -m fakecluster.arms.page --write docs/scenarios.md`; a test holds it true. -->

`tests/scenarios/` states what must be so when things happen to a cluster, not how that is done.
It is written once, against the driver of `fakecluster/arms/cluster.py`, and runs on every arm:

```console
$ pytest tests/scenarios --arm sim
$ pytest tests/scenarios --arm process -n 2
$ pytest tests/scenarios --arm process-corosync -n 2
$ pytest tests/scenarios --arm process-cman --cman-root DIR
$ pytest tests/scenarios --arm vm-corosync --timeout 1200
$ pytest tests/scenarios --arm vm-cman --timeout 1200
$ pytest tests/scenarios --arm vm-cman --cman-root DIR --timeout 1200     # the arm vm-historic
```

- `sim`: the agent, the cman source, the node tree and the usage reader are real; libcman's
  functions, the calls of `os`, managers, kernels and time are simulated, in one thread. Every
  oracle judges.
- `process`: whole `o2cbd` processes with their `libcman.so.3`, its wire protocol, and a FUSE mount
  for each configfs. Judged is what shows from outside: no kernel near a crash, tables equal to
  policy or reported pending, right entries never made anew.
- `process-corosync`: as `process`, with a real corosync on each host, in network namespaces of this
  machine. `--arm vm-corosync --where netns` is the same.
- `process-cman`: the same with a historic cman, if you have one ([integration.md](integration.md)).
- `vm-corosync`: nothing is simulated: guests in QEMU with Debian's kernel and corosync 3, the
  daemon installed from its package and run by its unit, OCFS2 on a shared disk. A *kill* cuts a
  machine's power, a *partition* the network. Judged as `process`, and by the kernels' consoles.
- `vm-cman`: the same guests with cman's gate before their corosync, and `source = "cman"`. Judged
  as `vm-corosync`, and the gate must agree with its corosync.
- `vm-historic`: the same guests with a historic cman, if you have one
  ([integration.md](integration.md)).

A scenario counts time as a cluster does: something happens *soon* or *later*, or lasts for *a
moment* or *a while*. Each arm has its own clock for that, and waits no longer than it must.
At its end the cluster converges and is judged, whatever the scenario itself checked.
`--trace-dir DIR` writes each scenario's trace on any arm; `fakecluster replay FILE --html PAGE`
draws it, and `fakecluster compare A B` compares the traces of two arms.
"""

_BROKEN = """\
## How a failure reads

This is `{test}` on `sim`,
with a daemon that removes nodes without quorum:

```text
{story}
```

The text is the same on every machine. On `process` the last events are the verbs, with the time
since the start, and the ends of the daemons' logs.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteScenario:
    """One scenario, as its source has it."""

    file: str
    name: str
    rows: str
    """The rows of the behaviour table that it is about."""
    about: str
    needs: tuple[Capability, ...]


def scenarios(suite: Path) -> Iterator[SuiteScenario]:
    """Read every scenario of the suite, by file and in the order of each file.

    Raises:
        ValueError: one has no docstring of the form `rows: what it shows`.
    """
    for path in sorted(suite.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and _takes_a_cluster(node):
                yield _scenario(path.stem, node)


def _takes_a_cluster(node: ast.FunctionDef) -> bool:
    return node.name.startswith("test_") and any(arg.arg == "make" for arg in node.args.args)


def _scenario(stem: str, node: ast.FunctionDef) -> SuiteScenario:
    line = (ast.get_docstring(node) or "").partition("\n")[0]
    rows, colon, about = line.partition(": ")
    if not colon:
        raise ValueError(f"{stem}::{node.name}: its docstring must begin with rows and a colon")
    needs = tuple(
        Capability[argument.attr]
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "needs"
        for argument in decorator.args
        if isinstance(argument, ast.Attribute)
    )
    name = node.name.removeprefix("test_").replace("_", " ")
    return SuiteScenario(
        file=stem.removeprefix("test_"), name=name, rows=rows, about=about, needs=needs
    )


def why_not(scenario: SuiteScenario, arm: str) -> str:
    """Return why an arm cannot run a scenario; empty: it can."""
    return "; ".join(MISSING[arm][need] for need in scenario.needs if need in MISSING[arm])


def not_on(scenario: SuiteScenario) -> str:
    """Return the arms that cannot run a scenario, each with its reason; a dash: all can."""
    arms_by_reason: dict[str, list[str]] = {}
    for arm in ARMS:
        if reason := why_not(scenario, arm):
            arms_by_reason.setdefault(reason, []).append(f"`{arm}`")
    return "<br>".join(f"{', '.join(arms)}: {why}" for why, arms in arms_by_reason.items()) or "—"


def page(suite: Path = SUITE) -> str:
    """Return the whole page."""
    parts = [_HEAD]
    found = list(scenarios(suite))
    about = f"{len(found)} scenarios; some run for several cases. A dash: all arms run it."
    parts.append(f"## The suite\n\n{about}\n")
    for file in dict.fromkeys(each.file for each in found):
        rows = [
            f"### {file}\n",
            "| scenario | rows | what it shows | not on |",
            "|---|---|---|---|",
        ]
        for each in (each for each in found if each.file == file):
            named = ", ".join(f"`{row}`" for row in each.rows.split(", "))
            rows.append(f"| {each.name} | {named} | {each.about} | {not_on(each)} |")
        parts.append("\n".join(rows) + "\n")
    parts.append(_BROKEN.format(test=BROKEN, story=broken_story(BROKEN)))
    return "\n".join(parts)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="else it goes to stdout")
    options = parser.parse_args()
    if options.write is None:
        sys.stdout.write(page())
    else:
        options.write.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
