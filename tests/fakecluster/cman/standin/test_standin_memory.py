"""The stand-in under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def sanitizer(name: str) -> Path:
    """Find a sanitizer's run-time library, or skip: not every compiler brings one."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc's sanitizers are meant, and there is no gcc")
    found = subprocess.run(
        ["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True
    )
    path = Path(found.stdout.strip())
    if not path.is_absolute():
        pytest.skip(f"this gcc has no {name}")
    return path


@pytest.mark.usefixtures("compiler")
def test_nothing_is_read_or_written_out_of_bounds(tmp_path: Path) -> None:
    """All other tests of the stand-in again, with every access checked; leaks are Python's."""
    preload = f"{sanitizer('libasan.so')} {sanitizer('libubsan.so')}"
    compiler = tmp_path / "checked-cc"
    compiler.write_text(
        "#!/bin/sh\nexec env -u LD_PRELOAD gcc -fsanitize=address,undefined "
        '-fno-sanitize-recover=all "$@"\n'
    )
    compiler.chmod(0o755)
    plain = [f"no:{plugin}" for plugin in ("cacheprovider", "randomly", "xdist")]
    plugins = [word for plugin in plain for word in ("-p", plugin)]
    files = [str(HERE / f"test_standin_{what}.py") for what in ("requests", "notices", "handles")]
    with tempfile.TemporaryDirectory() as short:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *plugins, *files],
            env={
                **os.environ,
                "CC": str(compiler),
                "LD_PRELOAD": preload,
                "ASAN_OPTIONS": "detect_leaks=0",
                # Sockets' paths must stay short, and those of this run must not be cleaned up.
                "PYTEST_DEBUG_TEMPROOT": short,
                "UBSAN_OPTIONS": "print_stacktrace=1",
            },
            cwd=HERE.parents[3],
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
