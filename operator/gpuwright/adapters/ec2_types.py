"""Which instance type is meant by cores, memory and GPUs: the smallest one that has them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gpuwright.adapters.gpu_names import GpuModel, model_of
from gpuwright.model.machine_spec import MachineSpec
from gpuwright.model.quantity import memory_gib_ceil

MIB_PER_GIB = 1024


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One row of EC2's table of instance types."""

    name: str
    cores: int
    memory_mib: int
    gpus: int = 0
    gpu_models: tuple[GpuModel, ...] = ()  # of whole cards only
    architectures: frozenset[str] = frozenset()
    purchases: frozenset[str] = frozenset()
    bare_metal: bool = False


def type_of(row: Mapping[str, Any]) -> InstanceType:
    """Return a row of DescribeInstanceTypes."""
    gpus = (row.get("GpuInfo") or {}).get("Gpus") or ()
    return InstanceType(
        name=str(row["InstanceType"]),
        cores=int((row.get("VCpuInfo") or {}).get("DefaultVCpus") or 0),
        memory_mib=int((row.get("MemoryInfo") or {}).get("SizeInMiB") or 0),
        gpus=sum(int(gpu.get("Count") or 0) for gpu in gpus),
        gpu_models=tuple(_model(gpu) for gpu in gpus if _is_whole(gpu)),
        architectures=frozenset((row.get("ProcessorInfo") or {}).get("SupportedArchitectures") or ()),
        purchases=frozenset(row.get("SupportedUsageClasses") or ()),
        bare_metal=bool(row.get("BareMetal")),
    )


def _is_whole(gpu: Mapping[str, Any]) -> bool:
    """Some types have an eighth of a GPU, under the name of the whole."""
    return float(gpu.get("GpuPartitionSize") or 1) >= 1


def _model(gpu: Mapping[str, Any]) -> GpuModel:
    """EC2 calls two cards A100; what tells them apart stands beside the name."""
    mib = int((gpu.get("MemoryInfo") or {}).get("SizeInMiB") or 0)
    return model_of(str(gpu.get("Name") or ""), round(mib / MIB_PER_GIB) or None)


def chosen(wanted: MachineSpec, table: Iterable[InstanceType], architecture: str) -> InstanceType | None:
    """Return the smallest type that has what is wanted and can start the image; the same one for the same table."""
    fitting = [found for found in table if _fits(found, wanted, architecture)]
    return min(fitting, key=lambda found: (found.gpus, found.cores, found.memory_mib, found.name), default=None)


def _fits(found: InstanceType, wanted: MachineSpec, architecture: str) -> bool:
    cores = wanted.cpu or 0
    memory = memory_gib_ceil(wanted.memory) * MIB_PER_GIB if wanted.memory is not None else 0
    usage = "spot" if wanted.purchase == "Spot" else "on-demand"
    return (
        found.cores >= cores
        and found.memory_mib >= memory
        and _has_gpus(found, wanted)
        and (not architecture or architecture in found.architectures)
        and (not found.purchases or usage in found.purchases)
        and not found.bare_metal
    )


def _has_gpus(found: InstanceType, wanted: MachineSpec) -> bool:
    """Exactly as many: the next larger one would be paid for without being asked for."""
    if wanted.gpu is None:
        return found.gpus == 0
    meant = model_of(wanted.gpu.type)
    return found.gpus == wanted.gpu.count and any(model.is_a(meant) for model in found.gpu_models)
