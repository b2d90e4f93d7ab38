"""What was tested already: one line of JSON a point, kept over runs, so that a campaign can be gone on with."""

import hashlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "campaign"


def version_of(*folders: Path) -> str:
    """Return a short hash over files: what was tested."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted([folder] if folder.is_file() else folder.rglob("*.*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


class Book:
    """The results of one version and seed. For several threads.

    Args:
        path: a file that holds other versions and seeds, too; None = nothing is kept.
    """

    def __init__(self, path: Path | None, version: str, seed: int) -> None:
        self._path = path
        self._key = {"version": version, "seed": seed}
        self._lock = threading.Lock()
        self._entries: dict[str, Mapping[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                self._take(json.loads(line))

    def _take(self, entry: Mapping[str, Any]) -> None:
        if self._key.items() <= entry.items():
            self._entries[entry["id"]] = entry

    def get(self, point: str) -> Mapping[str, Any] | None:
        """Return what is known of a point."""
        with self._lock:
            return self._entries.get(point)

    def enter(self, point: str, **facts: Any) -> Mapping[str, Any]:
        """Write down what came of a point."""
        entry = {**self._key, "id": point, **facts}
        with self._lock:
            self._entries[point] = entry
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a") as book:
                    book.write(json.dumps(entry) + "\n")
        return entry
