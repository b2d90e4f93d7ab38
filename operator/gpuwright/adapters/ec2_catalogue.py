"""What must be known of EC2 before a machine can be asked for: disk images and instance types. Read once, and kept."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gpuwright.adapters.contract import Gate
from gpuwright.adapters.ec2_request import Image
from gpuwright.adapters.ec2_types import InstanceType, chosen, type_of
from gpuwright.model.conditions import Reason
from gpuwright.model.errors import NeverSent, Rejected
from gpuwright.model.machine_spec import MachineSpec

Read = Callable[[str, Mapping[str, Any], Gate], Awaitable[Any]]

PAGE = 100
MAX_PAGES = 100
MAX_IMAGES = 1000


class Catalogue:
    """The images and types of one region, as long as its adapter lives."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._images: dict[str, Image] = {}
        self._types: tuple[InstanceType, ...] = ()
        self._reading = asyncio.Lock()

    async def image(self, name: str, gate: Gate) -> Image:
        """Return the image. Raises NotExecuted; Rejected where there is none."""
        found = self._images.get(name)
        if found is None:
            answer = await self._read("describe_images", {"ImageIds": [name]}, gate)
            images = list(answer.get("Images") or ())
            if len(images) != 1:
                raise Rejected(f"EC2 has no image {name}: correct spec.machine.image", Reason.REQUEST_REJECTED)
            if len(self._images) >= MAX_IMAGES:
                self._images.clear()
            found = self._images[name] = _image(images[0])
        return found

    async def type_for(self, wanted: MachineSpec, architecture: str, gate: Gate) -> str:
        """Return the name of the smallest type that will do. Raises NotExecuted; Rejected where there is none."""
        async with self._reading:
            if not self._types:
                self._types = await self._table(gate)
        found = chosen(wanted, self._types, architecture)
        if found is None:
            raise Rejected(
                "EC2 has no instance type with these GPUs, cores and memory for this image: write "
                "spec.machine.instanceType, such as g6.xlarge, or other words in spec.machine.gpu.type, such as L4",
                Reason.REQUEST_REJECTED,
            )
        return found.name

    async def _table(self, gate: Gate) -> tuple[InstanceType, ...]:
        rows: list[InstanceType] = []
        more = ""
        for _page in range(MAX_PAGES):
            query = {"MaxResults": PAGE, **({"NextToken": more} if more else {})}
            # The send window bounds the first page only: the table is kept for whoever comes next, and what is sent
            # after it asks the gate again.
            page = await self._read("describe_instance_types", query, (lambda: True) if more else gate)
            rows.extend(type_of(row) for row in page.get("InstanceTypes") or ())
            more = page.get("NextToken") or ""
            if not more:
                return tuple(rows)
        raise NeverSent("EC2's table of instance types does not end")


def _image(row: Mapping[str, Any]) -> Image:
    disks = row.get("BlockDeviceMappings") or ()
    return Image(
        id=str(row["ImageId"]),
        root_device=str(row.get("RootDeviceName") or "/dev/sda1"),
        architecture=str(row.get("Architecture") or ""),
        disks=tuple(
            (str(disk["DeviceName"]), int(disk["Ebs"].get("VolumeSize") or 0))
            for disk in disks
            if "Ebs" in disk and "DeviceName" in disk
        ),
    )
