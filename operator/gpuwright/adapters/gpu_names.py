"""GPU names: the same card has a word of its own at every provider, and people write yet another.

H100, NVIDIA H100 and "NVIDIA H100 80GB HBM3" are one; A100-80GB and A100-40GB are two, and A100 is either.
"""

import re
from dataclasses import dataclass

_MAKERS = frozenset({"nvidia", "amd", "tesla", "geforce"})
_FORMS = re.compile(r"sxm[0-9]?|pcie|hbm[0-9]e?")
_MEMORY = re.compile(r"([0-9]{1,4})gi?b?")
_GAP = re.compile(r"[\s_/-]+")


@dataclass(frozen=True, slots=True)
class GpuModel:
    """One card: its name without maker, form and gaps, in lower case; GB of its memory, None where no one says."""

    name: str
    memory_gb: int | None = None

    def is_a(self, wanted: "GpuModel") -> bool:
        """Return whether it is what is wanted; who names no memory takes any."""
        same = wanted.memory_gb is None or self.memory_gb is None or wanted.memory_gb == self.memory_gb
        return bool(self.name) and self.name == wanted.name and same


def model_of(word: str, memory_gb: int | None = None) -> GpuModel:
    """Return the card that a word means; `memory_gb` is what the provider says beside it. No word means no card."""
    kept: list[str] = []
    for part in _GAP.split(word.strip().lower()):
        memory = _MEMORY.fullmatch(part)
        if memory is not None and kept:
            memory_gb = int(memory[1])
        elif part not in _MAKERS and not _FORMS.fullmatch(part):
            kept.append(part)
    return GpuModel("".join(kept), memory_gb)
