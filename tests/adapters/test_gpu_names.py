"""One card, whatever it is called."""

import pytest

from gpuwright.adapters.gpu_names import GpuModel, model_of


@pytest.mark.parametrize(
    ("words", "model"),
    [
        (["H100", "h100", "NVIDIA H100", " nvidia-h100 ", "NVIDIA H100 PCIe", "H100-SXM5"], GpuModel("h100")),
        (["NVIDIA H100 80GB HBM3", "H100-80GB", "H100_80G"], GpuModel("h100", 80)),
        (["NVIDIA A100-SXM4-80GB", "A100-80GB", "NVIDIA A100 80GB PCIe"], GpuModel("a100", 80)),
        (["Tesla V100-SXM2-16GB", "V100-16GB"], GpuModel("v100", 16)),
        (["NVIDIA GeForce RTX 4090", "RTX4090", "RTX 4090"], GpuModel("rtx4090")),
        (["AMD MI300X", "mi300x"], GpuModel("mi300x")),
        (["A10G"], GpuModel("a10g")),
        (["T4"], GpuModel("t4")),
        (["", "NVIDIA"], GpuModel("")),
    ],
)
def test_words_for_one_card_mean_it(words: list[str], model: GpuModel) -> None:
    assert {model_of(word) for word in words} == {model}


@pytest.mark.parametrize(
    ("one", "other"),
    [("H100", "H100 NVL"), ("H100", "H200"), ("L4", "L40S"), ("A10", "A10G"), ("RTX 4090", "RTX 4080")],
)
def test_other_cards_are_others(one: str, other: str) -> None:
    assert not model_of(one).is_a(model_of(other))
    assert not model_of(other).is_a(model_of(one))


@pytest.mark.parametrize(
    ("found", "wanted", "fits"),
    [
        pytest.param(("A100", 80), "A100", True, id="any memory"),
        pytest.param(("A100", 80), "A100-80GB", True, id="the same memory"),
        pytest.param(("A100", 40), "A100-80GB", False, id="less memory"),
        pytest.param(("A100", 80), "A100-40GB", False, id="more memory"),
        pytest.param(("A100", None), "A100-80GB", True, id="no one says how much"),
    ],
)
def test_memory_counts_where_it_is_named(found: tuple[str, int | None], wanted: str, fits: bool) -> None:
    assert model_of(*found).is_a(model_of(wanted)) is fits
