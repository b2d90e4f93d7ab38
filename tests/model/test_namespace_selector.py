"""Namespaces are let in by name and by label, and nobody is let in by a slip of the pen."""

from typing import Any

import pytest
from pydantic import ValidationError
from tests.crds.schema import example

from gpuwright.model.api_base import sentences
from gpuwright.model.namespace_selector import AllowedNamespaces, NamespaceSelector
from gpuwright.model.provider_spec import ClusterProviderSpec

Spec = dict[str, Any]
MINIMAL: Spec = example("provider.yaml", "gateway")["spec"]


def opened(**allowed: object) -> Spec:
    return {**MINIMAL, "allowedNamespaces": allowed}


def refusal(spec: Spec) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        ClusterProviderSpec.model_validate(spec)
    return sentences(caught.value)


LABELS = {"gpu": "true", "tier": "research"}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, True),
        ({"matchLabels": {"gpu": "true"}}, True),
        ({"matchLabels": {"gpu": "true", "tier": "research"}}, True),
        ({"matchLabels": {"gpu": "true", "tier": "production"}}, False),
        ({"matchLabels": {"missing": ""}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["research", "b"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["b"]}]}, False),
        ({"matchExpressions": [{"key": "missing", "operator": "In", "values": ["b"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["b"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["research"]}]}, False),
        ({"matchExpressions": [{"key": "missing", "operator": "NotIn", "values": ["b"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "missing", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "missing", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchLabels": {"gpu": "true"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]}, False),
    ],
    ids=str,
)
def test_a_selector_matches_as_everywhere_in_kubernetes(selector: Spec, matches: bool) -> None:
    assert NamespaceSelector.model_validate(selector).matches(LABELS) is matches


@pytest.mark.parametrize(
    ("allowed", "admitted"),
    [
        ({}, False),
        ({"names": ["team-a"]}, True),
        ({"names": ["team-b"]}, False),
        ({"selector": {}}, True),
        ({"selector": {"matchLabels": {"gpu": "true"}}}, True),
        ({"names": ["team-b"], "selector": {"matchLabels": {"gpu": "true"}}}, True),
        ({"names": ["team-b"], "selector": {"matchLabels": {"gpu": "false"}}}, False),
    ],
    ids=str,
)
def test_a_namespace_is_admitted_by_name_or_by_label(allowed: Spec, admitted: bool) -> None:
    assert AllowedNamespaces.model_validate(allowed).admit("team-a", LABELS) is admitted


@pytest.mark.parametrize(
    "expression",
    [
        {"key": "a", "operator": "In"},
        {"key": "a", "operator": "NotIn", "values": []},
        {"key": "a", "operator": "Exists", "values": ["b"]},
        {"key": "a", "operator": "DoesNotExist", "values": ["b"]},
    ],
    ids=str,
)
def test_values_are_given_where_they_are_compared_and_nowhere_else(expression: Spec) -> None:
    assert refusal(opened(selector={"matchExpressions": [expression]})) == (
        "spec.allowedNamespaces.selector.matchExpressions.0: "
        "In and NotIn need values, Exists and DoesNotExist take none",
    )


@pytest.mark.parametrize("key", ["", "a b", "/a", "a/", "A/b", "a/b/c", "a" * 64, "-a"])
def test_a_key_that_no_label_can_have_is_refused(key: str) -> None:
    assert refusal(opened(selector={"matchLabels": {key: "a"}}))
    assert refusal(opened(selector={"matchExpressions": [{"key": key, "operator": "Exists"}]}))


@pytest.mark.parametrize("value", ["a b", "-a", "a_", "a" * 64, "é"])
def test_a_value_that_no_label_can_have_is_refused(value: str) -> None:
    assert refusal(opened(selector={"matchLabels": {"a": value}}))


def test_a_namespace_is_named_once() -> None:
    assert refusal(opened(names=["a", "a"])) == ("spec.allowedNamespaces.names: each namespace may stand there once",)
