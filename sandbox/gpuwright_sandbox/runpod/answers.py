"""What the double answers: JSON as RunPod writes it, and its shape of errors (RFC 9457)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

PAGE = b"<!DOCTYPE html>\n<html><body><h1>It works!</h1></body></html>\n"
JSON = "application/json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `raw` goes out instead of the body where it is there."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = JSON

    @property
    def content(self) -> bytes:
        """Return the bytes that go out."""
        if self.raw is not None:
            return self.raw
        return b"" if self.body is None else orjson.dumps(self.body)


def problem(status: int, detail: str = "as the test wants it", errors: Iterable[str] = (), **headers: str) -> Answer:
    """Return an error in RunPod's shape; a header's `_` stands for `-`."""
    body: dict[str, Any] = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    found = [*errors]
    if found:
        body["errors"] = found
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()}, None, PROBLEM)
