"""What the demo plays on; that it starts and ends is shown by the whole demo in test_cli.py."""

from pathlib import Path

import pytest
import yaml
from tests.sandbox.demo.staging import stage_with

from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.demo.errors import NotStartedError
from gpuwright_sandbox.demo.eyes import NAMESPACE
from gpuwright_sandbox.demo.stage import EXAMPLES, PROVIDER, ROOT
from gpuwright_sandbox.gateway.settings import DEFAULT_TOKEN


def test_the_examples_name_the_provider_the_namespace_and_the_token_of_the_demo() -> None:
    for path in EXAMPLES.glob("*.yaml"):
        for body in yaml.safe_load_all(path.read_text()):
            assert body["metadata"]["namespace"] == NAMESPACE
            if body["kind"] == "ComputeInstance":
                assert body["spec"]["providerRef"] == {"name": PROVIDER}
            if body["kind"] == "ComputeProvider":
                assert body["metadata"]["name"] == PROVIDER
            if body["kind"] == "Secret":
                assert body["stringData"] == {"token": DEFAULT_TOKEN}


def test_the_root_is_where_the_custom_resources_are() -> None:
    assert list((ROOT / "crds").glob("*.yaml"))


@pytest.mark.cluster
def test_what_kubectl_refuses_is_told_in_its_own_words(control_plane: ControlPlane, tmp_path: Path) -> None:
    with stage_with(tmp_path, plane=control_plane) as stage:
        assert stage.kubectl("get", "namespaces", "-o", "name").startswith("namespace/")
        with pytest.raises(NotStartedError, match=r'kubectl get namespace nowhere: .* "nowhere" not found'):
            stage.kubectl("get", "namespace", "nowhere")
