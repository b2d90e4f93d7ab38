"""What the emulator answers: the server's shape of errors, and the header that names a request."""

from typing import Any

from gpuwright_sandbox.doubles.answers import Answer, json_answer, with_dashes

REQUEST_ID = "X-Skypilot-Request-ID"


def error(status: int, detail: Any = "as the test wants it", **headers: str) -> Answer:
    """Return an error in the server's shape."""
    return json_answer(status, {"detail": detail}, with_dashes(headers))
