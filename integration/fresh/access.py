"""How this machine reaches archives and registries, copied into a root directory."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

_COPIED = (
    "/etc/apt/auth.conf",
    "/etc/apt/auth.conf.d",
    "/etc/apt/keyrings",
    "/etc/apt/trusted.gpg.d",
    "/etc/hosts",
    "/etc/pip.conf",
    "/etc/resolv.conf",
    "/etc/ssl/certs",
    "/usr/local/share/ca-certificates",
)
_OF_HOME = (".config/pip/pip.conf", ".npmrc", ".pip/pip.conf")

_VARIABLES = re.compile(
    r"(?i:(https?|ftp|all|no)_proxy)"
    r"|PIP_(CERT|CLIENT_CERT|CONFIG_FILE|DEFAULT_TIMEOUT|EXTRA_INDEX_URL|INDEX_URL|PROXY|RETRIES"
    r"|TRUSTED_HOST)"
    r"|CURL_CA_BUNDLE|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|SSL_CERT_(DIR|FILE)"
)
_PATH = re.compile(r"/[^\s\"';:]+")


def access_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that say how registries are reached: proxies, indexes, certificates."""
    return {name: text for name, text in environment.items() if _VARIABLES.fullmatch(name)}


def copy_access(root: Path, variables: Mapping[str, str], home: Path, apt: str) -> None:
    """Copy certificates, names of hosts, and settings of apt, pip and npm into a root directory.

    Files that the settings name by an absolute path are copied as well. Directories of packages
    that they name are not: the root has only what it can fetch.

    Args:
        root: the directory.
        variables: those of `access_variables`.
        home: of the user whose settings are copied; root's in the directory.
        apt: settings for apt, as the text of an apt.conf.
    """
    texts = [apt, *variables.values()]
    for source in map(Path, _COPIED):
        _copy(source, root / source.relative_to("/"))
    for name in _OF_HOME:
        _copy(home / name, root / "root" / name)
        if (home / name).is_file():
            texts.append((home / name).read_text("utf-8"))
    if Path("/etc/pip.conf").is_file():
        texts.append(Path("/etc/pip.conf").read_text("utf-8"))
    for name in {name for text in texts for name in _PATH.findall(text)}:
        if Path(name).is_file() and not (root / name[1:]).exists():
            _copy(Path(name), root / name[1:])
    (root / "etc/apt/apt.conf.d/99access").write_text(apt, "utf-8")


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a directory, links as what they lead to; what is not there is left out."""
    if source.is_dir():
        for entry in source.iterdir():
            _copy(entry, target / entry.name)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy(source, target)
