"""The comparison of our copy of RunPod's schemas with what is published: prose is passed over, facts are not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hack.runpod_schemas import bare, differences, main

from gpuwright_sandbox.runpod.schemas import document

REF = "#/components/schemas/"


def published() -> dict[str, Any]:
    """Return a document as RunPod would publish it if ours were right, with prose."""
    ours = document()
    paths: dict[str, Any] = {}
    for name, call in ours["operations"].items():
        paths.setdefault(call["path"], {})[call["method"].lower()] = {
            "operationId": name,
            "description": "prose",
            "parameters": [{"name": parameter, "in": "query"} for parameter in call["query"]],
            "responses": {status: _answer(schema) for status, schema in call["answers"].items()},
            **({"requestBody": _content(call["request"])} if call["request"] else {}),
        }
    schemas = copy.deepcopy(ours["components"]["schemas"])
    schemas["Pod"]["description"] = "prose"
    schemas["GpuType"]["properties"]["name"]["examples"] = ["prose"]
    schemas["Other"] = {"type": "object"}
    return {"paths": paths, "components": {"schemas": schemas}}


def _content(schema: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": f"{REF}{schema}"}}}}


def _answer(schema: str | None) -> dict[str, Any]:
    return {"description": "prose"} if schema is None else _content(schema)


def test_prose_is_no_difference() -> None:
    assert [*differences(document(), published())] == []


def test_a_field_that_is_called_like_prose_is_a_fact() -> None:
    schema = {"properties": {"title": {"type": "string", "title": "prose"}}, "title": "prose", "x-prose": 1}
    assert bare(schema) == {"properties": {"title": {"type": "string"}}}


def _another_bound(found: dict[str, Any]) -> None:
    found["components"]["schemas"]["PersistentMount"]["properties"]["size"]["minimum"] = 20


def _no_such_schema(found: dict[str, Any]) -> None:
    del found["components"]["schemas"]["PodStatus"]


def _no_such_call(found: dict[str, Any]) -> None:
    del found["paths"]["/v2/pods/{id}/action"]


def _another_parameter(found: dict[str, Any]) -> None:
    found["paths"]["/v2/pods"]["get"]["parameters"].append({"name": "name", "in": "query"})


def _another_answer(found: dict[str, Any]) -> None:
    found["paths"]["/v2/pods"]["post"]["responses"]["202"] = _content("Pod")


def _another_request(found: dict[str, Any]) -> None:
    found["paths"]["/v2/pods"]["post"]["requestBody"] = _content("Pod")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (_another_bound, "the schema PersistentMount is another one"),
        (_no_such_schema, "the schema PodStatus is another one"),
        (_no_such_call, "there is no call podAction at POST /v2/pods/{id}/action"),
        (_another_parameter, "the call listPods has the parameters ['includeClusterPods', 'name']"),
        (
            _another_answer,
            "the call createPod is answered with {'201': 'Pod', 'default': 'ErrorResponse', '202': 'Pod'}",
        ),
        (_another_request, "the call createPod carries Pod"),
    ],
)
def test_a_fact_that_has_changed_is_told(change: Callable[[dict[str, Any]], None], line: str) -> None:
    found = published()
    change(found)
    assert [*differences(document(), found)] == [line]


def test_the_tool_ends_with_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(published()), encoding="utf-8")
    assert main([str(path)]) == 0
    changed = published()
    _another_bound(changed)
    path.write_text(json.dumps(changed), encoding="utf-8")
    assert main([str(path)]) == 1
    assert main([]) == 2
    assert capsys.readouterr().out.splitlines()[0] == "no differences"
