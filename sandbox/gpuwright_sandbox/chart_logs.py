"""The kubelet's part of `kubectl logs`: the API server asks the node, and Helm shows what a hook has said."""

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from gpuwright_sandbox.controlplane.certificates import Authority, write_private
from gpuwright_sandbox.controlplane.layout import LOOPBACK


class LogServer:
    """Serves /containerLogs/NAMESPACE/POD/CONTAINER over https; `find` names the file of a pod, None where none is."""

    def __init__(self, folder: Path, find: Callable[[str, str], Path | None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                _serve(self, find)

            def log_message(self, *_: object) -> None:
                """Say nothing: whoever asks sees the answer."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.socket = _context(folder).wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, name="logs", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _serve(request: BaseHTTPRequestHandler, find: Callable[[str, str], Path | None]) -> None:
    parts = urlsplit(request.path).path.strip("/").split("/")
    log = find(parts[1], parts[2]) if parts[0] == "containerLogs" and len(parts) == 4 else None
    body = log.read_bytes() if log is not None and log.exists() else b"no such container\n"
    request.send_response(404 if log is None else 200)
    request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def _context(folder: Path) -> ssl.SSLContext:
    folder.mkdir(parents=True, exist_ok=True)
    # An authority of its own: without --kubelet-certificate-authority the API server checks no name.
    pair = Authority.load_or_create(folder).issue_serving((LOOPBACK,))
    certificate = write_private(folder / "logs.crt", pair.certificate_pem)
    key = write_private(folder / "logs.key", pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
