"""The command `gpuwright-sandbox`: one subcommand per part of the sandbox."""

import argparse
import sys
from types import ModuleType

from gpuwright_sandbox import chart_tools
from gpuwright_sandbox.bench import cli as bench
from gpuwright_sandbox.controlplane import cli as controlplane
from gpuwright_sandbox.demo import cli as demo
from gpuwright_sandbox.demo import placements
from gpuwright_sandbox.gateway import cli as gateway

# Each part adds its commands with `add_parser(subparsers)`; a command sets `run`, which returns the exit code.
PARTS: tuple[ModuleType, ...] = (controlplane, gateway, demo, placements, bench, chart_tools)


def main() -> None:
    """Run the subcommand named on the command line, and exit with its code."""
    parser = argparse.ArgumentParser(prog="gpuwright-sandbox", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for part in PARTS:
        part.add_parser(subparsers)
    arguments = parser.parse_args()
    sys.exit(arguments.run(arguments))


if __name__ == "__main__":
    main()
