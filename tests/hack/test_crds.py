"""The generated CRDs: what holds for every field of every kind, and that crds/ is what the models give."""

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import Field
from tests.crds.schema import CRDS, PLURALS, ROOT, Node, definition, every_place, part, version

from gpuwright.model.api_base import RULES, ApiModel, Must, Rule, crd
from hack import crds

PARTS = [(plural, name) for plural in PLURALS for name in ("spec", "status")]
OWN_WORDS = {
    "conditions[].status",
    "launch.providerRef.kind",
    "launch.outcome",
    "launch.ending.reason",
    "attempts[].providerRef.kind",
    "attempts[].outcome",
    "residue[].providerRef.kind",
    "machine.state",
    "breaker.state",
    "capabilities.createKey",
    "capabilities.priceCeiling",
}
"""The places of status with an enum: words that the operator chooses, never a provider."""


def fields(plural: str, name: str) -> Iterator[tuple[str, Node]]:
    """Yield every field with a name, so neither list items nor map values."""
    return ((at, node) for at, node in every_place(plural, name).items() if not at.endswith(("[]", "{}")))


def test_the_committed_files_are_what_the_models_give() -> None:
    assert list(crds.generated()[0].differences()) == []


def test_the_charts_copies_are_what_the_models_give() -> None:
    assert list(crds.generated()[1].differences()) == []


def test_a_copy_that_helm_would_read_as_its_own_is_refused() -> None:
    name, text = next(iter(crds.files().items()))
    with pytest.raises(crds.UntranslatableError):
        crds._template(name, text.replace("Always", "Always {{ .Values }}"))


def test_generating_twice_gives_the_same() -> None:
    assert crds.files() == crds.files()


@pytest.mark.parametrize(("plural", "name"), PARTS)
def test_every_field_is_described(plural: str, name: str) -> None:
    assert [at for at, node in fields(plural, name) if len(node.get("description", "")) < 15] == []


@pytest.mark.parametrize("plural", PLURALS)
def test_the_description_of_a_spec_field_ends_with_its_default(plural: str) -> None:
    found = [(at, node) for at, node in fields(plural, "spec") if at != "spec"]
    assert [at for at, node in found if not re.search(r"(Required|Default: .+)\.$", node["description"])] == []


@pytest.mark.parametrize("plural", PLURALS)
def test_a_default_that_is_said_is_the_one_that_is_set(plural: str) -> None:
    for at, node in fields(plural, "spec"):
        default = node.get("default")
        if default not in (None, {}):
            said = str(default).lower() if isinstance(default, bool) else yaml_text(default)
            assert node["description"].endswith(f"Default: {said}."), at


@pytest.mark.parametrize("plural", PLURALS)
def test_a_required_field_says_so_and_no_other_does(plural: str) -> None:
    known = every_place(plural)
    required = {f"{at}.{name}" for at, node in known.items() for name in node.get("required", ())}
    said = {at for at, node in known.items() if node.get("description", "").endswith("Required.")}
    assert said == required


@pytest.mark.parametrize(("plural", "name"), PARTS)
def test_only_words_of_a_structural_schema_are_used(plural: str, name: str) -> None:
    allowed = {*crds.KEPT, "description", "default", "properties", "items", "additionalProperties", RULES}
    assert {word for node in every_place(plural, name).values() for word in node} <= allowed


@pytest.mark.parametrize(("plural", "name"), PARTS)
def test_no_default_stands_inside_a_list(plural: str, name: str) -> None:
    assert [at for at, node in every_place(plural, name).items() if "[]" in at and "default" in node] == []


@pytest.mark.parametrize("plural", PLURALS)
def test_every_text_list_and_map_of_spec_is_bounded(plural: str) -> None:
    for at, node in every_place(plural).items():
        text = node.get("type") == "string" or "x-kubernetes-int-or-string" in node
        assert not text or "enum" in node or "maxLength" in node, at
        assert node.get("type") != "array" or "maxItems" in node, at
        assert "additionalProperties" not in node or "maxProperties" in node, at
        assert node.get("type") != "integer" or {"minimum", "maximum"} <= set(node), at


@pytest.mark.parametrize(("plural", "name"), PARTS)
def test_every_list_says_how_it_is_merged(plural: str, name: str) -> None:
    for at, node in every_place(plural, name).items():
        if node.get("type") == "array":
            keys = node.get("x-kubernetes-list-map-keys", [])
            assert node["x-kubernetes-list-type"] in {"atomic", "set", "map"}, at
            assert bool(keys) == (node["x-kubernetes-list-type"] == "map"), at
            assert set(keys) <= set(node["items"].get("required", [])), at


