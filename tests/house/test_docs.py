"""What the pages name is there: links, files, commands with their options, environments, arms."""

from __future__ import annotations

import configparser
import functools
import importlib.util
import itertools
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import click
import pytest

from fakecluster.arms.values import ARMS
from fakecluster.cli import cli as fakecluster_cli
from o2cbd.cli import cli as o2cbd_cli

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    one.relative_to(ROOT).as_posix() for one in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
)
OWN_PAGES = [one for one in PAGES if not one.startswith("docs/examples/")]
"""All but those of projects of their own, which `tox -e example` runs."""
TREES = "o2cbd|fakecluster|tests|integration|benchmarks|packaging|docs"

_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)#\s]*)(?:#(?P<anchor>[\w-]+))?\)")
_CODE = re.compile(r"`([^`\n]+)`")
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```(?:console|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"^(?:\w+)?[$#] (?P<command>.+)$", re.MULTILINE)
_FILE = re.compile(rf"(?:{TREES})/[\w./{{}},*-]*")
_PROGRAMS = re.compile(r"(?:fakecluster|o2cbd|pytest|tox|python3?|\.venv/bin/tox) ")

PYTEST_OPTIONS = {"--timeout", "--dist"}
"""Of pytest and its plug-ins; all others are the project's own."""


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(page: str) -> set[str]:
    """Return the anchors that a forge makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def braces(text: str) -> list[str]:
    """Expand {a,b}."""
    head, _, rest = text.partition("{")
    if not rest:
        return [text]
    inner, _, tail = rest.partition("}")
    return [head + one + more for one in inner.split(",") for more in braces(tail)]


def commands(page: str) -> Iterator[str]:
    """Return what a reader may type: lines with a prompt, and code that begins with a program."""
    text = read(page)
    for block in _SHELL.findall(text):
        for found in _PROMPT.finditer(block):
            yield from re.split(r"\s&&\s", found["command"])
    for code in _CODE.findall(_BLOCK.sub("", text)):
        if _PROGRAMS.match(code):
            yield code


@functools.cache
def source(package: str) -> str:
    """Return the source of a module, or of a whole package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"there is no module {package}"
    places = spec.submodule_search_locations
    return joined([Path(str(spec.origin))] if places is None else Path(places[0]).rglob("*.py"))


@functools.cache
def pytest_source() -> str:
    """Return the source in which the project's options of pytest are defined."""
    conftests = joined((ROOT / "tests").rglob("conftest.py"))
    return conftests + source("fakecluster") + source("integration")


def joined(files: Iterable[Path]) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in files)


def not_quoted(words: Iterable[str], text: str) -> list[str]:
    """Return the words that are no literal of a source."""
    return [one for one in words if f'"{one}"' not in text]


@functools.cache
def environments() -> frozenset[str]:
    """Return tox's environments; a Python is one without a section."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini")
    named = {one.partition(":")[2] for one in config.sections() if one.startswith("testenv:")}
    return frozenset(named | {"py311"})


def problems(command: str) -> list[str]:
    """Return what a command names that is not there."""
    words = shlex.split(re.sub(r"[\[\]]", " ", command), comments=True)
    while words and re.match(r"[A-Z_0-9]+=", words[0]):
        words.pop(0)
    if not words:
        return []
    program, *words = words
    if program.startswith("python"):
        if words[0] == "-m":
            return module_problems(words[1], until_dashes(words[2:]))
        return missing_paths(words[:1]) + environment_problems(words)
    check = CHECKS.get(program.removeprefix(".venv/bin/"))
    return check(words) if check else []


def until_dashes(words: list[str]) -> list[str]:
    return words[: words.index("--")] if "--" in words else words


def options(words: list[str]) -> set[str]:
    return {one.partition("=")[0] for one in until_dashes(words) if one.startswith("--")}


def click_problems(group: click.Command, words: list[str]) -> list[str]:
    assert isinstance(group, click.Group)
    context = click.Context(group)
    command = group if words[0].startswith("-") else group.get_command(context, words[0])
    if command is None:
        return [words[0]]
    known = {name for one in command.get_params(context) for name in one.opts + one.secondary_opts}
    if isinstance(command, click.Group):
        known |= {
            name
            for each in command.commands.values()
            for one in each.get_params(context)
            for name in one.opts + one.secondary_opts
        }
    return sorted(options(words) - known - {"--help", "--version"})


def module_problems(module: str, words: list[str]) -> list[str]:
    named = [one for one in words[:1] if re.fullmatch(r"[a-z][a-z-]+", one)]
    return not_quoted([*named, *sorted(options(words))], source(module))


def pytest_problems(words: list[str]) -> list[str]:
    wrong = not_quoted(sorted(options(words) - PYTEST_OPTIONS), pytest_source())
    arms = [after for one, after in itertools.pairwise(words) if one == "--arm"]
    wrong += [one for one in arms if one not in ARMS and not one.isupper()]
    return wrong + missing_paths(words)


def missing_paths(words: list[str]) -> list[str]:
    paths = [one for one in words if _FILE.match(one) or one == "quickstart.py"]
    return [one for one in paths if not (ROOT / one.partition("::")[0]).exists()]


def environment_problems(words: list[str]) -> list[str]:
    chosen = [after for one, after in itertools.pairwise(words) if one == "-e"]
    return [one for each in chosen for one in each.split(",") if one not in environments()]


CHECKS: dict[str, Callable[[list[str]], list[str]]] = {
    "fakecluster": functools.partial(click_problems, fakecluster_cli),
    "o2cbd": functools.partial(click_problems, o2cbd_cli),
    "pytest": pytest_problems,
    "tox": environment_problems,
}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for found in _LINK.finditer(_BLOCK.sub("", read(page))):
        if "://" in found["target"]:
            continue
        target = (ROOT / page).parent / found["target"] if found["target"] else ROOT / page
        assert target.exists(), found[0]
        if found["anchor"]:
            assert found["anchor"] in anchors(target.resolve().relative_to(ROOT).as_posix()), found[
                0
            ]


@pytest.mark.parametrize("page", OWN_PAGES)
def test_files_are_there(page: str) -> None:
    named = {one.partition("::")[0] for one in _CODE.findall(_BLOCK.sub("", read(page)))}
    paths = [one for code in named if _FILE.fullmatch(code) for one in braces(code)]
    assert [one for one in paths if not any(ROOT.glob(one.rstrip("/")))] == []


@pytest.mark.parametrize("page", OWN_PAGES)
def test_commands_are_there(page: str) -> None:
    found = {command: problems(command) for command in commands(page)}
    assert {command: wrong for command, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("fakecluster run --seed 7 --html x.html", []),
        ("fakecluster run --sead 7", ["--sead"]),
        ("fakecluster ran", ["ran"]),
        ("o2cbd hold [--timeout S] -- CMD --any", []),
        ("X=1 python3 -m benchmarks first-fill --rounds 3", []),
        ("python -m benchmarks fill --round 3", ["fill", "--round"]),
        ("pytest tests/scenarios --arm sim --trace-dir D  # why", []),
        ("pytest tests/scenario --arm wm --trace-dirs D", ["--trace-dirs", "wm", "tests/scenario"]),
        ("tox -e lint,lind", ["lind"]),
        ("python3 quickstart.py test -e wm", ["wm"]),
        ("ls /tmp", []),
    ],
)
def test_what_is_not_there_is_found(command: str, wrong: list[str]) -> None:
    assert problems(command) == wrong


def test_modules_that_are_not_there_are_found() -> None:
    with pytest.raises(AssertionError, match=r"no module fakecluster\.no_such_page"):
        problems("python -m fakecluster.no_such_page --write docs/x.md")
