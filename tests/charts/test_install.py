"""The chart installed for real, with Helm 3 and Helm 4: upgraded, rolled back and taken away while machines run."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.charts.estate import (
    ACCOUNT,
    RESTRICTED,
    TENANT,
    VALUES,
    WAIT,
    Estate,
    Said,
    estate,
    objects,
    wait_until,
)
from tests.charts.helm import NAMESPACE, RELEASE, Body, together
from tests.charts.rights import Right, asked, granted

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

KEPT = "trainer-0"
LEASE = "lease.coordination.k8s.io/gpuwright"
RARE = {
    ("patch", "events.k8s.io/events"),  # the count of an Event that is repeated a minute later
    # After a 409, and before a destructive call that comes late.
    ("get", "gpuwright.dev/computeinstances"),
    ("get", "gpuwright.dev/computeproviders"),
    ("get", "gpuwright.dev/clustercomputeproviders"),
}
"""What is granted and may not be needed in a short life."""


@dataclass(slots=True)
class Story:
    """What each step of one release's life has said and left, in order."""

    said: dict[str, Said] = field(default_factory=dict)
    pods: dict[str, list[Body]] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)
    asked: dict[str, set[Right]] = field(default_factory=dict)
    granted: set[Right] = field(default_factory=set)
    left: dict[str, list[str]] = field(default_factory=dict)
    readable: str = ""
    offset: int = 0

    def note(self, step: str, place: Estate, said: Said) -> None:
        """Write down how the step ended and what is there after it."""
        self.said[step] = said
        self.pods[step] = place.pods()
        self.machines[step] = place.machine(KEPT)
        self.state[step] = place.state()
        self.created[step] = len(place.gateway.machines())

    def count(self, place: Estate) -> None:
        """Add what the operator has asked for lately; before an uninstall, which takes its rights while it ends."""
        for kind, rights in asked(place.plane.audit_log, self.offset, ACCOUNT).items():
            self.asked.setdefault(kind, set()).update(rights)


