"""Where and on what a run was made: without that its figures mean nothing."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from gpuwright_sandbox.bench.venv import REPOSITORY
from gpuwright_sandbox.controlplane.selection import Binaries

Facts: TypeAlias = "dict[str, str | int | list[float] | dict[str, str]]"


def gather(binaries: Binaries, python: str) -> Facts:
    """Return date, processor, cores, load averages (1, 5, 15 minutes), versions and commit, as they are now."""
    versions = {str(name): str(tool.version) for name, tool in binaries.by_program().items()}
    versions["python"] = _said((python, "--version")).removeprefix("Python ")
    packages = _said((python, "-m", "pip", "freeze")).splitlines()
    versions |= dict(line.split("==", 1) for line in packages if "==" in line)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": processor(Path("/proc/cpuinfo")),
        "cores": os.cpu_count() or 0,
        "load_at_start": [round(load, 2) for load in os.getloadavg()],
        "commit": commit(),
        "versions": versions,
    }


def processor(described: Path) -> str:
    """Return the processor's name from a file like /proc/cpuinfo, else what Python knows of it."""
    lines = described.read_text().splitlines() if described.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str:
    """Return the commit of the checkout, with "+changes" behind it when files differ from it; "unknown" without git."""
    head = _said(("git", "-C", str(REPOSITORY), "rev-parse", "--short=12", "HEAD"))
    changed = _said(("git", "-C", str(REPOSITORY), "--no-optional-locks", "status", "--porcelain"))
    return f"{head or 'unknown'}{'+changes' if changed else ''}"


def _said(command: tuple[str, ...]) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""
