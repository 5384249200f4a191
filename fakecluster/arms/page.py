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

`tests/scenarios/` says what must be so when things happen to a cluster, never how that is done.
It is written once, against the driver of `fakecluster/arms/cluster.py`, and runs on every arm:

```console
$ pytest tests/scenarios --arm sim
$ pytest tests/scenarios --arm process -n 2
$ pytest tests/scenarios --arm process-corosync -n 2
$ pytest tests/scenarios --arm process-cman --cman-root DIR
$ pytest tests/scenarios --arm vm-corosync --timeout 1200
$ pytest tests/scenarios --arm vm-cman --timeout 1200
```

- On `sim` the agent is real. Managers, kernels and time are simulated in one thread, and every
  oracle judges. With `--depth adapters` the cman source, the node tree and the usage reader are
  real too; libcman's functions and the calls of `os` are the fakes then.
- On `process` whole `o2cbd` processes run, with their `libcman.so.3`, its wire protocol, and a FUSE
  mount for each configfs. What can be seen from outside is judged: no kernel near a crash, tables
  equal to policy or told as pending, right entries never made anew.
- On `process-corosync` a real corosync runs on each host, too, in network namespaces of this
  machine; kernels are those of `process`. `--arm vm-corosync --where netns` is the same.
- On `process-cman` it is a historic cman, where somebody has one (`integration.md`).
- On `vm-corosync` nothing is fake: guests in QEMU with Debian's kernel and corosync 3, the daemon
  installed by apt from the project's own package and run by its unit, OCFS2 on a shared disk. A
  *kill* cuts a machine's power, a *partition* is one of the network. Judged as on `process`, and by
  what the kernels' consoles complain of. What it cannot do stands in its column.
- On `vm-cman` the same guests have cman's gate before their corosync, and the daemon follows it by
  `source = "cman"` and the installed `libcman.so.3`: an administrator's leave, a shutdown for good
  and a fencing are there, too. Judged as on `vm-corosync`, and the gate must say what corosync
  does.

A scenario counts time as a cluster does: something comes to be *soon* or *later*, or lasts for
*a moment* or *a while*. Each arm has its own clock for that, and waits no longer than it must.
`--trace-dir DIR` writes each scenario's trace on any arm; `fakecluster replay FILE --html PAGE`
draws it, and `fakecluster compare A B` lays the traces of two arms side by side.
At its end the cluster comes to rest and is judged, whatever the scenario itself looked at.
"""

_BROKEN = """\
## How a failure reads

This is `{test}` on `sim`,
with a daemon that does not ask for quorum before it removes a node:

```text
{story}
```

Nothing is drawn, so the text is the same on every machine. On `process` the last events are the
verbs, with the time since the start, and the ends of the daemons' logs.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario, as its source has it."""

    file: str
    name: str
    rows: str
    """The rows of the behaviour table that it is about."""
    about: str
    needs: tuple[Capability, ...]


def scenarios(suite: Path) -> Iterator[Scenario]:
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


def _scenario(stem: str, node: ast.FunctionDef) -> Scenario:
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
    return Scenario(file=stem.removeprefix("test_"), name=name, rows=rows, about=about, needs=needs)


def cell(scenario: Scenario, arm: str) -> str:
    """Say whether an arm runs a scenario, or why not."""
    reasons = [MISSING[arm][need] for need in scenario.needs if need in MISSING[arm]]
    return "; ".join(reasons) or "runs"


def page(suite: Path = SUITE) -> str:
    """Return the whole page."""
    parts = [_HEAD]
    found = list(scenarios(suite))
    parts.append(f"## Scenarios and arms\n\n{len(found)} scenarios; some run for several cases.\n")
    for file in dict.fromkeys(each.file for each in found):
        arms = " | ".join(f"`{arm}`" for arm in ARMS)
        rows = [
            f"### {file}\n",
            f"| scenario | rows | what it shows | {arms} |",
            f"|---|---|---|{'---|' * len(ARMS)}",
        ]
        for each in (each for each in found if each.file == file):
            cells = " | ".join(cell(each, arm) for arm in ARMS)
            named = ", ".join(f"`{row}`" for row in each.rows.split(", "))
            rows.append(f"| {each.name} | {named} | {each.about} | {cells} |")
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
