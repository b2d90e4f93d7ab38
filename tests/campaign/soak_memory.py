"""PURE: whether memory grows, from a figure a minute."""

from collections.abc import Sequence
from dataclasses import dataclass

SHARE = 0.05  # of what there is may be added in the second half
LEAST_MIB = 4.0  # less than this is noise
LEAST_SECONDS = 600.0  # a shorter second half is mostly the process warming up: it is shown, and not judged


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one moment: seconds since the beginning, resident memory in MiB, and counts so far."""

    at: float
    mib: float
    restarts: int
    writes: int
    instances: int


@dataclass(frozen=True, slots=True)
class Growth:
    """How memory moves in the second half: a line through its samples."""

    mib_an_hour: float
    mib_added: float
    level_mib: float
    seconds: float

    @property
    def judged(self) -> bool:
        """Return whether the time was long enough to say anything."""
        return self.seconds >= LEAST_SECONDS

    @property
    def grows(self) -> bool:
        """Return whether more was added than may be."""
        return self.judged and self.mib_added > max(LEAST_MIB, SHARE * self.level_mib)


def growth(samples: Sequence[Sample], whole_seconds: float) -> Growth:
    """Return the growth over the second half, by least squares; none where there are not two samples of it."""
    half = [sample for sample in samples if sample.at >= whole_seconds / 2]
    if len(half) < 2:
        return Growth(0.0, 0.0, half[0].mib if half else 0.0, 0.0)
    middle = sum(sample.at for sample in half) / len(half)
    level = sum(sample.mib for sample in half) / len(half)
    spread = sum((sample.at - middle) ** 2 for sample in half)
    slope = sum((sample.at - middle) * (sample.mib - level) for sample in half) / spread
    seconds = half[-1].at - half[0].at
    return Growth(slope * 3600, slope * seconds, level, seconds)
