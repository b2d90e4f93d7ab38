"""The SBOM: exactly what the lock installs, with its hashes, and nothing of this machine."""

import json
import os
import re

import pytest

from hack import programs, sbom


@pytest.fixture(scope="module")
def bom() -> sbom.Bom:
    return sbom.completed(sbom.listed(programs.find("cyclonedx-py", os.environ)))


def locked() -> dict[str, str]:
    text = (sbom.ROOT / "requirements" / "runtime.txt").read_text()
    return {sbom.normal(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.MULTILINE)}


def test_it_lists_what_the_lock_has(bom: sbom.Bom) -> None:
    assert {sbom.normal(entry["name"]): entry["version"] for entry in bom["components"]} == locked()


def test_every_component_can_be_identified(bom: sbom.Bom) -> None:
    assert [entry["name"] for entry in bom["components"] if not entry["purl"].startswith("pkg:pypi/")] == []
    assert [entry["name"] for entry in bom["components"] if not hashes(entry)] == []


def hashes(component: dict[str, object]) -> list[str]:
    return re.findall(r'"content": "([0-9a-f]{64})"', json.dumps(component))


def test_it_is_of_gpuwright_and_says_what_that_depends_on(bom: sbom.Bom) -> None:
    root = bom["metadata"]["component"]
    (needs,) = [entry["dependsOn"] for entry in bom["dependencies"] if entry["ref"] == root["bom-ref"]]
    names = {entry["bom-ref"]: sbom.normal(entry["name"]) for entry in bom["components"]}
    assert root["name"] == "gpuwright"
    assert {names[ref] for ref in needs} == sbom.direct()
    assert "kopf" in sbom.direct()


def test_it_is_cyclonedx_and_tells_no_path(bom: sbom.Bom) -> None:
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", sbom.SPEC)
    assert str(sbom.ROOT) not in json.dumps(bom)
    assert not any("description" in entry for entry in bom["components"])


def test_a_lock_that_lacks_a_dependency_is_refused(bom: sbom.Bom) -> None:
    short = bom | {"components": [entry for entry in bom["components"] if entry["name"] != "kopf"]}
    with pytest.raises(sbom.SbomError, match="make lock"):
        sbom.completed(short)
