"""The documents say what the code says: names resolve, tables are complete, blocks parse, the server takes them."""

import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import kopf
import pytest
import yaml
from tests.docs.pages import ROOT, Block, Page, anchor, function, mentions_in_code, named, page, pages, rows

from gpuwright import handlers
from gpuwright.model.conditions import Reason
from gpuwright.model.event_reasons import EventReason
from gpuwright.model.memory import Outcome
from gpuwright.model.resources import GROUP
from gpuwright.telemetry import LOG_FIELDS
from gpuwright_sandbox.controlplane.plane import ControlPlane
from hack import reference

PAGES = pages()
WRITTEN_HERE = (
    "protocol.md",
    "gateway.md",
    "kopf.md",
    "architecture.md",
    "reasons.md",
    "metrics.md",
    "operations.md",
    "gitops.md",
    "adding-a-provider.md",
    "index.md",
    "quickstart.md",
    "concepts.md",
    "api.md",
    "runbooks.md",
)
YAML_BLOCKS = [block for found in PAGES for block in found.blocks if block.language == "yaml"]
JSON_BLOCKS = [block for found in PAGES for block in found.blocks if block.language == "json"]
OF_THE_SERVER = (f"{GROUP}/", "rbac.authorization.k8s.io/")
"""API groups of which the server is asked whether it takes a manifest of the documents."""

PARTS_OF_A_REASON = ("- **When.** ", "- **Money.** ", "- **Do.** ")


def each_page(found: Page) -> str:
    return found.name


@pytest.mark.parametrize("name", WRITTEN_HERE)
def test_a_document_begins_with_one_title(name: str) -> None:
    assert [level for level, _words in page(name).headings].count(1) == 1


@pytest.mark.parametrize("found", PAGES, ids=each_page)
def test_every_link_leads_somewhere(found: Page) -> None:
    lost = []
    for target in found.links:
        path, _, part = target.partition("#")
        there = found if not path else Page((found.path.parent / path).resolve())
        if not there.path.exists() or (part and part not in there.anchors):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize("found", PAGES, ids=each_page)
def test_every_function_that_is_named_exists(found: Page) -> None:
    for mention in found.functions:
        assert function(mention) is not None, mention


@pytest.mark.parametrize("found", PAGES, ids=each_page)
def test_every_dotted_name_exists(found: Page) -> None:
    for mention in found.dotted_names:
        assert named(mention) is not None, mention


@pytest.mark.parametrize("found", PAGES, ids=each_page)
def test_no_heading_stands_twice(found: Page) -> None:
    anchors = [anchor(words) for _level, words in found.headings]
    assert len(anchors) == len({*anchors}), "the second one gets another anchor, so links to it lead to the first"


@pytest.mark.parametrize(("source", "document", "heading"), [*mentions_in_code()])
def test_what_the_code_says_of_a_document_is_there(source: str, document: str, heading: str) -> None:
    assert (ROOT / "docs" / document).exists(), source
    if heading:
        assert heading in {words for _level, words in page(document).headings}, source


def test_mentions_of_documents_are_found_in_the_code() -> None:
    found = {(document, heading) for _source, document, heading in mentions_in_code()}
    assert {("protocol.md", "Words"), ("protocol.md", "Delete"), ("protocol.md", "Outcomes")} <= found


# reasons.md


def test_every_reason_has_a_section_and_every_section_a_reason() -> None:
    words = [words for level, words in page("reasons.md").headings if level == 3]
    assert sorted(words) == sorted({*map(str, Reason), *map(str, EventReason)})


@pytest.mark.parametrize("reason", sorted({*map(str, Reason), *map(str, EventReason)}))
def test_a_section_says_when_what_it_means_for_money_and_what_to_do(reason: str) -> None:
    section = page("reasons.md").section(reason)
    assert [part for part in PARTS_OF_A_REASON if part not in section] == []


@pytest.mark.parametrize("reason", [*EventReason])
def test_a_section_tells_of_the_event(reason: EventReason) -> None:
    assert "Event" in page("reasons.md").section(reason)


@pytest.mark.parametrize("reason", [*Reason])
def test_the_anchor_of_a_reason_is_its_word_in_lower_case(reason: Reason) -> None:
    assert reason.lower() in page("reasons.md").anchors


# metrics.md, operations.md


def test_every_metric_is_documented() -> None:
    text = page("metrics.md").text
    assert [metric.name for metric in reference.metrics() if f"`{metric.name}`" not in text] == []


@pytest.mark.parametrize("found", PAGES, ids=each_page)
def test_every_metric_that_is_mentioned_exists(found: Page) -> None:
    known = {metric.name for metric in reference.metrics()}
    mentioned = {name for words in found.code for name in re.findall(r"\bgpuwright_[a-z_]+\b", words)}
    assert {name for name in mentioned if name != "gpuwright_sandbox" and name not in known} == set()


