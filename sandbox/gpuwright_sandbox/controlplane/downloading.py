"""Download the programs as their projects released them, checked against the published SHA-256.

Sources (read 2026-11-22): kubernetes.io/releases/download for dl.k8s.io and its .sha256 files;
github.com/etcd-io/etcd/releases for the archive and SHA256SUMS.
"""

import hashlib
import http.client
import platform
import shutil
import sys
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from gpuwright_sandbox.controlplane.versions import Program, Version

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x"}
# The checksum comes first and is small, so a network that says no costs these seconds once.
_FIRST_ANSWER_SECONDS = 3.0
_STALL_SECONDS = 30.0


class DownloadError(Exception):
    """The program could not be had as released; build it instead."""


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where released programs are, without a slash at the end, and for which architecture, as Go names it."""

    kube: str
    etcd: str
    architecture: str

    @classmethod
    def official(cls) -> "Mirror":
        """Return the projects' own sites, for this machine.

        Raises:
            DownloadError: no servers are released for this system; only Linux has them.
        """
        architecture = _ARCHITECTURES.get(platform.machine())
        if sys.platform != "linux" or architecture is None:
            raise DownloadError(f"nothing is released for {sys.platform} on {platform.machine()}")
        return cls("https://dl.k8s.io/release", "https://github.com/etcd-io/etcd/releases/download", architecture)


def download(program: Program, version: Version, target: Path, mirror: Mirror) -> None:
    """Download one program as the file `target`, executable.

    Raises:
        DownloadError: the network said no, or what came is not what was published; nothing is left at `target`.
    """
    try:
        if program == "etcd":
            _download_etcd(version, target, mirror)
        else:
            url = f"{mirror.kube}/{version}/bin/linux/{mirror.architecture}/{program}"
            wanted = _read_text(f"{url}.sha256").strip()
            _fetch(url, target, wanted)
    except (OSError, http.client.HTTPException, tarfile.TarError) as error:
        target.unlink(missing_ok=True)
        raise DownloadError(f"{program} {version}: {error}") from error
    target.chmod(0o755)


def _download_etcd(version: Version, target: Path, mirror: Mirror) -> None:
    folder = f"etcd-{version}-linux-{mirror.architecture}"
    archive = target.with_name(f"{folder}.tar.gz")
    sums = _read_text(f"{mirror.etcd}/{version}/SHA256SUMS")
    wanted = next((line.split()[0] for line in sums.splitlines() if line.endswith(archive.name)), None)
    if wanted is None:
        raise DownloadError(f"SHA256SUMS of etcd {version} does not list {archive.name}")
    try:
        _fetch(f"{mirror.etcd}/{version}/{archive.name}", archive, wanted)
        with tarfile.open(archive) as files:
            program = files.extractfile(f"{folder}/etcd")
            if program is None:
                raise DownloadError(f"{archive.name} has no program {folder}/etcd")
            with program, target.open("wb") as copy:
                shutil.copyfileobj(program, copy)
    except KeyError as error:
        raise DownloadError(f"{archive.name}: {error}") from error
    finally:
        archive.unlink(missing_ok=True)


def _read_text(url: str) -> str:
    with urllib.request.urlopen(url, timeout=_FIRST_ANSWER_SECONDS) as answer:
        content: bytes = answer.read()
    return content.decode()


def _fetch(url: str, target: Path, wanted: str) -> None:
    with urllib.request.urlopen(url, timeout=_STALL_SECONDS) as answer, target.open("wb") as file:
        shutil.copyfileobj(answer, file)
    with target.open("rb") as file:
        seen = hashlib.file_digest(file, "sha256").hexdigest()
    if seen != wanted:
        target.unlink()
        raise DownloadError(f"{url} has SHA-256 {seen}, published is {wanted}")
