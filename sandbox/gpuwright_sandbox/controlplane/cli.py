"""`gpuwright-sandbox controlplane` and `gpuwright-sandbox tools`."""

import argparse
import contextlib
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from gpuwright_sandbox.controlplane.binaries import Places
from gpuwright_sandbox.controlplane.certificates import write_private
from gpuwright_sandbox.controlplane.errors import ControlPlaneError
from gpuwright_sandbox.controlplane.making import find_or_make
from gpuwright_sandbox.controlplane.plane import ControlPlane


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both commands; each sets `run`, which takes the parsed arguments and returns an exit code."""
    controlplane = subparsers.add_parser("controlplane", help="run etcd, kube-apiserver and kube-controller-manager")
    controlplane.add_argument("--dir", type=Path, help="keep the store here (default: a folder removed at the end)")
    controlplane.add_argument("--kubeconfig-out", type=Path, metavar="FILE", help="also write the kubeconfig here")
    controlplane.add_argument("--no-audit", action="store_true", help="write no audit log")
    controlplane.set_defaults(run=run)
    tools = subparsers.add_parser("tools", help="find etcd, kube-apiserver and the others, or make them once")
    tools.set_defaults(run=run_tools)


def run(arguments: argparse.Namespace) -> int:
    """Run a control plane until Ctrl-C or SIGTERM and return 0, or 1 after saying on stderr what went wrong."""
    # SIGTERM then unwinds as Ctrl-C does, wherever it comes: while building, starting, or waiting.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _directory(arguments.dir) as directory:
            _serve(directory, arguments)
    except KeyboardInterrupt:
        print("stopped")
    except ControlPlaneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run_tools(arguments: argparse.Namespace) -> int:  # noqa: ARG001  # every command's `run` takes them
    """Find or make the programs, print where each came from and return 0; 1 after saying why one cannot be had."""
    try:
        binaries = find_or_make(Places.of_environment(os.environ), sys.stdout)
    except ControlPlaneError as error:
        print(error, file=sys.stderr)
        return 1
    for program, tool in binaries.by_program().items():
        print(f"{program:<24} {tool.version!s:<9} {tool.source:<19} {tool.path}")
    return 0


def _serve(directory: Path, arguments: argparse.Namespace) -> None:
    binaries = find_or_make(Places.of_environment(os.environ), sys.stdout)
    started = time.monotonic()
    with ControlPlane(directory, audit=not arguments.no_audit, binaries=binaries) as plane:
        kubeconfig = plane.admin_kubeconfig()
        if arguments.kubeconfig_out is not None:
            kubeconfig = write_private(arguments.kubeconfig_out.resolve(), kubeconfig.read_bytes())
        print(f"ready after {time.monotonic() - started:.1f} s: {plane.url}, logs and store in {plane.directory}")
        print(f"use it:  export KUBECONFIG={shlex.quote(str(kubeconfig))}")
        print(f"         {shlex.quote(str(binaries.kubectl.path))} get namespaces")
        print("stop it: Ctrl-C", flush=True)
        while True:
            signal.pause()


@contextlib.contextmanager
def _directory(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="gpuwright-") as temporary:
        yield Path(temporary)
