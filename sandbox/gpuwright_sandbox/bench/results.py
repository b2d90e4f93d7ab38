"""What a benchmark found out, and the file that keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson

from gpuwright_sandbox.bench.meter import Phase
from gpuwright_sandbox.gateway.process import GatewayProcess
from gpuwright_sandbox.gateway.shapes import Json, as_json


@dataclass(frozen=True, slots=True)
class Truth:
    """What the gateway knows: machines made and alive, and the most that one owner had at any moment."""

    created: int
    alive: int
    peak: int

    @classmethod
    def of(cls, gateway: GatewayProcess) -> Self:
        """Return what it knows now."""
        owners = [{name: int(str(number)) for name, number in count.items()} for count in gateway.owners().values()]
        return cls(
            created=sum(owner["created"] for owner in owners),
            alive=sum(owner["live"] for owner in owners),
            peak=max((owner["peak"] for owner in owners), default=0),
        )

    def broken(self, size: int) -> list[str]:
        """Return what must never be after `size` instances were made and deleted, in words; empty when all is well."""
        problems = {
            f"{self.created} machines made for {size} instances": self.created != size,
            f"{self.alive} machines alive after everything was deleted": self.alive != 0,
            f"an owner with {self.peak} machines at once": self.peak > 1,
        }
        return [words for words, wrong in problems.items() if wrong]


@dataclass(frozen=True, slots=True)
class SizeRun:
    """One size: its phases (create, idle, restart, delete), the gateway's truth, the operator's complaints."""

    size: int
    phases: Mapping[str, Phase]
    truth: Truth
    complaints: tuple[str, ...]


def merge(path: Path, key: str, record: object) -> None:
    """Put a record into a JSON file under its key; the other keys stay as they are."""
    kept: Json = orjson.loads(path.read_bytes()) if path.exists() else {}
    merged = {**kept, key: as_json(record)} if isinstance(kept, dict) else {key: as_json(record)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(merged, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
