"""Write build/sbom.cdx.json: what the image installs beside its base, from the lock, as CycloneDX.

cyclonedx-py reads requirements/runtime.txt. What it puts into descriptions, whole lines of that file, is dropped;
what it cannot know is added: on which of them gpuwright itself depends.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from hack import programs

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "build" / "sbom.cdx.json"
SPEC = "1.6"

Bom = dict[str, Any]


class SbomError(Exception):
    """The bill could not be made; the message has the tool's own words."""


def listed(tool: Path) -> Bom:
    """Return what the tool makes of the lock. Raises SbomError."""
    command = (str(tool), "requirements", "requirements/runtime.txt", "--pyproject", "pyproject.toml")
    options = ("--spec-version", SPEC, "--output-reproducible", "--output-format", "JSON", "--output-file", "-")
    answer = subprocess.run((*command, *options), cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SbomError(f"cyclonedx-py failed: {answer.stderr.strip()}")
    bom: Bom = json.loads(answer.stdout)
    return bom


def normal(name: str) -> str:
    """Return a name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def direct() -> set[str]:
    """Return the names that pyproject.toml depends on, with its extras: the image has all of them but `dev`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {name: entries for name, entries in project["optional-dependencies"].items() if name != "dev"}
    wanted = [*project["dependencies"], *(entry for entries in extras.values() for entry in entries)]
    return {normal(re.split(r"[^\w.-]", entry, maxsplit=1)[0]) for entry in wanted}


def completed(bom: Bom) -> Bom:
    """Return the bill without the lines of the lock, and with what gpuwright depends on by itself."""
    components = [{key: value for key, value in entry.items() if key != "description"} for entry in bom["components"]]
    wanted = direct()
    needed = sorted(entry["bom-ref"] for entry in components if normal(entry["name"]) in wanted)
    if len(needed) != len(wanted):
        raise SbomError("pyproject.toml depends on something that the lock does not have: run `make lock`")
    root = bom["metadata"]["component"]["bom-ref"]
    others = [entry for entry in bom.get("dependencies", ()) if entry["ref"] != root]
    return bom | {"components": components, "dependencies": [{"ref": root, "dependsOn": needed}, *others]}


def main() -> int:
    """Return the exit code: 1 where the bill cannot be made."""
    try:
        tool = programs.find_or_make("cyclonedx-py", os.environ, sys.stderr)
        bom = completed(listed(tool))
    except (SbomError, BinariesMissingError) as error:
        print(error, file=sys.stderr)
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(f"{json.dumps(bom, indent=2)}\n", encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: {len(bom['components'])} components")
    return 0


if __name__ == "__main__":
    sys.exit(main())
