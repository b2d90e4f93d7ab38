"""What is done about machines that carry our tag and have no owner any more: spec.sweep of a provider."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from gpuwright.model.api_base import ApiModel, Seconds


class SweepMode(StrEnum):
    """How far the sweep goes."""

    DISABLED = "Disabled"
    REPORT = "Report"
    DELETE = "Delete"


class Sweep(ApiModel):
    """How machines without an owner are looked for, and what becomes of them."""

    mode: SweepMode = Field(
        SweepMode.REPORT,
        description="Disabled does not look, Report writes what it finds into status.orphans, Delete also terminates "
        "it. Default: Report.",
    )
    period_seconds: Seconds = Field(120, description="Such as 120. Seconds between two sweeps. Default: 120.")
    min_age_seconds: Seconds = Field(
        600,
        description="Such as 600. For how long a machine must have been seen without an owner, by the operator's own "
        "clock and in one life of its process, before it is terminated. Default: 600.",
    )
    max_per_pass: Annotated[int, Field(strict=True, ge=1, le=20)] = Field(
        10, description="Such as 10. How many machines one sweep terminates at most, up to 20. Default: 10."
    )
