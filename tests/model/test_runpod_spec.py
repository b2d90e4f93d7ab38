"""The block of type RunPod as it is parsed at run time; what the API server says of the same stands in tests/crds."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from tests.crds.schema import example

from gpuwright.model.api_base import sentences
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.runpod_spec import Cloud, RunpodMachine, RunpodSpec

MINIMAL: dict[str, Any] = example("runpod-provider.yaml", "runpod")["spec"]["runpod"]
FULL: dict[str, Any] = example("runpod-instance.yaml", "trainer-runpod")["spec"]["machine"]


def test_runpod_is_called_at_its_public_endpoint_unless_another_is_written() -> None:
    assert RunpodSpec.model_validate(MINIMAL).endpoint == "https://api.runpod.io"
    assert RunpodSpec.model_validate({**MINIMAL, "endpoint": "http://127.0.0.1:1"}).endpoint == "http://127.0.0.1:1"


def test_the_full_manifest_arrives_in_every_field() -> None:
    own = MachineSpec.model_validate(FULL).runpod
    assert own is not None
    assert own.model_fields_set == set(RunpodMachine.model_fields) - {"network_volume_id"}
    assert own.cloud is Cloud.COMMUNITY
    assert own.volume == Decimal(20 * 2**30)


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        ({"cloud": "SECURE"}, "Input should be 'Secure' or 'Community'"),
        ({"volume": "9Gi"}, "must be between 10Gi and 1Pi"),
        ({"volumePath": "workspace"}, "must be a path inside the container that begins with '/'"),
        ({"minCudaVersion": "12"}, "must be a version with one point, such as 12.8"),
        ({"startSsh": "yes"}, "Input should be a valid boolean"),
        (
            {"volume": "20Gi", "networkVolumeId": "a"},
            "networkVolumeId and volume are given: RunPod mounts one of them, so keep one",
        ),
    ],
)
def test_what_runpod_does_not_take_is_refused_with_what_to_write(machine: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RunpodMachine.model_validate(machine)
    assert sentence in sentences(caught.value)[0]


@pytest.mark.parametrize("field", ["templateId", "registryId", "args", "volume", "networkVolumeId", "minCudaVersion"])
def test_an_empty_text_is_the_same_as_none(field: str) -> None:
    assert RunpodMachine.model_validate({field: ""}) == RunpodMachine()
