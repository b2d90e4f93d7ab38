"""Manifests, fitted to a run."""

from pathlib import Path

import pytest
import yaml

from gpuwright_sandbox.demo.errors import NotStartedError
from gpuwright_sandbox.demo.manifests import PLACEHOLDER, renamed, with_endpoint

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "demo"


def test_the_providers_endpoint_is_that_of_this_run_and_nothing_else_changes() -> None:
    text = (EXAMPLES / "provider.yaml").read_text()
    secret, provider = yaml.safe_load_all(with_endpoint(text, "http://127.0.0.1:4711"))
    assert provider["spec"]["gateway"]["endpoint"] == "http://127.0.0.1:4711"
    assert secret == next(iter(yaml.safe_load_all(text)))


@pytest.mark.parametrize("text", ["", f"{PLACEHOLDER} {PLACEHOLDER}"])
def test_a_manifest_without_one_place_for_the_endpoint_is_refused(text: str) -> None:
    with pytest.raises(NotStartedError, match=PLACEHOLDER):
        with_endpoint(text, "http://127.0.0.1:4711")


def test_copies_differ_by_name_only() -> None:
    text = (EXAMPLES / "plain.yaml").read_text()
    first, second = yaml.safe_load_all(renamed(text, ("one", "two")))
    assert (first["metadata"]["name"], second["metadata"]["name"]) == ("one", "two")
    assert first["spec"] == second["spec"] == yaml.safe_load(text)["spec"]
    assert first["metadata"]["namespace"] == "team-a"
