"""Build the documentation into build/site with mkdocs; whatever mkdocs warns of is an error."""

import os
import subprocess
import sys
from pathlib import Path

from gpuwright_sandbox.controlplane.errors import BinariesMissingError
from hack import programs

ROOT = Path(__file__).resolve().parents[1]


def build(target: Path) -> tuple[bool, str]:
    """Return whether the site could be built into this folder, and what mkdocs said. Raises BinariesMissingError."""
    tool = programs.find_or_make("mkdocs", os.environ, sys.stderr)
    # Not --quiet: warnings that are not told are not counted either, and --strict finds none.
    command = (str(tool), "build", "--strict", "--clean", "--site-dir", str(target))
    # The theme's makers tell of their plans for mkdocs at each build.
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return answer.returncode == 0, answer.stdout + answer.stderr


def main() -> int:
    """Return the exit code: 1 where the site cannot be built."""
    try:
        built, said = build(ROOT / "build" / "site")
    except BinariesMissingError as error:
        print(error, file=sys.stderr)
        return 1
    if not built:
        print(said, file=sys.stderr)
        return 1
    print("build/site: open index.html in it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
