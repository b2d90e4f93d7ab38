"""`gpuwright-sandbox demo-placements`: the first provider has no room, the second one serves; both say what they saw.

The first is the sandbox gateway without a single H100, the second one moto's EC2 behind a shim. Each claim is held
against what the two providers themselves know to be true.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

from gpuwright_sandbox.controlplane import clients
from gpuwright_sandbox.controlplane.binaries import Places
from gpuwright_sandbox.controlplane.errors import ControlPlaneError
from gpuwright_sandbox.controlplane.making import find_or_make
from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.demo.checks import Check
from gpuwright_sandbox.demo.errors import ClaimError, DemoError, NotSeenError, NotStartedError
from gpuwright_sandbox.demo.eyes import GROUP, NAMESPACE, VERSION
from gpuwright_sandbox.demo.operator_process import OperatorProcess
from gpuwright_sandbox.demo.stage import ROOT, USER
from gpuwright_sandbox.ec2.calls import Kind
from gpuwright_sandbox.ec2.double import Ec2Double
from gpuwright_sandbox.ec2.fates import Pace
from gpuwright_sandbox.gateway.process import GatewayProcess, GatewayProcessError

FIRST, SECOND = "http://127.0.0.1:8700", "http://127.0.0.1:8701"
PATIENCE_SECONDS = 120.0
GLANCE_SECONDS = 0.2

Body = dict[str, Any]


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; it sets `run`, which takes the parsed arguments and returns an exit code."""
    words = "show a machine that the first provider has no room for come from the second"
    subparsers.add_parser("demo-placements", help=words).set_defaults(run=run)


def run(_arguments: argparse.Namespace) -> int:
    """Return 0 when every claim was seen to be true; 1 after saying what was not, 130 when interrupted."""
    began = time.monotonic()
    try:
        with _directory() as directory, _staged(directory) as ground:
            claims = _play(ground)
    except KeyboardInterrupt:
        print("stopped, nothing is left behind")
        return 130
    except (DemoError, ControlPlaneError, GatewayProcessError, ApiException, OSError) as error:
        print(f"\nthe demo failed: {error}", file=sys.stderr)
        return 1
    print(f"\n{claims} claims checked, all true ({time.monotonic() - began:.0f} s)")
    return 0


