"""What can be wrong with the clusters in an answer, or with the request that it names."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import How
from gpuwright_sandbox.skypilot.answers import REQUEST_ID


def edited(answer: Answer, how: How) -> Answer:
    """Return a truthful answer with something wrong in its clusters, or in its header where it has none."""
    if b"return_value" in answer.body:
        return _with_rows(answer, _ROWS[how])
    headers = {key: value for key, value in answer.headers.items() if key != REQUEST_ID}
    return replace(answer, headers=headers if how is How.WITHOUT_ID else {**headers, REQUEST_ID: "7 o'clock"})


def _with_rows(answer: Answer, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Answer:
    body = orjson.loads(answer.body)
    body["return_value"] = orjson.dumps(edit(orjson.loads(body["return_value"]))).decode()
    return replace(answer, body=orjson.dumps(body))


_ROWS: Mapping[How, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = {
    How.WITHOUT_ID: lambda rows: [{key: row[key] for key in row if key != "cluster_hash"} for row in rows],
    How.WRONG_TYPES: lambda rows: [{**row, "status": 7} for row in rows],
    How.UNKNOWN_STATE: lambda rows: [{**row, "status": "HIBERNATING"} for row in rows],
    How.WITHOUT_MACHINES: lambda _rows: [],
    How.TWICE: lambda rows: rows * 2,
}
