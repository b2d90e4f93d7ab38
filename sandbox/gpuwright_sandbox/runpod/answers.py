"""What the double answers: JSON as RunPod writes it, and its shape of errors (RFC 9457)."""

from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from gpuwright_sandbox.doubles.answers import Answer, json_answer, with_dashes

PROBLEM = "application/problem+json"


def problem(status: int, detail: str = "as the test wants it", errors: Iterable[str] = (), **headers: str) -> Answer:
    """Return an error in RunPod's shape; a header's `_` stands for `-`."""
    body: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    found = [*errors]
    if found:
        body["errors"] = found
    return replace(json_answer(status, body, with_dashes(headers)), content_type=PROBLEM)
