"""Sizes: what a name stands for, and what a machine of it costs."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from gpuwright.model.api_base import sentences
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.provider_spec import ProviderSpec
from gpuwright.model.size_spec import Size, UnknownSize, price_before, resolved, size_of

LARGE = {"name": "large", "instanceType": "gpu.h100.1", "cpu": "8", "memory": "64Gi", "gpu": {"type": "H100"}}
GATEWAY = {"endpoint": "https://gateway.example", "credentialsSecretRef": {"name": "t", "key": "t"}}


def size(**changes: Any) -> Size:
    return Size.model_validate({**LARGE, "pricePerHour": "2.10", **changes})


def machine(**fields: Any) -> MachineSpec:
    return MachineSpec.model_validate({"image": "trainer:1", "region": "us-1", **fields})


def complaints(**fields: Any) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        Size.model_validate(fields)
    return sentences(caught.value, "size")


class TestASize:
    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"name": "a"}, "say what this size is: instanceType, or gpu, or cpu with memory"),
            ({"name": "a", "cpu": "", "instanceType": ""}, "say what this size is"),
            ({"name": "a", "cpu": "8"}, "cpu and memory stand together: write both, or neither"),
            ({"name": "a", "memory": "8Gi", "instanceType": "t"}, "cpu and memory stand together"),
            ({"name": "A b", "instanceType": "t"}, "must be a name of lower-case letters"),
            ({"name": "", "instanceType": "t"}, "must be a name of lower-case letters"),
            ({"name": "a", "instanceType": "t", "pricePerHour": "$2"}, 'must be a price as text, such as "2.10"'),
            ({"name": "a", "instanceType": "t", "pricePerHour": "-2"}, "must be a price"),
        ],
    )
    def test_that_is_none_says_what_to_write(self, fields: dict[str, str], words: str) -> None:
        assert words in " ".join(complaints(**fields))

    @pytest.mark.parametrize(("written", "price"), [("2.10", Decimal("2.10")), ("", None), (None, None)])
    def test_has_a_price_only_where_there_is_one(self, written: str | None, price: Decimal | None) -> None:
        assert size(pricePerHour=written).price == price

    def test_may_stand_there_once(self) -> None:
        with pytest.raises(ValidationError, match="each name may stand there once"):
            ProviderSpec.model_validate({"type": "Gateway", "gateway": GATEWAY, "sizes": [LARGE, LARGE]})


class TestAMachineOfASize:
    def test_is_asked_for_in_all_of_its_words(self) -> None:
        found = resolved(machine(size="large"), [size(name="small"), size()])
        assert found.size is None
        assert (found.instance_type, found.cpu) == ("gpu.h100.1", Decimal(8))
        assert found.gpu is not None
        assert (found.gpu.type, found.memory) == ("H100", Decimal(64 * 2**30))
        assert (found.image, found.region) == ("trainer:1", "us-1")

    def test_that_names_none_stays_as_it_is(self) -> None:
        asked = machine(instanceType="t")
        assert resolved(asked, [size()]) is asked

    @pytest.mark.parametrize(
        ("sizes", "words"),
        [([], "no size huge in spec.sizes; it has none"), ([size(), size(name="a")], "it has a, large")],
    )
    def test_that_nobody_knows_says_which_there_are(self, sizes: list[Size], words: str) -> None:
        with pytest.raises(UnknownSize, match=words):
            resolved(machine(size="huge"), sizes)

    @pytest.mark.parametrize(
        ("asked", "instance_type", "found"),
        [
            pytest.param(machine(size="large"), "", "large", id="by its name"),
            pytest.param(machine(size="gone"), "gpu.h100.1", None, id="by a name that is gone"),
            pytest.param(machine(instanceType="gpu.h100.1"), "gpu.h100.1", "large", id="by its type"),
            pytest.param(machine(instanceType="other"), "other", None, id="of another type"),
            pytest.param(machine(instanceType="twice"), "twice", None, id="of a type with two prices"),
            pytest.param(machine(gpu={"type": "H100"}), "", None, id="of no type that is known"),
        ],
    )
    def test_is_told_by_name_or_by_type(self, asked: MachineSpec, instance_type: str, found: str | None) -> None:
        sizes = [
            size(),
            size(name="b", instanceType="twice"),
            size(name="c", instanceType="twice"),
            size(name="d", instanceType=""),
        ]
        known = size_of(asked, instance_type, sizes)
        assert (known.name if known else None) == found


@pytest.mark.parametrize(
    ("asked", "price"),
    [
        pytest.param(machine(size="large"), "2.10", id="by its size"),
        pytest.param(machine(instanceType="gpu.h100.1"), "2.10", id="by its type"),
        pytest.param(machine(instanceType="gpu.h100.1", gpu={"type": "H100"}), "2.10", id="with the same GPUs"),
        pytest.param(machine(instanceType="gpu.h100.1", gpu={"type": "H100", "count": 2}), None, id="with more GPUs"),
        pytest.param(machine(size="large", purchase="Spot"), None, id="of a spot machine nobody tells it"),
        pytest.param(machine(gpu={"type": "H100"}), None, id="by GPU alone"),
        pytest.param(machine(size="free"), None, id="a size without one"),
    ],
)
def test_a_price_is_known_before_a_machine_is_bought(asked: MachineSpec, price: str | None) -> None:
    sizes = [size(), size(name="free", instanceType="", pricePerHour="")]
    assert price_before(asked, sizes) == (Decimal(price) if price else None)


@pytest.mark.parametrize("beside", [{"instanceType": "t"}, {"gpu": {"type": "H100"}}, {"cpu": "8", "memory": "8Gi"}])
def test_a_size_stands_alone(beside: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="keep one way of saying what to buy"):
        machine(size="large", **beside)