@pytest.mark.parametrize("plural", PLURALS)
def test_status_refuses_no_word_from_outside(plural: str) -> None:
    known = every_place(plural, "status")
    assert {at.removeprefix("status.") for at, node in known.items() if "enum" in node} <= OWN_WORDS
    for at, node in known.items():
        assert not {"pattern", "maxLength", "minimum", "maximum"} & set(node), at
        assert "format" not in node or node["type"] == "integer" or at.endswith("lastTransitionTime"), at
        assert "required" not in node or at == "status.conditions[]", at


@pytest.mark.parametrize(("plural", "name"), PARTS)
def test_no_field_and_no_word_is_a_boolean_of_yaml(plural: str, name: str) -> None:
    for at, node in every_place(plural, name).items():
        assert at.rpartition(".")[2].lower() not in crds.READ_AS_BOOLEAN
        words = {word.lower() for word in node.get("enum", ())}
        # The one exception is Kubernetes' own: the status of a condition is "True", "False" or "Unknown".
        assert not words & crds.READ_AS_BOOLEAN or at == "status.conditions[].status"


class OldLoader(yaml.SafeLoader):
    """Reads y and n as booleans too, as YAML 1.1 says and kubectl does; PyYAML leaves them out."""


OldLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))


@pytest.mark.parametrize("kind", crds.KINDS, ids=lambda kind: kind.name)
def test_a_reader_of_yaml_1_1_reads_what_was_meant(kind: crds.Kind) -> None:
    assert yaml.load(crds.rendered(kind), OldLoader) == crds.crd(kind)


@pytest.mark.parametrize("word", sorted(crds.READ_AS_BOOLEAN | {"Y", "No", "ON", "null", "1", "1e3", "2026-11-22"}))
def test_every_text_that_could_be_misread_is_quoted(word: str) -> None:
    written = yaml.dump({word: word}, Dumper=crds.QuotingDumper)
    assert re.fullmatch(rf"""(["']){word}\1: (["']){word}\2\n""", written)


@pytest.mark.parametrize("plural", PLURALS)
def test_every_rule_says_what_is_wrong_in_one_line(plural: str) -> None:
    for at, node in every_place(plural).items():
        for rule in node.get(RULES, ()):
            message = rule.get("message") or rule["messageExpression"]
            assert message.strip() == message, at
            assert "\n" not in message, at
            assert rule.get("fieldPath", ".")[1:] in {"", *node.get("properties", {})}, at


@pytest.mark.parametrize("plural", PLURALS)
def test_a_rule_about_changes_forbids_and_says_what_to_do_instead(plural: str) -> None:
    for at, node in every_place(plural).items():
        for rule in node.get(RULES, ()):
            about_changes = "oldSelf" in rule["rule"]
            assert (rule.get("reason") == "FieldValueForbidden") == about_changes, at
            assert not about_changes or "create another" in rule["message"], at


@pytest.mark.parametrize(
    ("plural", "kind", "short", "scope"),
    [
        ("computeinstances", "ComputeInstance", "gwi", "Namespaced"),
        ("computeproviders", "ComputeProvider", "gwprov", "Namespaced"),
        ("clustercomputeproviders", "ClusterComputeProvider", "gwcprov", "Cluster"),
    ],
)
def test_the_names_are_those_of_the_contract(plural: str, kind: str, short: str, scope: str) -> None:
    spec = definition(plural)["spec"]
    assert spec["group"] == "gpuwright.dev"
    assert spec["scope"] == scope
    assert spec["names"] == {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": [short],
        "categories": ["gpuwright"],
    }
    assert version(plural)["name"] == "v1alpha1"
    assert version(plural)["subresources"] == {"status": {}}


def test_the_columns_are_those_of_the_contract() -> None:
    def headings(plural: str, wide: bool) -> list[str]:
        columns = version(plural)["additionalPrinterColumns"]
        return [column["name"] for column in columns if ("priority" in column) is wide]

    assert headings("computeinstances", False) == ["Ready", "Status", "Provider", "Type", "Region", "Price/h", "Age"]
    assert headings("computeinstances", True) == ["ID", "Machine", "Attempt", "GPU", "Address", "Message"]
    for plural in ("computeproviders", "clustercomputeproviders"):
        assert headings(plural, False) == ["Ready", "Status", "Type", "Instances", "Draining", "Age"]
        assert headings(plural, True) == ["Breaker", "Orphans", "Message"]


