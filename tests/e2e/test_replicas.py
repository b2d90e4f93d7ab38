"""Two replicas: one leads, the other is warm and touches nothing, and takes over; what is frozen sends nothing more.

Each test prints how long nobody led; `make bench-takeover` measures the same under load.
"""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.audit import Audit
from tests.e2e.cluster import Body, Cluster, Resource, holds_for, wait_for
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.world import World

from gpuwright_sandbox.controlplane.plane import ControlPlane

pytestmark = [pytest.mark.cluster, pytest.mark.sandbox]

LEASES = Resource("/apis/coordination.k8s.io/v1", "leases", "Lease")
ROLES = Resource("/apis/rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", namespaced=False)
BINDINGS = Resource("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
GROUP = ("system:masters",)
LEASE_LOST = 3
LEASE_SECONDS = 15.0
TAKE_OVER_SECONDS = 22.0  # the Lease runs out, the other one looks again; on a machine with other things to do
GLANCE_SECONDS = 0.02


class Replica(OperatorProcess):
    """One of two; its writes are told apart in the audit log by who it is."""

    def __init__(self, plane: ControlPlane, home: str, letter: str, folder: Path) -> None:
        user = f"replica-{letter}-of-{home}"
        flags = ("--watch-namespace", home, "--namespace", home, "--leader-elect")
        super().__init__(plane.kubeconfig(user, GROUP), folder / f"{letter}.log", flags)
        self.audit = Audit(plane.audit_log, user)

    @property
    def leads(self) -> bool:
        """Whether it says that it leads."""
        return self.metric("gpuwright_leader") == 1

    def freeze(self) -> None:
        """Stop it where it stands (SIGSTOP)."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)


@dataclass(frozen=True, slots=True)
class Pair:
    """The two, and who of them leads now."""

    leader: Replica
    standby: Replica

    def without_a_leader(self, since: float, seconds: float = TAKE_OVER_SECONDS) -> float:
        """Return how long it was from then until the standby leads. Raises AssertionError."""
        until = time.monotonic() + seconds
        while not self.standby.leads:
            assert time.monotonic() < until, f"nobody took over:\n{self.standby.logs()[-2000:]}"
            time.sleep(GLANCE_SECONDS)
        return time.monotonic() - since


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> OperatorProcess:
    """In place of the operator that other modules have: none runs beside the two."""
    return OperatorProcess(control_plane.admin_kubeconfig(), tmp_path_factory.mktemp("none") / "operator.log")


@pytest.fixture
def pair(control_plane: ControlPlane, cluster: Cluster, home: str, tmp_path: Path) -> Iterator[Pair]:
    """Two replicas, of which the first leads; there is no Lease when they begin."""
    leader, standby = (Replica(control_plane, home, letter, tmp_path) for letter in "ab")
    try:
        leader.start()
        wait_for("the first one leads", lambda: leader.leads, shown=leader.logs)
        standby.start()
        yield Pair(leader, standby)
    finally:
        for replica in (leader, standby):
            if replica.running:
                replica.thaw()
            replica.close()
        cluster.delete(LEASES, home, "gpuwright")


@pytest.fixture
def looked_after(pair: Pair, world: World) -> World:
    """The world, set up after the pair and cleared away before it."""
    del pair
    return world


def tell(words: str) -> None:
    print(f"\n{words}")  # noqa: T201 - pytest shows it with -s, and where the test fails


def lease(cluster: Cluster, home: str) -> Body:
    found = cluster.get(LEASES, home, "gpuwright")
    assert found is not None
    spec: Body = found["spec"]
    return spec


def test_the_standby_is_ready_and_touches_nothing(pair: Pair, looked_after: World) -> None:
    instance = looked_after.create_ready("one")
    wait_for("the standby has seen it", lambda: not pair.standby.complaints())
    assert pair.standby.ask("/readyz") == (200, "ok")
    assert pair.standby.ask("/healthz") == (200, "ok")
    assert not pair.standby.leads
    # Its own polls and probes would come every second, beside the leader's.
    pair.leader.freeze()
    before = len(looked_after.gateway.requests())
    assert holds_for(3, lambda: len(looked_after.gateway.requests()) == before), "a standby called the provider"
    pair.leader.thaw()
    assert pair.standby.audit.writes() == [], "a standby wrote"
    assert pair.standby.metric("gpuwright_machines") == 0
    instance.delete()
    instance.wait_gone()
    assert pair.standby.audit.writes() == []
    assert pair.standby.metric("gpuwright_possible_leaks_total") == 0, "what the leader let go was not torn away"
    assert pair.standby.terminate() == 0
    assert pair.standby.audit.writes() == [], "who never led has nothing to give back"
    assert pair.leader.leads


def test_a_clean_stop_hands_over_in_a_moment(pair: Pair, looked_after: World, home: str) -> None:
    instance = looked_after.create_ready("one")
    before = lease(looked_after.cluster, home)
    began = time.monotonic()
    assert pair.leader.terminate() == 0
    stopped = time.monotonic() - began
    seconds = pair.without_a_leader(began)
    tell(f"clean stop: {seconds:.1f} s without a leader, {stopped:.1f} s of them for the stop itself")
    after = lease(looked_after.cluster, home)
    assert after["leaseTransitions"] == before["leaseTransitions"] + 1
    assert after["holderIdentity"] != before["holderIdentity"]
    assert pair.standby.metric("gpuwright_lease_transitions") == after["leaseTransitions"]
    assert seconds - stopped < LEASE_SECONDS / 2, "the Lease was not given back, but waited for"
    assert pair.leader.complaints() == []
    another = looked_after.create_ready("another")
    assert (instance.peak(), another.peak()) == (1, 1)


def test_who_takes_over_from_a_killed_leader_waits_for_its_term_to_end(pair: Pair, looked_after: World) -> None:
    instance = looked_after.create_ready("one")
    began = time.monotonic()
    pair.leader.kill()
    ordered = looked_after.create("two")
    seconds = pair.without_a_leader(began)
    tell(f"SIGKILL: {seconds:.1f} s without a leader")
    assert seconds > LEASE_SECONDS - 3, "a Lease that was renewed 2 s before is good for 13 s more"
    ordered.wait_ready()
    assert (instance.peak(), ordered.peak()) == (1, 1)
    # The one that was killed comes back as a standby.
    pair.leader.start()
    assert holds_for(3, lambda: not pair.leader.leads)
    assert pair.standby.leads


def test_a_frozen_leader_wakes_up_and_sends_nothing(pair: Pair, looked_after: World) -> None:
    looked_after.create_ready("one")
    pair.leader.freeze()
    began = time.monotonic()
    ordered = looked_after.create("two")
    seconds = pair.without_a_leader(began)
    tell(f"SIGSTOP: {seconds:.1f} s without a leader")
    ordered.wait_ready()
    pair.standby.freeze()
    try:
        pair.leader.audit.writes()
        before = looked_after.gateway.requests()
        pair.leader.thaw()
        assert pair.leader.wait() == LEASE_LOST
        assert looked_after.gateway.requests() == before, "it called the provider"
    finally:
        pair.standby.thaw()
    assert pair.leader.audit.writes() == [], "it wrote"
    (words,) = pair.leader.complaints()
    assert "the Lease is lost" in words
    assert "traceback" not in words
    assert ordered.peak() == 1
    assert pair.standby.running, "three seconds of frost are within its term"


def test_an_api_server_away_for_longer_than_the_term_ends_the_leader(
    pair: Pair, looked_after: World, control_plane: ControlPlane
) -> None:
    instance = looked_after.create_ready("one")
    began = time.monotonic()
    control_plane.pause("kube-apiserver")
    try:
        assert pair.leader.wait() == LEASE_LOST
        ended = time.monotonic() - began
        assert pair.standby.running
        before = looked_after.gateway.requests()
        assert holds_for(2, lambda: looked_after.gateway.requests() == before), "nobody led, and somebody called"
    finally:
        control_plane.resume("kube-apiserver")
    back = time.monotonic()
    pair.without_a_leader(began, 40)
    tell(f"API server away: the leader ended after {ended:.1f} s, the other led {time.monotonic() - back:.1f} s")
    assert 8 < ended < 12
    ordered = looked_after.create_ready("two")
    assert (instance.peak(), ordered.peak()) == (1, 1)
    assert [line for line in pair.leader.complaints() if "the Lease is lost" in line]


@pytest.mark.parametrize(
    ("verbs", "namespace", "words"),
    [
        pytest.param((), "", "needs the verbs get, create and patch on leases", id="may not read it"),
        pytest.param(("get",), "", "needs the verbs get, create and patch on leases", id="may not create it"),
        pytest.param(("get", "create"), "nowhere", "namespace nowhere, which does not exist", id="no namespace"),
    ],
)
def test_who_cannot_have_the_lease_is_told_what_to_do(
    control_plane: ControlPlane,
    cluster: Cluster,
    home: str,
    tmp_path: Path,
    verbs: list[str],
    namespace: str,
    words: str,
) -> None:
    rules = [{"apiGroups": ["gpuwright.dev"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
    rules += [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": list(verbs)}] if verbs else []
    name = f"{home}-{len(verbs)}"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    cluster.create(ROLES, {"metadata": {"name": name}, "rules": rules})
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}
    cluster.create(BINDINGS, {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]})
    log = tmp_path / "operator.log"
    flags = ("--watch-namespace", home, "--namespace", namespace or home, "--leader-elect", "--cluster-id", "x")
    replica = OperatorProcess(control_plane.kubeconfig(name), log, flags)
    replica.spawn()
    assert replica.wait() == 2
    (line,) = replica.complaints()
    assert words in line
    assert "traceback" not in line
