"""Which GPUs a name means, and when a refusal that says nothing is believed."""

from decimal import Decimal
from typing import Any

import pytest

from gpuwright.adapters.gpu_names import model_of
from gpuwright.adapters.runpod_gpus import MAX_DOUBTS, Doubts, GpuType, Offer, affordable, candidates, types_in
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import Rejected, TooDear
from gpuwright.model.machine_spec import Gpu
from gpuwright.model.runpod_spec import Cloud
from gpuwright_sandbox.runpod.catalogue import gpus

TABLE = types_in(gpus())


def meant(name: str, count: int = 1, cloud: Cloud = Cloud.SECURE) -> tuple[str, ...]:
    return candidates(Gpu(type=name, count=count), cloud, TABLE)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("NVIDIA H100 80GB HBM3", ("NVIDIA H100 80GB HBM3",), id="an id"),
        pytest.param("nvidia l4", ("NVIDIA L4",), id="an id in small letters"),
        pytest.param("H100 SXM", ("NVIDIA H100 80GB HBM3",), id="a display name"),
        pytest.param("L4", ("NVIDIA L4",), id="a name that another one begins with"),
        pytest.param("4090", ("NVIDIA GeForce RTX 4090",), id="one word"),
        pytest.param("H100", ("NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3"), id="a card in two forms"),
        pytest.param("H100-80GB", ("NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3"), id="a card with its memory"),
        pytest.param("a100", ("NVIDIA A100 80GB PCIe", "NVIDIA A100-SXM4-80GB"), id="a card with a hyphen in one"),
        pytest.param("RTX-4090", ("NVIDIA GeForce RTX 4090",), id="a card written otherwise"),
        pytest.param("80GB", ("NVIDIA A100 80GB PCIe", "NVIDIA A100-SXM4-80GB", "NVIDIA H100 80GB HBM3"), id="words"),
    ],
)
def test_a_name_means_what_has_its_words_cheapest_first(name: str, found: tuple[str, ...]) -> None:
    assert meant(name) == found


def test_a_cloud_has_its_own_prices_and_its_own_limits() -> None:
    assert meant("A100", cloud=Cloud.COMMUNITY) == ("NVIDIA A100 80GB PCIe",)
    assert meant("L40", count=8) == ("NVIDIA L40",)
    with pytest.raises(Rejected, match="at most 4"):
        meant("L40", count=8, cloud=Cloud.COMMUNITY)


def test_what_has_no_price_comes_last() -> None:
    table = [
        GpuType("b", "x", {Cloud.SECURE: Offer(None, 8)}, model_of("b")),
        GpuType("a x", "y", {Cloud.SECURE: Offer(None, 8)}, model_of("a x")),
        *types_in({"gpus": [{**gpus()["gpus"][0], "id": "c x"}]}),
    ]
    assert candidates(Gpu(type="x"), Cloud.SECURE, table[:1]) == ("b",)
    assert candidates(Gpu(type="X"), Cloud.SECURE, [table[1], table[2]]) == ("c x", "a x")


@pytest.mark.parametrize(
    ("name", "count", "cloud", "words"),
    [
        ("TPU", 1, Cloud.SECURE, "RunPod has no GPU 'TPU': write its id, such as NVIDIA H100 80GB HBM3"),
        ("-", 1, Cloud.SECURE, "RunPod has no GPU '-'"),
        ("A100 SXM", 1, Cloud.COMMUNITY, "RunPod's cloud Community does not offer NVIDIA A100-SXM4-80GB"),
        ("H100 NVL", 5, Cloud.SECURE, "RunPod puts at most 4 of NVIDIA H100 NVL into one pod"),
    ],
)
def test_what_cannot_be_had_is_told_with_what_to_write(name: str, count: int, cloud: Cloud, words: str) -> None:
    with pytest.raises(Rejected) as caught:
        meant(name, count, cloud)
    assert caught.value.message.startswith(words)
    assert caught.value.reason is Reason.REQUEST_REJECTED


H100 = ("NVIDIA H100 PCIe", "NVIDIA H100 80GB HBM3")  # 2.39 and 2.69 in the secure cloud


@pytest.mark.parametrize(
    ("ceiling", "count", "found"),
    [
        pytest.param("2.69", 1, H100, id="at the price of both"),
        pytest.param("2.68", 1, H100[:1], id="below the price of one"),
        pytest.param("4.78", 2, H100[:1], id="two cost twice as much"),
    ],
)
def test_only_gpus_that_cost_no_more_than_asked_are_left(ceiling: str, count: int, found: tuple[str, ...]) -> None:
    assert affordable(H100, count, Cloud.SECURE, Decimal(ceiling), TABLE) == found


@pytest.mark.parametrize(
    ("gpus", "cloud", "words"),
    [
        pytest.param(H100, Cloud.SECURE, "RunPod asks 2.39 USD an hour or more for 1 of NVIDIA H100", id="too dear"),
        pytest.param(("NVIDIA H100 NVL",), Cloud.COMMUNITY, "RunPod asks 2.59 USD an hour or more", id="another cloud"),
        pytest.param(H100[1:], Cloud.COMMUNITY, "RunPod tells no price for 1 of NVIDIA H100 80GB HBM3", id="not there"),
        pytest.param(
            ("made up",), Cloud.SECURE, "RunPod tells no price for 1 of made up in its cloud", id="unheard of"
        ),
    ],
)
def test_what_is_too_dear_is_told_with_the_least_that_it_costs(gpus: tuple[str, ...], cloud: Cloud, words: str) -> None:
    with pytest.raises(TooDear) as caught:
        affordable(gpus, 1, cloud, Decimal("1.98"), TABLE)
    assert caught.value.message.startswith(words)
    assert "maxPricePerHour" in caught.value.message
    assert caught.value.reason is Reason.PRICE_TOO_HIGH


@pytest.mark.parametrize("body", [None, [], {}, {"gpus": None}, {"gpus": [7, {}, {"id": 1, "name": "a"}]}])
def test_what_is_no_catalogue_is_empty(body: Any) -> None:
    assert types_in(body) == ()


def test_a_row_with_odd_numbers_offers_nothing() -> None:
    (row,) = types_in({"gpus": [{"id": "a", "name": "b", "secure": True, "price": [], "maxCount": {"secure": True}}]})
    assert row.offers == {Cloud.SECURE: Offer(None, 0)}
    with pytest.raises(Rejected, match="at most 0"):
        candidates(Gpu(type="a"), Cloud.SECURE, [row])


def test_doubts_need_every_one_of_several() -> None:
    doubts = Doubts()
    assert not doubts.believe("me", "a", ("a", "b"))
    assert not doubts.believe("you", "b", ("a", "b"))
    assert doubts.believe("me", "b", ("a", "b"))
    doubts.forget("me")
    assert not doubts.believe("me", "b", ("a", "b"))


def test_one_gpu_alone_is_never_believed() -> None:
    doubts = Doubts()
    assert not any(doubts.believe("me", "a", ("a",)) for _ in range(10))


def test_doubts_take_no_end_of_memory() -> None:
    doubts = Doubts()
    for number in range(MAX_DOUBTS + 1):
        doubts.believe(str(number), "a", ("a", "b"))
    assert len(doubts._refused) == 1