@pytest.mark.parametrize("plural", PLURALS)
def test_every_path_of_a_column_and_of_a_selectable_field_exists(plural: str) -> None:
    known = {at for name in ("spec", "status") for at in every_place(plural, name)}
    columns = [column["jsonPath"] for column in version(plural)["additionalPrinterColumns"]]
    paths = [*columns, *(field["jsonPath"] for field in version(plural).get("selectableFields", ()))]
    asked = {re.sub(r"\[[^]]*\]", "[]", path).removeprefix(".") for path in paths}
    assert asked - known == {"metadata.creationTimestamp"}


def test_an_instance_can_be_selected_by_machine_summary_and_provider() -> None:
    found = [field["jsonPath"] for field in version("computeinstances")["selectableFields"]]
    assert found == [".status.machine.id", ".status.summary", ".status.launch.providerRef.name"]


@pytest.mark.parametrize("plural", PLURALS)
def test_status_has_a_default_that_says_nobody_has_looked(plural: str) -> None:
    default = part(plural, "status")["default"]
    (condition,) = default["conditions"]
    assert (default["observedGeneration"], default["summary"]) == (0, "Waiting")
    assert (condition["type"], condition["status"], condition["reason"]) == ("Ready", "Unknown", "WaitingForOperator")


@pytest.mark.parametrize("path", sorted(CRDS.glob("*.yaml")), ids=lambda path: path.name)
def test_a_file_fits_into_the_annotation_of_kubectl_apply(path: Path) -> None:
    assert path.stat().st_size < 262_144
    assert path.read_text(encoding="utf-8").startswith("# generated by make crds; do not edit\n")


def test_the_shape_of_status_costs_the_operator_nothing() -> None:
    importing = [
        path.name
        for path in (ROOT / "operator").rglob("*.py")
        if not path.name.endswith("status_schema.py")
        and re.search(r"^(from|import) .*status_schema\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert importing == []


def test_check_is_content_with_the_committed_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert crds.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_check_shows_what_differs_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(crds, "FOLDER", tmp_path)
    assert crds.main([]) == 0
    changed = tmp_path / "gpuwright.dev_computeinstances.yaml"
    changed.write_text(changed.read_text(encoding="utf-8").replace("- gwi", "- gwx"), encoding="utf-8")
    assert crds.main(["--check"]) == 1
    assert "-    - gwx\n+    - gwi\n" in capsys.readouterr().out


class Colour(StrEnum):
    """An invented word."""

    RED = "Red"


class Rim(ApiModel):
    """An invented block."""

    colour: Colour = Field(Colour.RED, description="Its colour.")
    holes: int | None = Field(None, ge=1)


class Wheel(ApiModel):
    """An invented block with a block."""

    rim: Rim = Field(Rim(), description="Its rim.", json_schema_extra=crd(parent_rules=[Rule("true", "stays", "rim")]))
    names: Annotated[dict[str, str], Must("self.size() > 0", bool, "needs names")] = Field({})
    spokes: list[int] = Field([], json_schema_extra=crd(list_type="atomic"))


def test_a_model_becomes_a_structural_schema() -> None:
    assert crds.model_schema(Wheel) == {
        "description": "An invented block with a block.",
        "type": "object",
        "properties": {
            "rim": {
                "description": "Its rim.",
                "type": "object",
                "default": {},
                "properties": {
                    "colour": {"description": "Its colour.", "type": "string", "enum": ["Red"], "default": "Red"},
                    "holes": {"type": "integer", "minimum": 1, "format": "int64"},
                },
            },
            "names": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                RULES: [{"rule": "self.size() > 0", "message": "needs names"}],
            },
            "spokes": {
                "type": "array",
                "x-kubernetes-list-type": "atomic",
                "items": {"type": "integer", "format": "int64"},
            },
        },
        RULES: [{"rule": "true", "message": "stays", "fieldPath": ".rim"}],
    }


class Choice(ApiModel):
    """What a CRD has no word for: one of two types."""

    value: int | str


class Sale(ApiModel):
    """What would make every apply a change: a default inside a list."""

    rims: list[Rim]


class Exclusive(ApiModel):
    """What a CRD spells in another way."""

    size: int = Field(gt=0)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [(Choice, "a choice of types"), (Sale, "a default inside a list item"), (Exclusive, "exclusiveMinimum")],
)
def test_what_a_crd_cannot_say_is_not_lost_in_silence(model: type[ApiModel], sentence: str) -> None:
    with pytest.raises(crds.UntranslatableError, match=sentence):
        crds.model_schema(model)


def yaml_text(value: Any) -> str:
    """Return a default as its description writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}": {below}' for key, below in value.items()) + "}"
    return str(value)
