"""Whoever answers on a port of loopback, or does not."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gpuwright_sandbox.controlplane.layout import LOOPBACK, free_port
from gpuwright_sandbox.loopback import ask


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = self.path == "/readyz"
        self.send_response(200 if known else 503)
        self.end_headers()
        self.wfile.write(b"ok" if known else b"caf\xe9")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer((LOOPBACK, 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_an_answer_is_told_by_status_and_text(port: int) -> None:
    assert ask(port, "/readyz", seconds=30) == (200, "ok")


def test_an_answer_that_is_no_utf_8_is_told_all_the_same(port: int) -> None:
    assert ask(port, "/other", seconds=30) == (503, "caf�")


def test_where_nobody_listens_there_is_no_status() -> None:
    assert ask(free_port(), "/readyz", seconds=30) == (0, "")


def test_whoever_is_connected_to_and_says_nothing_has_no_status() -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        assert ask(silent.getsockname()[1], "/readyz", seconds=0.2) == (0, "")


def test_what_speaks_another_protocol_has_no_status() -> None:
    def greet(listening: socket.socket) -> None:
        with listening.accept()[0] as client:
            client.sendall(b"SSH-2.0-OpenSSH\r\n")

    with socket.create_server((LOOPBACK, 0)) as listening:
        greeting = threading.Thread(target=greet, args=(listening,))
        greeting.start()
        assert ask(listening.getsockname()[1], "/readyz", seconds=30) == (0, "")
        greeting.join()
