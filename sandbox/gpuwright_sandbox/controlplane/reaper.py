"""The process that outlives a killed owner just long enough to end its children.

Run as `python -m gpuwright_sandbox.controlplane.reaper DIRECTORY`, with a pipe as its standard input whose other end
only the owner holds: the kernel closes it however the owner ends.
"""

import sys
from pathlib import Path

from gpuwright_sandbox.controlplane.ownership import reap


def main() -> None:
    """Wait until the owner is gone, then end what is provably its own."""
    sys.stdin.buffer.read()
    reap(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
