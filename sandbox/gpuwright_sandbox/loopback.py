"""Asking a process of this machine over HTTP."""

from http.client import HTTPConnection, HTTPException

from gpuwright_sandbox.controlplane.layout import LOOPBACK


def ask(port: int, path: str, seconds: float) -> tuple[int, str]:
    """Return status and text of what a process answers on loopback; status 0 where nothing answers within the time."""
    connection = HTTPConnection(LOOPBACK, port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, HTTPException):
        return 0, ""
    finally:
        connection.close()
