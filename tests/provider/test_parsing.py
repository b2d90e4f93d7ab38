"""A provider's spec, or sentences about what is wrong with it."""

import pytest
from tests.kube.fake_api import a_cluster_provider, a_provider

from gpuwright.model.provider_spec import ClusterProviderSpec, ProviderSpec
from gpuwright.provider.parsing import parse_provider

ENDPOINT = "https://gateway.example"


def test_a_good_spec_is_parsed() -> None:
    spec, problem = parse_provider("ComputeProvider", a_provider(ENDPOINT, limits={"maxInstances": 3}))
    assert (type(spec), problem) == (ProviderSpec, "")
    assert spec is not None
    assert spec.limits.max_instances == 3


def test_a_cluster_provider_has_what_only_it_can_have() -> None:
    body = a_cluster_provider(ENDPOINT, allowedNamespaces={"names": ["team-a"]}, adoption="Allowed")
    spec, _problem = parse_provider("ClusterComputeProvider", body)
    assert isinstance(spec, ClusterProviderSpec)
    assert spec.allowed_namespaces is not None
    namespaced, _problem = parse_provider("ComputeProvider", body)
    assert not isinstance(namespaced, ClusterProviderSpec)


@pytest.mark.parametrize("body", [{}, {"spec": None}, {"spec": {}}, {"spec": {"type": "Gateway"}}], ids=repr)
def test_an_empty_spec_is_told_in_sentences(body: dict[str, object]) -> None:
    spec, problem = parse_provider("ComputeProvider", body)
    assert spec is None
    assert problem.startswith(("spec.", "spec: "))


def test_all_that_is_wrong_is_told_at_once() -> None:
    body = a_provider("ftp://gateway.example", settleSeconds=10, limits={"maxInFlight": 0})
    spec, problem = parse_provider("ComputeProvider", body)
    assert spec is None
    assert "spec.gateway.endpoint: must begin with https:// or http://" in problem
    assert "spec.limits.maxInFlight" in problem


def test_no_problem_shows_what_was_written() -> None:
    _spec, problem = parse_provider("ComputeProvider", a_provider("https://user:s3cret@gateway.example"))
    assert problem
    assert "s3cret" not in problem
