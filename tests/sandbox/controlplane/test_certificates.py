"""Certificates: what they say, and that a TLS server and client accept them."""

import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.oid import NameOID

from gpuwright_sandbox.controlplane.certificates import Authority, KeyPair, create_token_keys, write_private


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.load_or_create(tmp_path)


def _save(folder: Path, name: str, pair: KeyPair) -> tuple[Path, Path]:
    return (
        write_private(folder / f"{name}.crt", pair.certificate_pem),
        write_private(folder / f"{name}.key", pair.key_pem),
    )


def test_a_client_certificate_names_the_user_and_every_group(authority: Authority) -> None:
    pair = authority.issue_client("jane", ("team-a", "team-b"))
    subject = x509.load_pem_x509_certificate(pair.certificate_pem).subject
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["jane"]
    assert [name.value for name in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["team-a", "team-b"]


def test_a_user_name_that_no_certificate_can_hold_is_refused(authority: Authority) -> None:
    with pytest.raises(ValueError, match="64"):
        authority.issue_client("x" * 65)


def test_server_and_client_accept_each_other(authority: Authority, tmp_path: Path) -> None:
    serving = _save(tmp_path, "serving", authority.issue_serving(("127.0.0.1", "localhost")))
    client = _save(tmp_path, "client", authority.issue_client("jane"))
    trusted = authority.certificate_pem.decode()
    ours, theirs = socket.socketpair()
    accepting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=trusted)
    accepting.verify_mode = ssl.CERT_REQUIRED
    accepting.load_cert_chain(*serving)
    seen: list[object] = []

    def answer() -> None:
        with accepting.wrap_socket(theirs, server_side=True) as channel:
            seen.append(channel.getpeercert())
            channel.sendall(b"hello")

    server = threading.Thread(target=answer)
    server.start()
    asking = ssl.create_default_context(cadata=trusted)
    asking.load_cert_chain(*client)
    with asking.wrap_socket(ours, server_hostname="127.0.0.1") as channel:
        assert channel.recv(5) == b"hello"
    server.join(10)
    assert "jane" in str(seen)


def test_the_same_folder_gives_the_same_authority(authority: Authority, tmp_path: Path) -> None:
    assert Authority.load_or_create(tmp_path).certificate_pem == authority.certificate_pem


def test_another_folder_gives_another_authority(authority: Authority, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert Authority.load_or_create(other).certificate_pem != authority.certificate_pem


def test_token_keys_are_a_pair() -> None:
    private_pem, public_pem = create_token_keys()
    private = load_pem_private_key(private_pem, password=None)
    assert private.public_key() == load_pem_public_key(public_pem)


def test_a_private_file_is_for_its_owner_only_even_when_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]
