"""Waiting for a server on loopback until it says that it is healthy."""

import http.client
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gpuwright_sandbox.controlplane.layout import LOOPBACK

_ANSWER_TIMEOUT_SECONDS = 2.0
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One health endpoint; `client` is the certificate and the key to show, for a server that wants to see one."""

    port: int
    path: str
    authority_pem: str
    client: tuple[Path, Path] | None = None


def ask(check: HealthCheck) -> str | None:
    """Return None when the endpoint answers 200, else what it answered or why it could not be asked.

    A proxy named in the environment is not used: it could not reach this machine's loopback.
    """
    context = ssl.create_default_context(cadata=check.authority_pem)
    if check.client is not None:
        context.load_cert_chain(*check.client)
    connection = http.client.HTTPSConnection(LOOPBACK, check.port, timeout=_ANSWER_TIMEOUT_SECONDS, context=context)
    try:
        connection.request("GET", check.path)
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"{answer.status} {body.strip()}"


def wait_until_none(look: Callable[[], str | None], timeout_seconds: float) -> str | None:
    """Look again and again until None comes back; return the last other answer when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while (seen := look()) is not None and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
    return seen
