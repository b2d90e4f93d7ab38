"""`--keep`: everything stays up for whoever wants to try for themselves, until Ctrl-C."""

import shlex
import time
from dataclasses import dataclass
from pathlib import Path

from gpuwright_sandbox.demo.eyes import NAMESPACE
from gpuwright_sandbox.demo.operator_process import OperatorProcess
from gpuwright_sandbox.demo.stage import EXAMPLES, ROOT

_LOOK_SECONDS = 0.5
_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Premises:
    """Where things are that somebody can use."""

    kubectl: Path
    kubeconfig: Path
    gateway_url: str
    pid_file: Path
    log: Path


def instructions(premises: Premises) -> str:
    """Return what can be tried, as lines for a shell."""
    control = f"curl -s {premises.gateway_url}/_sandbox"
    return f"""
All of it is still up. In another terminal:

  export KUBECONFIG={_quoted(premises.kubeconfig)}
  alias kubectl={_quoted(premises.kubectl)}

  # a machine of your own, and what the gateway knows of it
  kubectl apply -f {_quoted(ROOT / "examples" / "instance-minimal.yaml")}
  kubectl get gwi -n {NAMESPACE}
  {control}/machines/$(kubectl get gwi trainer-0 -n {NAMESPACE} -o jsonpath={{.status.machine.id}})

  # lose the answer to the next create, after the machine was made; then apply another instance
  {control}/faults -d '{{"call": "create", "action": "drop", "commit": "first"}}'
  kubectl apply -f {_quoted(EXAMPLES / "plain.yaml")}

  # kill the operator (it is started again), and see how many machines anybody ever had at once
  kill -9 $(cat {_quoted(premises.pid_file)})
  {control}/owners

  # gone means gone
  kubectl delete gwi -n {NAMESPACE} --all

The operator's log is {premises.log}
Ctrl-C here stops everything and leaves nothing behind.
"""


def watch(operator: OperatorProcess) -> None:
    """Start the operator again, a second later, whenever it has ended; only an interrupt ends this."""
    while True:
        time.sleep(_LOOK_SECONDS)
        if operator.pid is None:
            print("the operator has ended; it is started again in a second", flush=True)
            time.sleep(_PAUSE_SECONDS)
            operator.spawn()


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
