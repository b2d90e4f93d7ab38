"""What all tests of a module share: the control plane, an operator, and the namespace that it watches."""

from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cluster import Cluster
from tests.e2e.history import History
from tests.e2e.operator_process import OperatorProcess

from gpuwright_sandbox.controlplane.plane import ControlPlane


@dataclass(frozen=True, slots=True)
class Stage:
    """Built once a module.

    Attributes:
        admin: the administrator's kubeconfig, written once.
        home: the namespace that the operator watches; also its own.
        operator_user: who the operator is towards the API server, and in its audit log.
    """

    plane: ControlPlane
    admin: Path
    cluster: Cluster
    home: str
    operator: OperatorProcess
    operator_user: str
    history: History
