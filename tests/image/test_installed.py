"""What the image holds, installed as the Dockerfile installs it: its size, and that it runs and writes nothing."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.image.dockerfile import ROOT

from gpuwright_sandbox.controlplane.plane import ControlPlane

LIMIT = 150  # MB, of the image
BASE = 53  # MB, of distroless/python3-debian12, unpacked: assumed, no registry of images was asked
# Root without capabilities is held back by the modes of files, as the pod's user is.
WITHOUT_RIGHTS = ("setpriv", "--no-new-privs", "--bounding-set=-all") if os.geteuid() == 0 else ()
START_SECONDS = 60.0


def megabytes(folder: Path) -> float:
    """Return what the files of a folder take, each rounded up to a block as a disk does."""
    sizes = (path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
    return sum(-(-size // 4096) * 4096 for size in sizes) / 1e6


def run(*command: str, **options: object) -> None:
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment /opt/gpuwright of the image, made by the same steps."""
    folder = tmp_path_factory.mktemp("image")
    environment, wheel = folder / "gpuwright", folder / "wheel"
    python = str(environment / "bin" / "python")
    run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    locked = ("--only-binary", ":all:", "--require-hashes", "-r", "requirements/runtime.txt")
    run(*pip, "--python", python, "install", "--quiet", *locked)
    run(*pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheel), ".")
    run(*pip, "--python", python, "install", "--quiet", "--no-deps", *map(str, wheel.glob("*.whl")))
    yield environment
    shutil.rmtree(folder)


def test_the_image_stays_below_its_limit(installed: Path) -> None:
    assert BASE + megabytes(installed) < LIMIT


def test_a_bad_flag_is_told_by_the_program_that_the_image_starts(installed: Path) -> None:
    command = (str(installed / "bin" / "gpuwright"), "--log-level", "loud")
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env={})
    assert answer.returncode == 2, answer.stderr
    assert "--log-level" in answer.stderr


@pytest.mark.cluster
def test_it_runs_without_any_capability_and_writes_nothing(
    installed: Path, control_plane: ControlPlane, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    folders = [path for root in (installed, home) for path in (root, *root.rglob("*")) if path.is_dir()]
    before = {path for root in (installed, home) for path in root.rglob("*")}
    for folder in folders:
        folder.chmod(0o555)
    kubeconfig = control_plane.kubeconfig("image", ("system:masters",))
    flags = ("--http-bind", "127.0.0.1:0", "--no-leader-elect", "--watch-namespace", "default", "--log-format", "text")
    child = subprocess.Popen(
        (*WITHOUT_RIGHTS, str(installed / "bin" / "gpuwright"), *flags, "--cluster-id", "image"),
        # What a pod has; PYTHONDONTWRITEBYTECODE stands in the image.
        env={"KUBECONFIG": str(kubeconfig), "HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
        | {"PATH": os.environ["PATH"]},
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert _has_started(child), child.communicate()
        if Path("/proc").exists():
            assert _open_for_writing(child.pid) == []
    finally:
        child.terminate()
        said = child.communicate(timeout=60)[1]
        for folder in folders:
            folder.chmod(0o755)
    assert child.returncode == 0, said
    assert {path for root in (installed, home) for path in root.rglob("*")} == before


def _has_started(child: "subprocess.Popen[str]") -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        line = child.stderr.readline() if child.stderr else ""
        if not line:
            return False
        if " started" in line:
            return True
    return False


def _open_for_writing(pid: int) -> list[str]:
    """Return the files on disk that a process has open for writing (Linux)."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(entry)  # noqa: PTH115 - a Path would try to make sense of pipe:[1234]
            flags = (Path(f"/proc/{pid}/fdinfo") / entry.name).read_text().split("flags:")[1].split()[0]
        except FileNotFoundError:
            continue  # closed since it was listed
        if target.startswith("/") and not target.startswith("/dev/") and int(flags, 8) & 0o3:
            found.append(target)
    return found
