"""Compare the sandbox's copy of RunPod's schemas with RunPod's published document, which is not kept here.

`python -m hack.runpod_schemas OPENAPI_JSON` says what is different, and exits 1 then. Prose counts for nothing: the
copy has names, types and bounds only.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gpuwright_sandbox.runpod.schemas import document

PROSE = frozenset({"description", "example", "examples", "title"})
PROBLEM = "#/components/schemas/ErrorResponse"


def bare(node: Any, *, names: bool = False) -> Any:
    """Return a schema without its prose; under `properties` every key is a name."""
    if isinstance(node, Mapping):
        kept = {key: value for key, value in node.items() if names or not (key in PROSE or key.startswith("x-"))}
        return {key: bare(value, names=key == "properties" and not names) for key, value in kept.items()}
    return [bare(value) for value in node] if isinstance(node, list) else node


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line for each schema and each call of ours that is not as it is published."""
    published = theirs["components"]["schemas"]
    for name, schema in ours["components"]["schemas"].items():
        if bare(published.get(name)) != schema:
            yield f"the schema {name} is another one"
    for name, call in ours["operations"].items():
        found = theirs["paths"].get(call["path"], {}).get(call["method"].lower())
        if found is None or found["operationId"] != name:
            yield f"there is no call {name} at {call['method']} {call['path']}"
            continue
        if _request(found) != call["request"]:
            yield f"the call {name} carries {_request(found)}"
        if _query(found, theirs) != sorted(call["query"]):
            yield f"the call {name} has the parameters {_query(found, theirs)}"
        if _answers(found, theirs) != call["answers"]:
            yield f"the call {name} is answered with {_answers(found, theirs)}"


def _request(call: Mapping[str, Any]) -> str | None:
    body = call.get("requestBody")
    return None if body is None else _name(body["content"]["application/json"]["schema"]["$ref"])


def _query(call: Mapping[str, Any], whole: Mapping[str, Any]) -> list[str]:
    found = (_followed(parameter, whole) for parameter in call.get("parameters", ()))
    return sorted(parameter["name"] for parameter in found if parameter["in"] == "query")


def _answers(call: Mapping[str, Any], whole: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the schema of each answer; what is answered with the common shape of errors stands under `default`."""
    found = {status: _body(_followed(answer, whole)) for status, answer in call["responses"].items()}
    return {status: name for status, name in found.items() if status == "default" or name != _name(PROBLEM)}


def _body(answer: Mapping[str, Any]) -> str | None:
    content = answer.get("content")
    return None if content is None else _name(next(iter(content.values()))["schema"]["$ref"])


def _followed(node: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = node
    if "$ref" in node:
        found = whole
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
    return found  # type: ignore[no-any-return]  # JSON


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def main(arguments: list[str]) -> int:
    """Print the differences from the document at the path that is given; return how the process ends."""
    if len(arguments) != 1:
        print("give the path of RunPod's openapi.json")
        return 2
    found = [*differences(document(), json.loads(Path(arguments[0]).read_text(encoding="utf-8")))]
    print("\n".join(found) or "no differences")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
