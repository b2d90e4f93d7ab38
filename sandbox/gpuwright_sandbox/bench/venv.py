"""The environment that the operator is measured in: what its image has, and nothing else.

kopf imports the package `kubernetes` where it finds it, which costs 54 MB that the image does not pay (measured
2026-11-22).
"""

import compileall
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from gpuwright_sandbox.bench.errors import BenchError

REPOSITORY = Path(__file__).resolve().parents[3]
BUILD = REPOSITORY / "build"
_REQUIREMENTS = REPOSITORY / "requirements" / "runtime.txt"
_MARK = "requirements.sha256"
# The operator asks for its own version; its code comes by PYTHONPATH, so that what is measured is the checkout.
_METADATA = "Metadata-Version: 2.1\nName: gpuwright\nVersion: 0.0.0+checkout\n"


def ensure() -> Path:
    """Return the Python of the environment, made anew when the requirements have changed since it was made.

    Raises:
        BenchError: pip failed; the message ends with what it said.
    """
    folder = BUILD / "bench-venv"
    python = folder / "bin" / "python"
    digest = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()
    mark = folder / _MARK
    if mark.exists() and mark.read_text() == digest:
        return python
    print(f"making {folder} from {_REQUIREMENTS}", file=sys.stderr, flush=True)
    _run(sys.executable, "-m", "venv", "--clear", str(folder))
    _run(str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(_REQUIREMENTS))
    _add_version(folder)
    mark.write_text(digest)
    return python


def copy_code(folder: Path) -> Path:
    """Copy the operator's code as it is now below a folder and return the copy, for PYTHONPATH.

    A restart must start the same code: whoever edits a file meanwhile would have two halves of it run together.
    """
    copy = folder / "operator"
    shutil.copytree(REPOSITORY / "operator", copy, ignore=shutil.ignore_patterns("__pycache__"))
    # As pip does when the image is made: starting must not cost a compilation.
    compileall.compile_dir(copy, quiet=1)
    return copy


def environment(kubeconfig: Path, code: Path) -> Mapping[str, str]:
    """Return the environment variables that the operator is started with."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": str(code)}


def _add_version(folder: Path) -> None:
    packages = next(folder.glob("lib/python*/site-packages"))
    described = packages / "gpuwright-0.0.0.dist-info"
    described.mkdir(exist_ok=True)
    (described / "METADATA").write_text(_METADATA)


def _run(*command: str) -> None:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed: {answer.stderr.strip()[-2000:]}")
