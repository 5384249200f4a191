"""The lists of Debian packages, and what this machine lacks of them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from integration.errors import CannotRunError

CHECKOUT = Path(__file__).resolve().parent.parent
HOST_PACKAGES = CHECKOUT / "debian-packages.txt"
GUEST_PACKAGES = Path(__file__).with_name("guest-packages.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that the run starts, and the package that has it."""

    program: str
    package: str


TOOLS = (
    Tool(program="mmdebstrap", package="mmdebstrap"),
    Tool(program="mke2fs", package="e2fsprogs"),
    Tool(program="qemu-img", package="qemu-utils"),
    Tool(program="qemu-system-x86_64", package="qemu-system-x86"),
    Tool(program="setpriv", package="util-linux"),
)

ADMIN_PATH = "/usr/sbin:/sbin"
"""Where mke2fs is on Debian; not in an ordinary user's PATH."""


def parse_packages(text: str) -> dict[str, list[str]]:
    """Read a list: section heading -> packages, in the order of the file.

    A heading is a comment line of one word. Longer comments explain.
    """
    sections: dict[str, list[str]] = {}
    current = ""
    for line in (raw.strip() for raw in text.splitlines()):
        if line.startswith("#"):
            words = line[1:].split()
            if len(words) == 1:
                current = words[0]
                sections[current] = []
        elif line:
            sections.setdefault(current, []).append(line)
    return sections


def host_packages(section: str) -> list[str]:
    """The packages of one section of `debian-packages.txt`."""
    return parse_packages(HOST_PACKAGES.read_text("utf-8"))[section]


def guest_packages(image: str) -> list[str]:
    """The packages that a guest image is made of: those for both, and its own."""
    sections = parse_packages(GUEST_PACKAGES.read_text("utf-8"))
    return [*sections["both"], *sections[image]]


def find_program(name: str) -> str | None:
    """The path of a program, looked for where administrators' programs are too."""
    return shutil.which(name) or shutil.which(name, path=ADMIN_PATH)


def require_tools(tools: Sequence[Tool] = TOOLS) -> dict[str, str]:
    """Every tool's path, by its name.

    Raises:
        CannotRunError: at least one is missing; all of them are named, with what installs them.
    """
    found = {tool.program: find_program(tool.program) for tool in tools}
    missing = [tool for tool in tools if found[tool.program] is None]
    if missing:
        packages = " ".join(sorted({tool.package for tool in missing}))
        raise CannotRunError(
            f"not installed: {', '.join(tool.program for tool in missing)}. As root: "
            f"apt-get update && apt-get install --no-install-recommends --yes {packages}"
        )
    return {name: path for name, path in found.items() if path is not None}


def program(name: str) -> str:
    """The path of a program of `TOOLS`.

    Raises:
        CannotRunError: it is not installed.
    """
    return require_tools([tool for tool in TOOLS if tool.program == name])[name]
