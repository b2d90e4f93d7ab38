"""docs/api.md: every field of the CRDs stands in it, with what the CRD says."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hack.api_reference import Field, fields, rules

from hack import api_reference

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["size"],
    "x-kubernetes-validations": [{"rule": "true", "message": "size or name"}],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 64, "default": 2, "description": "Such as 2. How many."},
        "mode": {"type": "string", "enum": ["On|Off", "Auto"], "description": "a\n  b"},
        "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "ports": {
            "type": "array",
            "maxItems": 8,
            "items": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 63}}},
        },
        "block": {"type": "object", "default": {}, "properties": {"memory": {"x-kubernetes-int-or-string": True}}},
    },
}


def found(path: str) -> Field:
    (field,) = [field for field in fields(SCHEMA, "") if field.path == path]
    return field


def test_the_committed_document_is_what_the_crds_give() -> None:
    assert api_reference.TARGET.read_text() == api_reference.wanted()


def leaves(schema: dict[str, Any]) -> int:
    """Count the properties of a schema in another way than the code does: over its YAML."""
    if isinstance(schema, dict):
        own = len(schema["properties"]) if isinstance(schema.get("properties"), dict) else 0
        return own + sum(leaves(value) for key, value in schema.items() if key not in {"default", "enum"})
    return 0


@pytest.mark.parametrize("path", sorted(api_reference.CRDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_field_is_left_out(path: Path) -> None:
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    for part in ("spec", "status"):
        listed = [*fields(properties[part], "")]
        assert len(listed) == leaves(properties[part])
        assert [field.path for field in listed if f"`{field.path}`" not in api_reference.TARGET.read_text()] == []


def test_every_kind_has_its_spec_and_its_status() -> None:
    text = api_reference.wanted()
    for kind in ("ComputeInstance", "ComputeProvider", "ClusterComputeProvider"):
        assert f"### {kind} spec\n" in text
        assert f"### {kind} status\n" in text


def test_fields_are_named_by_their_way_from_the_top() -> None:
    assert [field.path for field in fields(SCHEMA, "")] == [
        "size", "mode", "tags", "ports", "ports[].name", "block", "block.memory",
    ]  # fmt: skip


def test_a_field_says_its_type_default_and_bounds() -> None:
    assert (found("size").type, found("size").default, found("size").bounds) == (
        "integer",
        "`2`",
        "at least 1; at most 64",
    )
    assert found("size").required
    assert found("tags").type == "map of strings"
    assert (found("ports").type, found("ports").bounds) == ("list of objects", "at most 8 entries")
    assert found("block.memory").type == "integer or string"
    assert found("block").default == "", "it is made of its fields' defaults"
    assert found("mode").bounds == "one of `On|Off`, `Auto`"


def test_rules_stand_with_their_place_and_words() -> None:
    assert [*rules(SCHEMA, "spec")] == [("spec", "size or name")]


def test_a_cell_is_one_line_and_a_bar_does_not_end_it() -> None:
    crd = {
        "spec": {
            "group": "example.dev",
            "scope": "Namespaced",
            "names": {"kind": "Thing", "shortNames": ["th"]},
            "versions": [
                {
                    "name": "v1",
                    "schema": {
                        "openAPIV3Schema": {"description": "A thing.", "properties": {"spec": SCHEMA, "status": SCHEMA}}
                    },
                }
            ],
        }
    }
    text = api_reference.page([crd])
    assert r"| `mode` | string |  | a b (one of `On\|Off`, `Auto`) |" in text
    assert "| `size` (required) | integer | `2` | Such as 2. How many. (at least 1; at most 64) |" in text


def test_check_finds_what_is_out_of_date_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "api.md"
    monkeypatch.setattr(api_reference, "TARGET", target)
    assert api_reference.main(["--check"]) == 1
    assert "make reference" in capsys.readouterr().out
    assert not target.exists()
    assert api_reference.main([]) == 0
    assert api_reference.main(["--check"]) == 0
