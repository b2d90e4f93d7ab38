"""What can be wrong with the pods in an answer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from gpuwright_sandbox.doubles.answers import Answer
from gpuwright_sandbox.doubles.faults import How


def edited(answer: Answer, how: How) -> Answer:
    """Return a truthful answer with something wrong in its pods."""
    body = orjson.loads(answer.body)
    lists = isinstance(body, dict) and isinstance(body.get("pods"), list)
    if lists and how is How.WITHOUT_MACHINES:
        body["pods"] = []
    elif lists and how is How.TWICE:
        body["pods"] += body["pods"]
    else:
        for pod in body["pods"] if lists else [body]:
            _PODS[how](pod)
    return replace(answer, body=orjson.dumps(body))


_PODS: Mapping[How, Callable[[dict[str, Any]], None]] = {
    How.WITHOUT_ID: lambda pod: pod.pop("id", None),
    How.WRONG_TYPES: lambda pod: pod.update(id=7, status=[], env="no map"),
    How.UNKNOWN_STATE: lambda pod: pod.update(status="HIBERNATING"),
}
