"""What a double answers, as it goes on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. The headers are those beside the type of its content."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON

    @property
    def head(self) -> dict[str, str]:
        """All headers that go out."""
        return {**self.headers, "Content-Type": self.content_type}


def json_answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer of this JSON."""
    return Answer(status, orjson.dumps(body), headers or {})


def with_dashes(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers that were given as arguments: a `_` in their names stands for `-`."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
