"""One operator for each module, one gateway and one provider for each test; nothing bills when a test is over."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.api_proxy import ApiProxy
from tests.e2e.cluster import NAMESPACES, Cluster
from tests.e2e.history import History
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.stage import Stage
from tests.e2e.together import Begun, begin, short_name
from tests.e2e.world import FAST_BOOT, World

from gpuwright_sandbox.controlplane.plane import ControlPlane
from gpuwright_sandbox.gateway.process import GatewayProcess

OPERATOR_GROUP = ("system:masters",)


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    """The API server, asked as the administrator."""
    with Cluster(control_plane.admin_kubeconfig()) as made:
        yield made


@pytest.fixture(scope="module")
def home(cluster: Cluster) -> Iterator[str]:
    """The namespace that a module's operator watches."""
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    cluster.create(NAMESPACES, {"metadata": {"name": name}})
    yield name
    cluster.delete(NAMESPACES, "", name)


@pytest.fixture(scope="module")
def operator_user(home: str) -> str:
    """Who a module's operator is, so that the audit log tells its requests from all others."""
    return f"operator-of-{home}"


@pytest.fixture(scope="module")
def operator_log(tmp_path_factory: pytest.TempPathFactory, home: str) -> Path:
    """Where a module's operator writes its log."""
    return tmp_path_factory.mktemp("operator") / f"{home}.log"


@pytest.fixture(scope="module")
def operator_kubeconfig(control_plane: ControlPlane, operator_user: str) -> Path:
    """How a module's operator reaches the API server."""
    return control_plane.kubeconfig(operator_user, OPERATOR_GROUP)


@pytest.fixture(scope="module")
def proxy(control_plane: ControlPlane, operator_user: str) -> Iterator[ApiProxy]:
    """A door before the API server, for modules whose operator is to go through it: see `operator_kubeconfig`."""
    with ApiProxy(control_plane.kubeconfig(operator_user, OPERATOR_GROUP)) as made:
        yield made


@pytest.fixture(scope="module")
def operator(operator_kubeconfig: Path, home: str, operator_log: Path) -> Iterator[OperatorProcess]:
    """An operator that watches the module's namespace, which is also its own."""
    made = OperatorProcess(operator_kubeconfig, operator_log, ("--watch-namespace", home, "--namespace", home))
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def history(control_plane: ControlPlane, home: str) -> Iterator[History]:
    """Every version of the module's instances."""
    with History(control_plane.admin_kubeconfig(), home) as made:
        yield made


@pytest.fixture(scope="module")
def stage(
    control_plane: ControlPlane,
    cluster: Cluster,
    home: str,
    operator: OperatorProcess,
    operator_user: str,
    history: History,
) -> Stage:
    """What the tests of a module share."""
    return Stage(control_plane, control_plane.admin_kubeconfig(), cluster, home, operator, operator_user, history)


@pytest.fixture(scope="module")
def begun(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Begun]:
    """All tests of a module that are marked `@together`, on their way."""
    with begin(stage, request.session.items, request.module) as made:
        yield made


@pytest.fixture
def world(stage: Stage, request: pytest.FixtureRequest) -> Iterator[World]:
    """A gateway of the test's own, its Secret and a provider with short times; cleared away at the end."""
    with GatewayProcess(FAST_BOOT) as gateway:
        made = World(stage, gateway, short_name(request.node.name))
        made.make_secret()
        made.make_provider()
        yield made
        made.close()
