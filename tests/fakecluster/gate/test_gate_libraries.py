"""The raw layer of the gate: the generated module, its layouts, and missing libraries."""

from __future__ import annotations

import ast
import errno
from pathlib import Path

import pytest

from fakecluster.gate import _abi as committed
from fakecluster.gate import abi_build, libraries
from o2cbd.membership.libcorosync_table import CorosyncTable


def test_the_committed_module_is_what_the_build_writes(tmp_path: Path) -> None:
    written = tmp_path / "_abi.py"
    abi_build.generate(written)
    texts = (written.read_text(), Path(committed.__file__).read_text())
    assert ast.dump(ast.parse(texts[0])) == ast.dump(ast.parse(texts[1]))


def test_layouts_are_those_of_the_libraries() -> None:
    """As offsetof gives them in C."""
    ffi = committed.ffi
    assert ffi.sizeof("struct votequorum_info") == 292
    assert ffi.offsetof("struct votequorum_info", "qdevice_name") == 36
    assert ffi.sizeof("struct cpg_address") == 12
    assert ffi.sizeof("struct cpg_name") == 132


@pytest.mark.parametrize("name", ["LIBVOTEQUORUM", "LIBCPG"])
@pytest.mark.parametrize(
    ("library", "said"), [("libnosuch.so.9", "install it"), ("libc.so.6", "is not from corosync 3")]
)
def test_a_library_that_is_missing_or_another_is_named(
    libcorosync: CorosyncTable, monkeypatch: pytest.MonkeyPatch, name: str, library: str, said: str
) -> None:
    monkeypatch.setattr(libraries, name, library)
    with pytest.raises(OSError, match=said) as caught:
        libraries.load_libraries()
    assert (caught.value.errno, caught.value.filename) == (errno.ELIBACC, library)
