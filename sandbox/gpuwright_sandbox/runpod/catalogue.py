"""Some of the GPUs that RunPod sells, with prices of one day: what a catalogue looks like, not what things cost."""

from typing import Any

_ROWS: tuple[tuple[str, str, int, float, float, int, int], ...] = (
    ("NVIDIA L4", "L4", 24, 0.39, 0.0, 8, 0),
    ("NVIDIA L40", "L40", 48, 0.99, 0.69, 8, 4),
    ("NVIDIA GeForce RTX 4090", "RTX 4090", 24, 0.59, 0.34, 8, 4),
    ("NVIDIA A100 80GB PCIe", "A100 PCIe", 80, 1.39, 1.19, 8, 4),
    ("NVIDIA A100-SXM4-80GB", "A100 SXM", 80, 1.49, 1.39, 8, 0),
    ("NVIDIA H100 PCIe", "H100 PCIe", 80, 2.39, 1.99, 8, 0),
    ("NVIDIA H100 80GB HBM3", "H100 SXM", 80, 2.69, 0.0, 8, 0),
    ("NVIDIA H100 NVL", "H100 NVL", 94, 2.79, 2.59, 4, 2),
)


def gpus() -> dict[str, Any]:
    """Return the body of `GET /v2/catalog/gpus`."""
    return {"gpus": [_row(*row) for row in _ROWS]}


def ids() -> frozenset[str]:
    """Return the ids of all of them."""
    return frozenset(row[0] for row in _ROWS)


def _row(id_: str, name: str, memory: int, secure: float, community: float, most: int, others: int) -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "pool": None,
        "manufacturer": "NVIDIA",
        "memory": memory,
        "secure": most > 0,
        "community": others > 0,
        "price": {"secure": secure, "community": community},
        "maxCount": {"secure": most, "community": others},
    }
