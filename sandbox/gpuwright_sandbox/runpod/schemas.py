"""RunPod's own words for requests and answers, and what leaves them (schemas.json, which names its source)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

FILE = Path(__file__).with_name("schemas.json")


class LeftTheSchema(Exception):
    """The double answered something that RunPod would not, or was asked in a way that RunPod does not know."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the API. `answers` has a schema's name for each status, None where there is no body."""

    id: str
    method: str
    path: str
    query: frozenset[str]
    request: str | None
    answers: Mapping[str, str | None]

    def answer_schema(self, status: int) -> str | None:
        """Return the name of the schema of an answer."""
        return self.answers[str(status)] if str(status) in self.answers else self.answers["default"]


def document() -> dict[str, Any]:
    """Return the whole file."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


@cache
def operations() -> Mapping[str, Operation]:
    """Return the calls by their ids."""
    rows = document()["operations"].items()
    return {
        name: Operation(name, row["method"], row["path"], frozenset(row["query"]), row["request"], row["answers"])
        for name, row in rows
    }


def problems(schema: str, value: Any) -> tuple[str, ...]:
    """Return what is wrong with a value by the schema of this name, one line each; empty where nothing is."""
    return tuple(sorted(f"{error.json_path}: {error.message}" for error in _validator(schema).iter_errors(value)))


def check_answer(operation: Operation, status: int, body: Any) -> None:
    """Raise LeftTheSchema where RunPod would not answer this."""
    schema = operation.answer_schema(status)
    if schema is None:
        found: tuple[str, ...] = () if body is None else ("$: there is a body",)
    else:
        found = problems(schema, body)
    if found:
        raise LeftTheSchema(f"{operation.id} {status}: {'; '.join(found)}")


@cache
def _validator(schema: str) -> Draft202012Validator:
    components = document()["components"]
    root = {"$ref": f"#/components/schemas/{schema}", "components": components}
    return Draft202012Validator(root, format_checker=_formats())


@cache
def _formats() -> FormatChecker:
    checker = FormatChecker(formats=())

    def is_moment(value: object) -> bool:
        return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None

    checker.checks("date-time", raises=ValueError)(is_moment)
    return checker
