"""Asking for health."""

import ssl
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gpuwright_sandbox.controlplane.certificates import Authority, write_private
from gpuwright_sandbox.controlplane.health import HealthCheck, ask, wait_until_none


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer 200 on /ok, else 503."""
        self.send_response(200 if self.path == "/ok" else 503)
        self.end_headers()
        self.wfile.write(b"etcd failed")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name the base class gives it
        """Say nothing: the test's output is for the test."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.load_or_create(tmp_path)


@pytest.fixture
def port(authority: Authority, tmp_path: Path) -> Iterator[int]:
    """The port of a server with a certificate of the authority."""
    pair = authority.issue_serving(("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        write_private(tmp_path / "serving.crt", pair.certificate_pem),
        write_private(tmp_path / "serving.key", pair.key_pem),
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), _Health) as server:
        # The handshake belongs to the thread of the connection, or one stranger would end the server's loop.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_healthy_server_refuses_nothing(port: int, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert ask(HealthCheck(port, "/ok", authority.certificate_pem.decode())) is None


def test_an_unhealthy_server_is_quoted(port: int, authority: Authority) -> None:
    assert ask(HealthCheck(port, "/bad", authority.certificate_pem.decode())) == "503 etcd failed"


def test_a_port_that_nobody_listens_on_is_no_health(authority: Authority) -> None:
    assert "refused" in str(ask(HealthCheck(1, "/ok", authority.certificate_pem.decode())))


def test_waiting_ends_with_the_first_good_answer() -> None:
    answers = iter(["not yet", None])
    assert wait_until_none(lambda: next(answers), timeout_seconds=10) is None


def test_waiting_ends_with_the_last_bad_answer() -> None:
    assert wait_until_none(lambda: "never", timeout_seconds=0) == "never"