def test_every_label_is_explained() -> None:
    explained = {
        words for cells in rows(page("metrics.md").section("Labels")) for words in re.findall("`([a-z]+)`", cells[0])
    }
    labels = {label for metric in reference.metrics() for label in metric.labels}
    assert labels - {"method", "namespace", "version"} <= explained


def test_every_log_field_is_listed() -> None:
    section = page("operations.md").section("Reading status and logs")
    assert [field for field in LOG_FIELDS if f"`{field}`" not in section] == []


@pytest.mark.parametrize(
    "words",
    [
        "create answered",
        "a pass failed and will be repeated",
        "an outcome could not be written yet",
        "may still bill",
        "a terminate was not accepted",
    ],
)
def test_a_log_line_to_search_for_is_written_by_the_code(words: str) -> None:
    assert words in page("operations.md").text
    assert any(words in path.read_text() for path in (ROOT / "operator").rglob("*.py"))


# protocol.md


def diagram() -> str:
    (block,) = [block for block in page("protocol.md").blocks if block.language == "mermaid"]
    return block.body


def test_the_diagram_has_exactly_the_outcomes_that_there_are() -> None:
    states = {state for line in re.findall(r"(\S+) --> (\w+)", diagram()) for state in line if state != "[*]"}
    assert states == {*map(str, Outcome)}


@pytest.mark.parametrize("outcome", [*Outcome])
def test_an_outcome_is_explained(outcome: Outcome) -> None:
    explained = {cells[0] for cells in rows(page("protocol.md").section("Outcomes"))}
    assert f"`{outcome}`" in explained


def test_every_clause_names_what_holds_it() -> None:
    clauses = rows(page("protocol.md").section("Clauses"))
    assert len(clauses) > 30
    assert [cells[0] for cells in clauses if ".py:" not in cells[2]] == []


# architecture.md


def test_the_layers_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["id"] == "layers"]
    (block,) = [block for block in page("architecture.md").blocks if block.language == "text"]
    assert block.body.splitlines() == layers


def test_the_table_of_decisions_answers_with_functions() -> None:
    answers = rows(page("architecture.md").section("Where is X decided?"))
    assert len(answers) >= 12
    assert [cells[0] for cells in answers if ".py:" not in cells[1]] == []


# kopf.md


def settings_of(configured: kopf.OperatorSettings) -> dict[str, Any]:
    """Return each setting of kopf by its dotted name."""
    return {
        f"{group}.{name}": value
        for group in (
            "persistence",
            "queueing",
            "watching",
            "networking",
            "scanning",
            "posting",
            "peering",
            "execution",
        )
        for name, value in vars(getattr(configured, group)).items()
        if not name.startswith("_")
    }


def configured() -> Mapping[str, Any]:
    """Return the settings of kopf as the operator sets them."""
    settings = kopf.OperatorSettings()
    handlers._configure(settings, Random(1))
    return settings_of(settings)


def as_written(value: Any) -> str:
    """Return a value as the table shows it: as it prints, or the name of its class."""
    return str(value) if value is None or isinstance(value, str | int | float) else type(value).__name__


def table_of_settings() -> dict[str, str]:
    return {cells[0].strip("`"): cells[1].strip("`") for cells in rows(page("kopf.md").section("Settings"))}


def test_the_values_in_the_table_are_those_that_are_set() -> None:
    found = configured()
    assert table_of_settings() == {name: as_written(found[name]) for name in table_of_settings()}


def test_every_setting_that_is_set_stands_in_the_table() -> None:
    before, after = settings_of(kopf.OperatorSettings()), configured()
    changed = {name for name, value in after.items() if as_written(value) != as_written(before[name])}
    assert changed <= table_of_settings().keys()


# blocks


@pytest.mark.parametrize("block", YAML_BLOCKS, ids=str)
def test_a_yaml_block_parses(block: Block) -> None:
    assert [document for document in yaml.safe_load_all(block.body) if not isinstance(document, dict)] == []


@pytest.mark.parametrize("block", JSON_BLOCKS, ids=str)
def test_a_json_block_parses(block: Block) -> None:
    assert isinstance(yaml.safe_load(block.body), dict), "JSON is YAML"


@pytest.mark.cluster
@pytest.mark.parametrize("block", YAML_BLOCKS, ids=str)
def test_the_server_takes_a_yaml_block(block: Block, control_plane: ControlPlane, namespace: str) -> None:
    documents = [
        found for found in yaml.safe_load_all(block.body) if found.get("apiVersion", "").startswith(OF_THE_SERVER)
    ]
    for found in documents:
        if "namespace" in found["metadata"]:
            found["metadata"]["namespace"] = namespace
    answer = control_plane.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "-f", "-", input=yaml.safe_dump_all(documents)
    )
    assert not documents or answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("name", WRITTEN_HERE)
def test_no_path_of_one_machine_is_told(name: str) -> None:
    of_this_machine = [path for path in (Path.home(), ROOT, Path(tempfile.gettempdir())) if path.name]
    assert [path for path in of_this_machine if f"{path}/" in page(name).text] == []
