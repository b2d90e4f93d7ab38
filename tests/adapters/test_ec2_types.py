"""Which instance type is meant: the smallest that has what is wanted, and never part of a GPU."""

from typing import Any

import pytest

from gpuwright.adapters.ec2_types import chosen, type_of
from gpuwright.model.machine_spec import MachineSpec


def a_row(name: str, cores: int, gib: int, gpu: str = "", count: int = 1, **more: Any) -> dict[str, Any]:
    gpus = [{"Name": gpu, "Manufacturer": "NVIDIA", "Count": count}] if gpu else []
    return {
        "InstanceType": name,
        "VCpuInfo": {"DefaultVCpus": cores},
        "MemoryInfo": {"SizeInMiB": gib * 1024},
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "SupportedUsageClasses": ["on-demand", "spot"],
        "BareMetal": False,
        **({"GpuInfo": {"Gpus": gpus}} if gpus else {}),
        **more,
    }


PART = {"Gpus": [{"Name": "L4", "Manufacturer": "NVIDIA", "Count": 1, "GpuPartitionSize": 0.125}]}
TABLE = [
    type_of(row)
    for row in (
        a_row("g6f.large", 2, 8, GpuInfo=PART),
        a_row("g6.2xlarge", 8, 32, "L4"),
        a_row("g6.xlarge", 4, 16, "L4"),
        a_row("g6.12xlarge", 48, 192, "L4", 4),
        a_row("p5.48xlarge", 192, 2048, "H100", 8, SupportedUsageClasses=["on-demand"]),
        a_row("c7i.large", 2, 4),
        a_row("c7g.large", 2, 4, ProcessorInfo={"SupportedArchitectures": ["arm64"]}),
        a_row("m7i.large", 2, 8),
        a_row("m7i.metal", 2, 8, BareMetal=True),
    )
]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        pytest.param({"gpu": {"type": "L4"}}, "g6.xlarge", id="the smallest with the GPU, and not an eighth of one"),
        pytest.param({"gpu": {"type": "nvidia l4"}}, "g6.xlarge", id="the maker may be named, in any case"),
        pytest.param({"gpu": {"type": "L4", "count": 4}}, "g6.12xlarge", id="as many GPUs"),
        pytest.param({"gpu": {"type": "L4"}, "cpu": "8", "memory": "16Gi"}, "g6.2xlarge", id="cores are a minimum"),
        pytest.param({"cpu": "2", "memory": "5Gi"}, "m7i.large", id="memory is a minimum, and metal is not meant"),
        pytest.param({"cpu": "500m", "memory": "1Gi"}, "c7i.large", id="part of a core, and no GPU that was not asked"),
    ],
)
def test_the_smallest_that_will_do_is_chosen(wanted: dict[str, Any], name: str) -> None:
    found = chosen(MachineSpec.model_validate(wanted), TABLE, "x86_64")
    assert found is not None
    assert found.name == name


def a100(name: str, gib: int) -> dict[str, Any]:
    gpus = [{"Name": "A100", "Manufacturer": "NVIDIA", "Count": 8, "MemoryInfo": {"SizeInMiB": gib * 1024}}]
    return a_row(name, 96, 1152, GpuInfo={"Gpus": gpus})


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("A100-80GB", "p4de.24xlarge"),
        ("NVIDIA A100 80GB PCIe", "p4de.24xlarge"),
        ("A100-40GB", "p4d.24xlarge"),
        ("A100", "p4d.24xlarge"),
    ],
)
def test_cards_of_one_name_are_told_apart_by_their_memory(word: str, name: str) -> None:
    table = [type_of(a100("p4de.24xlarge", 80)), type_of(a100("p4d.24xlarge", 40))]
    found = chosen(MachineSpec.model_validate({"gpu": {"type": word, "count": 8}}), table, "x86_64")
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param({"gpu": {"type": "L4", "count": 2}}, id="not four where two are wanted"),
        pytest.param({"gpu": {"type": "H200"}}, id="an unknown GPU"),
        pytest.param({"gpu": {"type": "H100", "count": 8}, "purchase": "Spot"}, id="no spot of it"),
        pytest.param({"cpu": "1000", "memory": "1Gi"}, id="too large"),
    ],
)
def test_nothing_is_chosen_where_nothing_will_do(wanted: dict[str, Any]) -> None:
    assert chosen(MachineSpec.model_validate(wanted), TABLE, "x86_64") is None


def test_a_type_that_cannot_start_the_image_is_not_chosen() -> None:
    found = chosen(MachineSpec.model_validate({"cpu": "2", "memory": "4Gi"}), TABLE, "arm64")
    assert found is not None
    assert found.name == "c7g.large"


def test_the_same_table_gives_the_same_type_in_any_order() -> None:
    wanted = MachineSpec.model_validate({"gpu": {"type": "L4"}})
    assert chosen(wanted, TABLE, "x86_64") == chosen(wanted, reversed(TABLE), "x86_64")
