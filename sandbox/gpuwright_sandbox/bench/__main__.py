"""`python -m gpuwright_sandbox.bench`: the same as `gpuwright-sandbox bench`."""

import argparse
import sys

import gpuwright_sandbox.bench.cli as cli

if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m gpuwright_sandbox.bench", description=cli.__doc__)
    cli.add_arguments(_parser)
    sys.exit(cli.run(_parser.parse_args()))
