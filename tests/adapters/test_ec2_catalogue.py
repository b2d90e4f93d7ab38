"""Disk images and instance types are read once, and nothing is guessed where EC2 has none."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.adapters.contract import closed, opened

from gpuwright.adapters.contract import Gate, NotAsked
from gpuwright.adapters.ec2_catalogue import MAX_PAGES, Catalogue
from gpuwright.adapters.ec2_request import Image
from gpuwright.model.errors import NeverSent, Rejected
from gpuwright.model.machine_spec import MachineSpec

L4 = MachineSpec.model_validate({"gpu": {"type": "L4"}})
ROW = {
    "InstanceType": "g6.xlarge",
    "VCpuInfo": {"DefaultVCpus": 4},
    "MemoryInfo": {"SizeInMiB": 16384},
    "GpuInfo": {"Gpus": [{"Name": "L4", "Manufacturer": "NVIDIA", "Count": 1}]},
}
DISKS = [
    {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": False}},
    {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
]


class Far:
    """EC2's answers in turn, and what was asked."""

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    async def read(self, operation: str, body: Mapping[str, Any], gate: Gate) -> Any:
        if not gate():
            raise NotAsked("the send window was over")
        self.asked.append((operation, body))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


async def test_an_image_is_read_once_and_its_disks_with_it() -> None:
    far = Far({"Images": [{"ImageId": "ami-1", "Architecture": "arm64", "BlockDeviceMappings": DISKS}]})
    catalogue = Catalogue(far.read)
    for _ in range(2):
        found = await catalogue.image("ami-1", opened)
        assert found == Image("ami-1", "/dev/sda1", "arm64", (("/dev/sda1", 8),))
    assert far.asked == [("describe_images", {"ImageIds": ["ami-1"]})]


async def test_an_image_that_is_not_there_is_a_persons_to_mend() -> None:
    with pytest.raises(Rejected, match=r"spec\.machine\.image"):
        await Catalogue(Far({"Images": []}).read).image("ami-1", opened)


async def test_the_table_of_types_is_read_once_over_all_its_pages() -> None:
    far = Far({"InstanceTypes": [], "NextToken": "2"}, {"InstanceTypes": [ROW]})
    catalogue = Catalogue(far.read)
    assert await catalogue.type_for(L4, "", opened) == "g6.xlarge"
    assert await catalogue.type_for(L4, "", closed) == "g6.xlarge", "it is known by now: nothing is asked"
    assert [body.get("NextToken") for _, body in far.asked] == [None, "2"]


async def test_a_window_that_closes_while_the_table_is_read_loses_nothing_of_it() -> None:
    far = Far({"InstanceTypes": [], "NextToken": "2"}, {"InstanceTypes": [ROW]})
    gates = iter([True])
    assert await Catalogue(far.read).type_for(L4, "", lambda: next(gates, False)) == "g6.xlarge"


async def test_a_closed_gate_reads_nothing() -> None:
    far = Far({"InstanceTypes": [ROW]})
    with pytest.raises(NotAsked):
        await Catalogue(far.read).type_for(L4, "", closed)
    assert far.asked == []


async def test_what_no_type_has_is_a_persons_to_mend() -> None:
    wanted = MachineSpec.model_validate({"gpu": {"type": "H900"}})
    with pytest.raises(Rejected, match=r"spec\.machine\.instanceType"):
        await Catalogue(Far({"InstanceTypes": [ROW]}).read).type_for(wanted, "", opened)


async def test_a_table_without_an_end_is_left() -> None:
    far = Far({"InstanceTypes": [], "NextToken": "again"})
    with pytest.raises(NeverSent):
        await Catalogue(far.read).type_for(L4, "", opened)
    assert len(far.asked) == MAX_PAGES
