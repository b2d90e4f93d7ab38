"""PURE: the manifests of examples/demo, fitted to one run."""

from collections.abc import Iterable
from typing import Any

import yaml

from gpuwright_sandbox.demo.errors import NotStartedError

PLACEHOLDER = "http://127.0.0.1:8700"


def with_endpoint(manifest: str, url: str) -> str:
    """Return a provider's manifest with the address of this run's gateway instead of the default port's.

    Raises:
        NotStartedError: the placeholder is not there exactly once.
    """
    if manifest.count(PLACEHOLDER) != 1:
        raise NotStartedError(
            f"examples/demo/provider.yaml must name {PLACEHOLDER} once: the gateway's address goes there"
        )
    return manifest.replace(PLACEHOLDER, url)


def renamed(manifest: str, names: Iterable[str]) -> str:
    """Return copies of the one instance in a manifest, one under each name."""
    body: dict[str, Any] = yaml.safe_load(manifest)
    return yaml.safe_dump_all([{**body, "metadata": {**body["metadata"], "name": name}} for name in names])
