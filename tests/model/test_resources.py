"""Paths and keys of Kubernetes objects."""

import pytest

from gpuwright.model.resources import (
    BY_KIND,
    CLUSTER_PROVIDERS,
    INSTANCES,
    NAMESPACES,
    SECRETS,
    Key,
    key_of,
    version_of,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(INSTANCES.path(), "/apis/gpuwright.dev/v1alpha1/computeinstances", id="all namespaces"),
        pytest.param(
            INSTANCES.path("team-a", "x", "status"),
            "/apis/gpuwright.dev/v1alpha1/namespaces/team-a/computeinstances/x/status",
            id="a subresource",
        ),
        pytest.param(SECRETS.path("team-a", "x"), "/api/v1/namespaces/team-a/secrets/x", id="the core group"),
        pytest.param(
            CLUSTER_PROVIDERS.path(name="x"), "/apis/gpuwright.dev/v1alpha1/clustercomputeproviders/x", id="cluster"
        ),
        pytest.param(NAMESPACES.path(name="kube-system"), "/api/v1/namespaces/kube-system", id="a namespace"),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


def test_keys_are_read_from_metadata() -> None:
    assert key_of("K", {"metadata": {"namespace": "a", "name": "b"}}) == Key("K", "a", "b")
    assert key_of("K", {"metadata": {"name": "b"}}) == Key("K", "", "b")


def test_keys_are_shown_without_their_kind() -> None:
    assert str(Key("K", "a", "b")) == "a/b"
    assert str(Key("K", "", "b")) == "b"


def test_versions_are_numbers() -> None:
    assert version_of({"metadata": {"resourceVersion": "10"}}) > version_of({"metadata": {"resourceVersion": "9"}})


def test_our_kinds_are_found_by_name() -> None:
    assert set(BY_KIND) == {"ComputeInstance", "ComputeProvider", "ClusterComputeProvider"}