@pytest.fixture(scope="module", params=[3, 4], ids=["helm3", "helm4"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """One life of a release; the tests below look at its steps."""
    with estate(request.param, tmp_path_factory.mktemp(f"helm{request.param}")) as place:
        told = Story()
        _install_and_use(place, told)
        _change_with_live_machines(place, told)
        _refuse_and_force(place, told)
        _come_back_and_go(place, told)
        yield told


def _install_and_use(place: Estate, told: Story) -> None:
    told.note("install", place, place.release("install", *WAIT, values=VALUES))
    assert told.said["install"].code == 0, told.said["install"].words + place.logs()
    told.granted = granted(place.plane, RELEASE)
    told.readable = place.kubectl("get", "gwi,gwprov", "-A").words
    place.apply(*objects(place.gateway, KEPT))
    place.wait_ready(KEPT)
    told.note("use", place, Said(0, ""))


def _change_with_live_machines(place: Estate, told: Story) -> None:
    changed = together(VALUES, {"log": {"level": "info"}, "podAnnotations": {"example.com/release": "2"}})
    told.note("upgrade", place, place.release("upgrade", *WAIT, values=changed))
    told.note("rollback", place, place.release("rollback", "1", *WAIT))
    place.apply(*objects(place.gateway, KEPT, "trainer-1"))
    place.wait_ready("trainer-1")


def _refuse_and_force(place: Estate, told: Story) -> None:
    told.note("refused", place, place.release("uninstall", *WAIT))
    told.note("repaired", place, place.release("rollback", *WAIT))
    allowed = together(VALUES, {"uninstall": {"whileMachinesLive": "Allow"}})
    told.note("allowed", place, place.release("upgrade", *WAIT, values=allowed))
    told.count(place)
    told.note("forced", place, place.release("uninstall", *WAIT))
    told.left["forced"] = _left(place)
    told.offset = place.plane.audit_log.stat().st_size


def _come_back_and_go(place: Estate, told: Story) -> None:
    told.note("again", place, place.release("install", *WAIT, values=VALUES))
    assert told.said["again"].code == 0, told.said["again"].words
    place.kubectl("delete", "gwi", "--all", "-n", TENANT, "--timeout=60s")
    assert place.gateway.live_machines() == []
    told.count(place)
    # At once: the provider still carries the operator's finalizer, which is waited for.
    told.note("gone", place, place.release("uninstall", "--timeout", "240s"))
    told.left["gone"] = _left(place)
    finalizers = place.get("gwprov", "gateway", TENANT)["metadata"].get("finalizers", [])
    told.left["finalizers"] = [*finalizers]


def _left(place: Estate) -> list[str]:
    """Return what the release has left in the cluster, once its pods have ended."""
    wait_until(lambda: not place.node.pids(), 60, lambda: f"pods do not end: {place.node.pids()}")
    kinds = "crd,clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding"
    everywhere = place.plane.kubectl("get", kinds, "-o", "name", "-l", f"app.kubernetes.io/instance={RELEASE}").stdout
    kinds = "all,sa,role,rolebinding,pdb,netpol,cm,lease,secret"
    gone = place.kubectl("wait", "pods", "--all", "-n", NAMESPACE, "--for=delete", "--timeout=60s")
    assert gone.code == 0, gone.words
    inside = place.plane.kubectl("get", kinds, "-n", NAMESPACE, "-o", "name").stdout
    # What every namespace has, and what the platform team has made.
    others = ("configmap/kube-root-ca.crt", "serviceaccount/default", "secret/gateway-token")
    return [line for line in (*everywhere.splitlines(), *inside.splitlines()) if line not in others]


def test_install_waits_until_both_replicas_are_ready(story: Story) -> None:
    pods = story.pods["install"]
    assert len(pods) == 2
    assert [pod for pod in pods if not _is_ready(pod)] == []
    assert story.state["install"] == "deployed"


def test_the_namespace_holds_pods_to_the_restricted_profile(story: Story) -> None:
    """The API server admits no other pod there, and tells nothing against these."""
    assert RESTRICTED.endswith("enforce=restricted")
    assert "PodSecurity" not in story.said["install"].words


def test_the_notes_tell_what_comes_next(story: Story) -> None:
    words = story.said["install"].words
    assert f"Secrets are readable in: {NAMESPACE}, {TENANT}." in words
    assert "An uninstall while machines live is refused." in words


def test_the_kinds_can_be_used_at_once(story: Story) -> None:
    assert "No resources found" in story.readable


def test_an_upgrade_keeps_the_machine(story: Story) -> None:
    assert story.said["upgrade"].code == 0, story.said["upgrade"].words
    assert _names(story.pods["upgrade"]).isdisjoint(_names(story.pods["install"]))
    assert len(story.pods["upgrade"]) == 2
    assert story.machines["upgrade"] == story.machines["use"] != ""
    assert story.created["upgrade"] == 1


def test_a_rollback_keeps_the_machine(story: Story) -> None:
    assert story.said["rollback"].code == 0, story.said["rollback"].words
    assert story.state["rollback"] == "deployed"
    assert story.machines["rollback"] == story.machines["use"]
    assert story.created["rollback"] == 1


def test_an_uninstall_while_machines_live_is_refused_and_says_why(story: Story) -> None:
    said = story.said["refused"]
    assert said.code != 0
    assert f"{TENANT}/{KEPT} (machine {story.machines['use']})" in said.words, said.words
    assert "2 ComputeInstances" in said.words
    assert _names(story.pods["refused"]) == _names(story.pods["rollback"]), "the operator runs on"
    assert story.machines["refused"] == story.machines["use"]


def test_a_release_that_was_not_uninstalled_can_be_upgraded_again(story: Story) -> None:
    """Helm calls it uninstalling from then on, and upgrades no such release: a rollback gives it back."""
    assert story.said["repaired"].code == 0, story.said["repaired"].words
    assert story.state["repaired"] == "deployed"
    assert story.said["allowed"].code == 0, story.said["allowed"].words


def test_a_forced_uninstall_says_what_it_leaves_and_leaves_just_that(story: Story) -> None:
    said = story.said["forced"]
    assert said.code == 0, said.words
    assert "left behind: 2 ComputeInstances" in said.words, said.words
    assert "whose machines run on and bill" in said.words
    assert story.machines["forced"] == story.machines["use"]
    assert [line for line in story.left["forced"] if not _is_crd(line)] == [LEASE]
    assert len([line for line in story.left["forced"] if _is_crd(line)]) == 3


def test_a_new_release_takes_the_objects_up_and_ends_their_machines(story: Story) -> None:
    assert story.machines["again"] == story.machines["use"]
    assert story.created["again"] == 2, "none was bought anew"


def test_an_uninstall_right_after_the_last_machine_leaves_no_finalizer(story: Story) -> None:
    assert story.said["gone"].code == 0, story.said["gone"].words
    assert story.left["finalizers"] == []
    assert [line for line in story.left["gone"] if not _is_crd(line)] == [LEASE]


def test_granted_is_used_and_used_is_granted(story: Story) -> None:
    assert set(story.asked) == {"answered"}, "nothing was refused"
    assert story.asked["answered"] - story.granted == set()
    assert story.granted - story.asked["answered"] - RARE == set()


def _names(pods: list[Body]) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods}


def _is_ready(pod: Body) -> bool:
    found = [entry for entry in pod["status"].get("conditions", []) if entry["type"] == "Ready"]
    return bool(found) and found[0]["status"] == "True"


def _is_crd(line: str) -> bool:
    return line.startswith("customresourcedefinition")
