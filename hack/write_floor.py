"""Measure what an instance's four writes cost with the operator's client alone: no watch, no decision, no provider.

The operator cannot cost less than this, so it says how much of its CPU is its own doing (docs/benchmarks.md).
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from gpuwright import handlers
from gpuwright.kube.client import KubeClient
from gpuwright.model.names import FINALIZER_MACHINE
from gpuwright.model.resources import INSTANCES
from gpuwright.telemetry import Metrics
from gpuwright_sandbox.controlplane.plane import ControlPlane

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 20  # as many as the operator has
NAMESPACE = "default"
CONDITIONS = ("Accepted", "Launched", "Ready", "Reconciling", "Stalled")


def main() -> None:
    """Print CPU seconds and seconds for N instances."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("size", type=int, nargs="?", default=300, help="instances (default: 300)")
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as folder, ControlPlane(Path(folder), audit=False) as plane:
        plane.install_crds(ROOT / "crds")
        os.environ["KUBECONFIG"] = str(plane.kubeconfig("write-floor", ("system:masters",)))
        cpu, seconds = uvloop.run(measure(size))
    each = 1000 * cpu / size
    print(f"{size} instances x 4 writes: {cpu:.2f} CPU s ({each:.1f} ms an instance), {seconds:.1f} s")


async def measure(size: int) -> tuple[float, float]:
    """Return the CPU seconds of this process and the seconds that the writes took."""
    connection = handlers.connection(time.monotonic)
    async with KubeClient(connection, Metrics(), limit=CONNECTIONS) as client:
        bodies = [await client.post(INSTANCES, NAMESPACE, an_instance(f"machine-{n:04}")) for n in range(size)]
        gate = asyncio.Semaphore(CONNECTIONS)
        cpu, began = time.process_time(), time.monotonic()
        await asyncio.gather(*(four_writes(client, body, gate) for body in bodies))
        return time.process_time() - cpu, time.monotonic() - began


async def four_writes(client: KubeClient, body: dict[str, Any], gate: asyncio.Semaphore) -> None:
    """Write the finalizer, and three statuses of the size that an intent, an answer and Ready have."""
    async with gate:
        finalizers = {"metadata": {"finalizers": [FINALIZER_MACHINE]}}
        body = await client.patch(INSTANCES, body, finalizers, status=False)
        for turn in ("Creating", "Provisioning", "Running"):
            status = {"summary": turn, "replacements": 0, "conditions": conditions(CONDITIONS, turn)}
            body = await client.patch(INSTANCES, body, {"status": status}, status=True)


def conditions(types: Sequence[str], reason: str) -> list[dict[str, Any]]:
    """Return conditions with messages of the usual length."""
    same = {"status": "True", "message": "m" * 40, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return [{"type": kind, "reason": reason, "observedGeneration": 1, **same} for kind in types]


def an_instance(name: str) -> dict[str, Any]:
    """Return a small instance, as in examples/instance-minimal.yaml."""
    return {
        "apiVersion": "gpuwright.dev/v1alpha1",
        "kind": "ComputeInstance",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "providerRef": {"name": "gateway"},
            "machine": {"gpu": {"type": "H100", "count": 1}, "image": "registry.example/trainer:1"},
        },
    }


if __name__ == "__main__":
    main()
