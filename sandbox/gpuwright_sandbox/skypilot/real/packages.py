"""What has to be there first: Debian's packages, and SkyPilot in an environment of its own in the user's cache.

Run as a program it prints which packages are missing, one a line.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from gpuwright_sandbox.controlplane.keeping import digest
from gpuwright_sandbox.go_tools import tools_home

LOCK = Path(__file__).resolve().parents[4] / "requirements" / "skypilot.txt"
PROGRAMS = {
    "slurmctld": "slurm-wlm",
    "slurmd": "slurm-wlm",
    "munged": "munge",
    "sshd": "openssh-server",
    "rsync": "rsync",
    "socat": "socat",
    "nc": "netcat-openbsd",
    "unshare": "util-linux",
}


class MissingError(Exception):
    """Something cannot be had; the message says what, and what would bring it."""


def missing_packages() -> list[str]:
    """Return the names of Debian's packages that are not installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return sorted({package for program, package in PROGRAMS.items() if shutil.which(program, path=path) is None})


def require_programs() -> None:
    """Return when every program is there. Raises MissingError, with the packages that are to be installed."""
    if os.geteuid() != 0:
        raise MissingError("the real Slurm needs root, for munge, sshd and a mount namespace: run it in a container")
    missing = missing_packages()
    if missing:
        raise MissingError(f"not installed: {' '.join(missing)}; run `apt-get install -y {' '.join(missing)}`")


def environment() -> Path:
    """Return the folder of SkyPilot's own environment, made once for each lock (460 MB). Raises MissingError."""
    folder = tools_home(os.environ) / f"skypilot-{digest(LOCK)}"
    if (folder / ".made").exists():
        return folder
    print(f"installing SkyPilot into {folder} (460 MB, once)", file=sys.stderr, flush=True)
    _run("its environment", sys.executable, "-m", "venv", "--clear", str(folder))
    pip = str(folder / "bin" / "pip")
    _run("packages from PyPI", pip, "install", "--quiet", "--no-deps", "--require-hashes", "--requirement", str(LOCK))
    (folder / ".made").touch()
    return folder


def _run(what: str, *command: str) -> None:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise MissingError(f"{what} cannot be had: {answer.stderr.strip()[-2000:]}")


if __name__ == "__main__":
    for package in missing_packages():
        print(package)
