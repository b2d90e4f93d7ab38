"""Placements: in order, their own words over machine's, and equal words where the same is bought."""

from typing import Any

import pytest
from tests.builders import REF, REF_B, TWO_PLACEMENTS, a_spec

from gpuwright.model.instance_spec import InstanceSpec
from gpuwright.model.machine_spec import MachineSpec, Purchase
from gpuwright.model.memory import ProviderRef
from gpuwright.model.placement_spec import Offer, PlacementOrder, words_of

COMMON = MachineSpec.model_validate(
    {"gpu": {"type": "H100", "count": 8}, "cpu": "8", "memory": "64Gi", "region": "us-east-1", "image": "trainer:1"}
)


def bought(**own: Any) -> MachineSpec:
    """Return what is bought at a placement with these words of its own."""
    spec = a_spec(providerRef=None, placements=[{"providerRef": {"name": "gateway"}, **own}])
    return spec.offers[0].machine(COMMON)


def test_a_single_provider_is_one_offer_with_machines_own_words() -> None:
    assert a_spec().offers == (Offer(REF),)
    assert a_spec().offers[0].machine(COMMON) is COMMON


def test_placements_are_offers_in_their_order() -> None:
    assert [offer.ref for offer in a_spec(**TWO_PLACEMENTS).offers] == [REF, REF_B]


def test_a_provider_of_no_kind_is_one_of_the_instances_namespace() -> None:
    refs = [{"name": "a"}, {"kind": "ClusterComputeProvider", "name": "b"}]
    spec = a_spec(providerRef=None, placements=[{"providerRef": ref} for ref in refs])
    assert [offer.ref for offer in spec.offers] == [
        ProviderRef("ComputeProvider", "a"),
        ProviderRef("ClusterComputeProvider", "b"),
    ]


def test_a_placement_without_words_of_its_own_buys_what_machine_says() -> None:
    assert bought() == COMMON


@pytest.mark.parametrize(
    ("own", "field", "value"),
    [
        pytest.param({"region": "eu-west-1"}, "region", "eu-west-1", id="region"),
        pytest.param({"zone": "a"}, "zone", "a", id="zone"),
        pytest.param({"image": "ami-1"}, "image", "ami-1", id="image"),
        pytest.param({"purchase": "Spot"}, "purchase", Purchase.SPOT, id="purchase"),
        pytest.param({"maxPricePerHour": "2.5"}, "max_price_per_hour", "2.5", id="maxPricePerHour"),
        pytest.param({"instanceType": "g5.xlarge"}, "instance_type", "g5.xlarge", id="instanceType"),
    ],
)
def test_its_own_words_win(own: dict[str, Any], field: str, value: object) -> None:
    found = bought(**own)
    assert getattr(found, field) == value
    assert found.gpu == COMMON.gpu


@pytest.mark.parametrize("block", ["gateway", "ec2", "runpod", "skypilot"])
def test_a_providers_block_stands_for_the_whole_of_machines(block: str) -> None:
    words = {
        "gateway": ({"metadata": {"a": "1", "b": "2"}}, {"metadata": {"a": "3"}}),
        "ec2": ({"subnetId": "subnet-00000001", "keyName": "ops"}, {"keyName": "team-a"}),
        "runpod": ({"cloud": "Community", "startSsh": True}, {"args": "python train.py"}),
        "skypilot": ({"cloud": "aws", "autodownIdleMinutes": 60}, {"cloud": "lambda"}),
    }
    common, own = words[block]
    machine = MachineSpec.model_validate({"gpu": {"type": "H100"}, block: common})
    spec = a_spec(
        providerRef=None, placements=[{"providerRef": {"name": "a"}}, {"providerRef": {"name": "b"}, block: own}]
    )
    first, second = (offer.machine(machine) for offer in spec.offers)
    assert getattr(first, block) == getattr(machine, block)
    assert getattr(second, block) == getattr(MachineSpec.model_validate({"gpu": {"type": "H100"}, block: own}), block)


def test_an_empty_word_is_none_of_its_own() -> None:
    assert bought(region="") == COMMON


def test_a_shape_of_its_own_stands_for_cpu_and_memory_too() -> None:
    found = bought(instanceType="g5.xlarge")
    assert (found.cpu, found.memory) == (None, None)
    assert MachineSpec.model_validate(found.model_dump(exclude_none=True)) == found


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"placements": TWO_PLACEMENTS["placements"]}, id="both"),
        pytest.param({"providerRef": None}, id="neither"),
    ],
)
def test_a_spec_names_exactly_one_provider_or_several(spec: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one of providerRef"):
        a_spec(**spec)


def test_an_order_of_prices_stands_beside_placements_only() -> None:
    assert a_spec(**TWO_PLACEMENTS).placement_order is None
    assert a_spec(**TWO_PLACEMENTS, placementOrder="Price").placement_order is PlacementOrder.PRICE
    for order in PlacementOrder:
        with pytest.raises(ValueError, match="write placements, or leave placementOrder out"):
            a_spec(placementOrder=order)


@pytest.mark.parametrize("count", [0, 17])
def test_there_are_1_to_16_placements(count: int) -> None:
    with pytest.raises(ValueError, match="placements"):
        a_spec(providerRef=None, placements=[{"providerRef": {"name": "a"}}] * count)
    InstanceSpec.model_validate(
        {"placements": [{"providerRef": {"name": "a"}}] * 16, "machine": {"gpu": {"type": "a"}}}
    )


def test_words_are_equal_where_the_same_is_bought_and_differ_otherwise() -> None:
    assert words_of(bought()) == words_of(bought(image="another"))
    others = [
        bought(region="b"),
        bought(zone="c"),
        bought(purchase="Spot"),
        bought(instanceType="t"),
        bought(gpu={"type": "H100", "count": 4}),
    ]
    assert len({words_of(machine) for machine in [COMMON, *others]}) == len(others) + 1
    assert words_of(bought(zone="us-east-1a")).startswith("8 cores, 64 GiB, ")
    assert words_of(bought(zone="us-east-1a")).endswith("H100 x 8, us-east-1, us-east-1a, OnDemand")