@dataclass(frozen=True, slots=True)
class Ground:
    """What runs."""

    plane: ControlPlane
    objects: client.CustomObjectsApi
    gateway: GatewayProcess
    ec2: Ec2Double
    operator: OperatorProcess

    def instance(self, name: str) -> Body:
        """Return a ComputeInstance; empty where there is none."""
        return self._body("computeinstances", name)

    def provider(self, name: str) -> Body:
        """Return a ComputeProvider; empty where there is none."""
        return self._body("computeproviders", name)

    def _body(self, plural: str, name: str) -> Body:
        try:
            body: Any = self.objects.get_namespaced_custom_object(GROUP, VERSION, NAMESPACE, plural, name)
        except ApiException as error:
            if error.status == 404:
                return {}
            raise
        found: Body = body
        return found

    def apply(self, manifest: str) -> None:
        """Apply a manifest. Raises NotStartedError with kubectl's own words."""
        answer = self.plane.kubectl("apply", "-f", "-", input=manifest)
        if answer.returncode != 0:
            raise NotStartedError(answer.stderr.strip())

    def delete(self, *names: str) -> None:
        """Delete instances and return at once."""
        self.plane.kubectl("delete", "gwi", "-n", NAMESPACE, "--wait=false", *names)

    def wait(self, expected: str, holds: Callable[[], bool], seen: Callable[[], object]) -> None:
        """Return once it holds. Raises NotSeenError."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > PATIENCE_SECONDS:
                words = f"{seen()}\n\nthe end of the operator's log:\n{self.operator.log_tail()}"
                raise NotSeenError(expected, words, PATIENCE_SECONDS)
            time.sleep(GLANCE_SECONDS)

    def asked_of_gateway(self) -> list[tuple[str, object]]:
        """Return name and answer of each create that reached the gateway."""
        return [(str(call["name"]), call["status"]) for call in self.gateway.requests(call="create")]

    def asked_of_ec2(self) -> list[str]:
        """Return the token of each create that reached EC2."""
        return [call.fields["ClientToken"] for call in self.ec2.server.calls if call.kind is Kind.CREATE]


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gpuwright-demo-", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@contextlib.contextmanager
def _staged(directory: Path) -> Iterator[Ground]:
    with contextlib.ExitStack() as parts:
        binaries = find_or_make(Places.of_environment(os.environ), sys.stdout)
        plane = parts.enter_context(ControlPlane(directory / "controlplane", binaries=binaries))
        plane.install_crds(ROOT / "crds")
        api = parts.enter_context(clients.open_client(plane.admin_kubeconfig()))
        clients.ensure_namespace(api, NAMESPACE)
        _say("control plane", "etcd, kube-apiserver, kube-controller-manager, crds/")
        gateway = parts.enter_context(GatewayProcess({"capacity": {"H100": 0}}))
        _say("gateway", f"{gateway.url}, the sandbox's, without a single H100")
        ec2 = parts.enter_context(Ec2Double(Pace(0.5, 0.5, 0.5)))
        _say("EC2", f"{ec2.url}, moto's server behind a shim")
        (directory / "operator").mkdir()
        operator = OperatorProcess(directory / "operator", plane.kubeconfig(USER, ("system:masters",)))
        parts.callback(operator.close)
        operator.spawn()
        ground = Ground(plane, client.CustomObjectsApi(api), gateway, ec2, operator)
        ground.wait("the operator says that it is ready", operator.is_ready, lambda: "it does not")
        _say("operator", "python -m gpuwright, with an identity of its own")
        yield ground


def _say(who: str, what: str) -> None:
    print(f"ok  {who:<14} {what}", flush=True)


def _play(ground: Ground) -> int:
    manifest = (ROOT / "examples" / "demo-placements.yaml").read_text().replace(FIRST, ground.gateway.url)
    everything = manifest.replace(SECOND, ground.ec2.url)
    print("\n[1/3] The first placement has no room: the second one serves", flush=True)
    ground.apply(everything)
    claims = _hold(_served(ground, "trainer"), ground)
    print("\n[2/3] Another one of the same kind passes the first over, which said that it has no room", flush=True)
    ground.apply(everything.rpartition("---")[2].replace("name: trainer,", "name: trainer-1,"))
    claims += _hold(_passed_over(ground, "trainer-1"), ground)
    print("\n[3/3] Gone means gone, at both", flush=True)
    ground.delete("trainer", "trainer-1")
    return claims + _hold(_gone(ground, "trainer", "trainer-1"), ground)


def _hold(claims: list[Check], ground: Ground) -> int:
    """Say what was seen at both, and hold the claims against it. Raises ClaimError."""
    print(f"      gateway   creates {_words(ground.asked_of_gateway())}; live {len(ground.gateway.live_machines())}")
    live = ", ".join(f"{found.id} ({found.name}, {found.state})" for found in ground.ec2.server.truth.live())
    print(f"      EC2       creates {len(ground.asked_of_ec2())}; live {live or 'none'}", flush=True)
    for claim in claims:
        print(f"{'yes' if claim.holds else 'NO '} {claim.claim}", flush=True)
    broken = [claim for claim in claims if not claim.holds]
    if broken:
        raise ClaimError(broken)
    return len(claims)


def _words(asked: list[tuple[str, object]]) -> str:
    return ", ".join(f"{name} -> {status}" for name, status in asked) or "none"


def _is_ready(body: Body) -> bool:
    conditions = (body.get("status") or {}).get("conditions") or ()
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def _served(ground: Ground, name: str) -> list[Check]:
    body = _wait_ready(ground, name)
    uid, status = body["metadata"]["uid"], body["status"]
    (first, *others) = [(entry["placement"], entry["reason"]) for entry in status["attempts"]]
    answers = [answer for _name, answer in ground.asked_of_gateway()]
    live = ground.ec2.server.truth.live()
    shown = (ground.provider("gateway").get("status") or {}).get("unavailableOffers") or ()
    return [
        Check("the gateway was asked once, and answered 503", "[503]", str(answers)),
        Check("nothing was ever made at the gateway", "[]", str(list(ground.gateway.machines()))),
        Check(
            "EC2 was asked once, with the token on record", str([status["launch"]["token"]]), str(ground.asked_of_ec2())
        ),
        Check("one machine bills at EC2, and carries the object's tag", str([uid]), str(_owners(ground))),
        Check("the record names it", str([found.id for found in live]), str([status["machine"]["id"]])),
        Check("the record says which placement it is", "1 ec2", _where(status)),
        Check("the history says why", str([(0, "CapacityUnavailable")]), str([first, *others])),
        Check(
            "the gateway's status says what it has no room for", "True", str(any("H100" in e["offer"] for e in shown))
        ),
    ]


def _passed_over(ground: Ground, name: str) -> list[Check]:
    status = _wait_ready(ground, name)["status"]
    history = [(entry["placement"], entry["outcome"], entry["reason"]) for entry in status["attempts"]]
    return [
        Check("the gateway was not asked again", "1", str(len(ground.asked_of_gateway()))),
        Check("two machines bill at EC2, one for each object", "2", str(len(set(_owners(ground))))),
        Check("the history says why", str([(0, "NotExecuted", "CapacityUnavailable")]), str(history)),
    ]


def _gone(ground: Ground, *names: str) -> list[Check]:
    ground.wait("both objects gone", lambda: not any(ground.instance(name) for name in names), lambda: names)
    return [
        Check("nothing bills at the gateway", "[]", str(list(ground.gateway.live_machines()))),
        Check("nothing bills at EC2", "[]", str(ground.ec2.server.truth.live())),
        Check("no disk is left there", "0", str(ground.ec2.server.truth.volumes())),
    ]


def _wait_ready(ground: Ground, name: str) -> Body:
    ground.wait(f"{name} Ready", lambda: _is_ready(ground.instance(name)), lambda: ground.instance(name).get("status"))
    return ground.instance(name)


def _owners(ground: Ground) -> list[str]:
    return [found.tags.get("gpuwright.dev/owner-uid", "") for found in ground.ec2.server.truth.live()]


def _where(status: Body) -> str:
    return f"{status['launch']['placement']} {status['launch']['providerRef']['name']}"
