"""PURE: a provider object's spec, parsed."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gpuwright.model.api_base import sentences
from gpuwright.model.provider_spec import ClusterProviderSpec, ProviderSpec
from gpuwright.model.resources import CLUSTER_PROVIDERS


def parse_provider(kind: str, body: Mapping[str, Any]) -> tuple[ProviderSpec | None, str]:
    """Return the spec, or None and the sentences that say what is wrong with it."""
    model = ClusterProviderSpec if kind == CLUSTER_PROVIDERS.kind else ProviderSpec
    try:
        return model.model_validate(body.get("spec") or {}), ""
    except ValidationError as error:
        return None, "; ".join(sentences(error))
