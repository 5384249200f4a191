"""docs/settings.md says every key, with the default and the bounds that the code has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from o2cbd import settings_file
from o2cbd.core.rules import NodeOverride
from o2cbd.settings import SettingsError
from o2cbd.settings_file import KEYS, NODE_KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
NOT_SET = "not set"
ROW = re.compile(r"^\| `(?P<key>\w+)` \| (?P<default>.*?) \| (?P<values>.*?) \| ", re.MULTILINE)
SECTION = re.compile(
    r"^## `\[(?P<name>\w+)(?P<each>\.NAME)?\]`\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL
)
BOUNDS = re.compile(r"^(?P<lowest>-?[\d.]+?)\.\.(?P<highest>[\d.]+)$")

# (section, key) -> (default, values), as the page has them.
PAGE_KEYS = {
    (section["name"], row["key"]): (row["default"].strip("`"), row["values"])
    for section in SECTION.finditer(PAGE)
    for row in ROW.finditer(section["text"])
}


CODE_KEYS = {(section, key) for section, keys in KEYS.items() for key in keys}
CODE_KEYS |= {("nodes", key) for key in NODE_KEYS}


def default_of(section: str, key: str) -> object:
    """What an empty file comes to; None where nothing is set."""
    read = settings_file.from_data({}, origin="page")
    if section == "nodes":
        return getattr(NodeOverride(), key)
    part, field, _check = KEYS[section][key]
    if part == "attributes":
        return read.rules.attributes.get(field)
    if (section, key) == ("table", "scope"):
        return read.scope_chosen or None
    parts = {
        "settings": read,
        "rules": read.rules,
        "table": read.rules.table,
        "removals": read.rules.removals,
        "timing": read.rules.timing,
        "service": read.timing,
        "paths": read.paths,
        "hold": read.hold,
        "log": read.log,
    }
    return getattr(parts[part], field)


def document(section: str, key: str, value: str) -> str:
    """A file that sets one key."""
    heading = "nodes.alpha" if section == "nodes" else section
    # The other half of a pair that is judged together goes along.
    others = {
        "retry_first_s": "retry_max_s = 86400",
        "retry_max_s": "retry_first_s = 0.01",
        "idle_timeout_ms": "keepalive_delay_ms = 1",
        "keepalive_delay_ms": "idle_timeout_ms = 4294967294",
    }
    return f"[{heading}]\n{key} = {value}\n{others.get(key, '')}\n"


def problems(text: str) -> str:
    """What is wrong with a file; "" for a good one."""
    try:
        settings_file.from_data(tomllib.loads(text), origin="page")
    except SettingsError as error:
        return str(error)
    return ""


def test_the_page_and_the_code_have_the_same_keys() -> None:
    assert sorted(PAGE_KEYS) == sorted(CODE_KEYS)


@pytest.mark.parametrize(("section", "key"), sorted(PAGE_KEYS), ids=".".join)
def test_the_default_is_the_codes(section: str, key: str) -> None:
    """Setting a key to its default changes nothing; "not set" is None."""
    default, _values = PAGE_KEYS[section, key]
    if default == NOT_SET:
        assert default_of(section, key) is None
    else:
        read = settings_file.from_data(
            tomllib.loads(f"[{section}]\n{key} = {default}\n"), origin="page"
        )
        assert read == settings_file.from_data({}, origin="page")
        assert default_of(section, key) is not None


BOUNDED = {
    where: (found["lowest"], found["highest"])
    for where, (_default, values) in PAGE_KEYS.items()
    if (found := BOUNDS.match(values))
}


@pytest.mark.parametrize(("section", "key"), sorted(BOUNDED), ids=".".join)
def test_the_bounds_are_the_codes(section: str, key: str) -> None:
    lowest, highest = BOUNDED[section, key]
    step = 0.001 if "." in lowest else 1
    under, over = (tomllib.loads(f"x = {bound}")["x"] for bound in (lowest, highest))
    if key == "idle_timeout_ms":
        lowest = "2"  # over keepalive_delay_ms, which cannot be less than 1
    if key == "keepalive_delay_ms":
        highest = "4294967293"
    assert problems(document(section, key, lowest)) == ""
    assert problems(document(section, key, highest)) == ""
    for value in (under - step, over + step):
        assert f"{key}: " in problems(document(section, key, str(value)))
        assert "is outside" in problems(document(section, key, str(value)))


CHOICES = {
    where: re.findall(r'`("[a-z-]+")`', values)
    for where, (_default, values) in PAGE_KEYS.items()
    if values.startswith('`"')
}


@pytest.mark.parametrize(("section", "key"), sorted(CHOICES), ids=".".join)
def test_the_choices_are_the_codes(section: str, key: str) -> None:
    """The code tells its own when it is given another."""
    named = problems(document(section, key, '"no-such-choice"'))
    assert f"must be {' or '.join(CHOICES[section, key])}, not" in named


def test_every_choice_in_the_code_is_on_the_page() -> None:
    """So that no enumeration is described as free text."""
    chosen = {
        where
        for where in CODE_KEYS
        if ' must be "' in problems(document(*where, '"no-such-choice"'))
    }
    assert set(CHOICES) == chosen


def test_the_examples_of_the_page_are_good_settings() -> None:
    examples = re.findall(r"(?ms)^```toml\n(.*?)^```$", PAGE)
    assert [problems(example) for example in examples] == [""]


def test_the_mistakes_that_the_page_shows_look_like_that() -> None:
    shown = [line for line in PAGE.splitlines() if line.startswith("o2cbd: /etc/")]
    said = problems('[nodes.alpha]\nport = 70000\n[removals]\nquorom = "x"\n')
    assert [line.replace("o2cbd: /etc/o2cbd/o2cbd.toml", "page") for line in shown] == said.split(
        "\n"
    )
