"""Downloads, from a server on loopback."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.downloading import DownloadError, Mirror, download
from gpuwright_sandbox.controlplane.versions import Version

KUBE, ETCD = Version(1, 37, 1), Version(3, 7, 0)
CONTENT = b"#!/bin/sh\necho made up\n"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name the base class gives it
        """Say nothing: the test's output is for the test."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The folder that the server shows."""
    return tmp_path / "site"


@pytest.fixture
def mirror(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    site.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=site)) as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield Mirror(f"{url}/kube", f"{url}/etcd", "amd64")
        server.shutdown()
        thread.join()


def _release_kubectl(site: Path, published: str) -> None:
    folder = site / "kube" / str(KUBE) / "bin" / "linux" / "amd64"
    folder.mkdir(parents=True)
    (folder / "kubectl").write_bytes(CONTENT)
    (folder / "kubectl.sha256").write_text(published)


def _release_etcd(site: Path, member: str) -> None:
    folder = site / "etcd" / str(ETCD)
    folder.mkdir(parents=True)
    archive = folder / f"etcd-{ETCD}-linux-amd64.tar.gz"
    with tarfile.open(archive, "w:gz") as files:
        entry = tarfile.TarInfo(f"etcd-{ETCD}-linux-amd64/{member}")
        entry.size = len(CONTENT)
        files.addfile(entry, io.BytesIO(CONTENT))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  other.tar.gz\n{digest}  {archive.name}\n")


def test_a_program_with_the_published_digest_is_kept(site: Path, mirror: Mirror, tmp_path: Path) -> None:
    _release_kubectl(site, hashlib.sha256(CONTENT).hexdigest() + "\n")
    target = tmp_path / "kubectl"
    download("kubectl", KUBE, target, mirror)
    assert target.read_bytes() == CONTENT
    assert target.stat().st_mode & 0o777 == 0o755


def test_a_program_with_another_digest_is_refused_and_removed(site: Path, mirror: Mirror, tmp_path: Path) -> None:
    _release_kubectl(site, "0" * 64)
    with pytest.raises(DownloadError, match=f"published is {'0' * 64}"):
        download("kubectl", KUBE, tmp_path / "kubectl", mirror)
    assert not (tmp_path / "kubectl").exists()


def test_etcd_is_taken_out_of_its_archive(site: Path, mirror: Mirror, tmp_path: Path) -> None:
    _release_etcd(site, "etcd")
    target = tmp_path / "made" / "etcd"
    target.parent.mkdir()
    download("etcd", ETCD, target, mirror)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["etcd"]


def test_an_archive_without_etcd_is_refused(site: Path, mirror: Mirror, tmp_path: Path) -> None:
    _release_etcd(site, "etcdctl")
    with pytest.raises(DownloadError, match="etcd"):
        download("etcd", ETCD, tmp_path / "etcd", mirror)


def test_a_release_that_is_not_there_is_a_download_error(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="404"):
        download("kube-apiserver", KUBE, tmp_path / "kube-apiserver", mirror)


def test_a_network_that_says_no_is_a_download_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    closed = Mirror("http://127.0.0.1:1", "http://127.0.0.1:1", "amd64")
    with pytest.raises(DownloadError, match=r"kubectl v1\.37\.1"):
        download("kubectl", KUBE, tmp_path / "kubectl", closed)
