"""`python -m gpuwright_sandbox.gateway`: the same as `gpuwright-sandbox gateway`."""

import argparse
import sys

from gpuwright_sandbox.gateway import cli

if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="gpuwright-sandbox gateway")
    cli.add_arguments(_parser)
    sys.exit(cli.run(_parser.parse_args()))
