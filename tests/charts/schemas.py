"""JSON schemas for kubeconform, made from what the API server itself publishes: nothing is downloaded."""

import json
from pathlib import Path
from typing import Any

from gpuwright_sandbox.controlplane.plane import ControlPlane

Schema = dict[str, Any]
_ROOT = "#/definitions/"


def write(plane: ControlPlane, folder: Path) -> str:
    """Write one strict schema for each kind that is served; return kubeconform's word for where they are."""
    folder.mkdir(exist_ok=True)
    definitions: dict[str, Schema] = json.loads(plane.kubectl("get", "--raw", "/openapi/v2").stdout)["definitions"]
    strict = {name: _strict(schema) for name, schema in definitions.items()}
    for name, schema in definitions.items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            group = f"{kind['group'].partition('.')[0]}-" if kind["group"] else ""
            text = {**strict[name], "definitions": _needed(strict, strict[name])}
            path = folder / f"{kind['kind'].lower()}-{group}{kind['version']}.json".lower()
            path.write_text(json.dumps(text))
    return f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def _needed(definitions: dict[str, Schema], schema: Schema) -> dict[str, Schema]:
    """Return the definitions that this one refers to, and those that they refer to."""
    found: dict[str, Schema] = {}
    waiting = _references(schema)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting |= _references(definitions[name])
    return found


def _references(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        own = {schema["$ref"].removeprefix(_ROOT)} if isinstance(schema.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in schema.values()))
    return set().union(*(_references(value) for value in schema)) if isinstance(schema, list) else set()


def _strict(schema: Any) -> Any:
    """Return the schema with every key refused that it does not name, and without what only the server reads."""
    if isinstance(schema, list):
        return [_strict(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return {"oneOf": [{"type": "string"}, {"type": "integer"}]}
    if schema.get("description", "").startswith("Quantity is a fixed-point"):
        return {"oneOf": [{"type": "string"}, {"type": "number"}]}
    kept = {key: _below(key, value) for key, value in schema.items() if not key.startswith("x-")}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        kept.setdefault("additionalProperties", False)
    return kept


def _below(key: str, value: Any) -> Any:
    """Return what stands under a keyword; under properties stand names, each with a schema."""
    if key == "properties":
        return {name: _strict(schema) for name, schema in value.items()}
    return value if key in {"enum", "default", "required", "description"} else _strict(value)
