"""Secrets: rotated, wrong, missing and late; used where they belong, and seen nowhere else."""

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.e2e.cluster import (
    CLUSTER_PROVIDERS,
    EVENTS,
    INSTANCES,
    PROVIDERS,
    SECRETS,
    Body,
    Cluster,
    condition,
    holds_for,
)
from tests.e2e.operator_process import OperatorProcess
from tests.e2e.world import FAST_BOOT, Instance, World

from gpuwright_sandbox.gateway.process import GatewayProcess

pytestmark = pytest.mark.cluster


def env_from(secret: str, key: str = "key") -> dict[str, object]:
    """Return a bootstrap whose one variable comes from a Secret."""
    return {"env": [{"name": "CODE", "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}]}


@dataclass(frozen=True, slots=True)
class Early:
    """An instance that was created before the Secret that it names, as it was then."""

    instance: Instance
    before: Body


@pytest.fixture(scope="module")
def early(operator: OperatorProcess, cluster: Cluster, home: str) -> Iterator[Early]:
    """A Secret of an instance is asked for every 30 s only, so the wait begins with the module."""
    with GatewayProcess(FAST_BOOT) as gateway:
        world = World(cluster, home, gateway, "early")
        world.make_secret()
        world.make_provider()
        instance = world.create("early", bootstrap=env_from("comes-late"))
        instance.wait_condition("Accepted", "False", "SecretNotFound")
        before = instance.body() or {}
        world.make_secret("comes-late", key="late but right")
        yield Early(instance, before)
        world.close()


def set_token(world: World, token: str) -> None:
    """Put another token into the provider's Secret."""
    encoded = base64.b64encode(token.encode()).decode()
    world.cluster.merge(SECRETS, world.namespace, world.name, {"data": {"token": encoded}})


def test_an_instance_waits_for_its_secret_and_says_so(early: Early) -> None:
    assert condition(early.before, "Accepted") == ("False", "SecretNotFound")
    assert condition(early.before, "Ready") == ("False", "SecretNotFound")
    assert condition(early.before, "Stalled") == ("False", "NotStalled")
    assert "launch" not in early.before["status"]


def test_a_rotated_token_is_rejected_and_works_again_once_the_secret_has_it(world: World) -> None:
    running = world.create_ready("running")
    world.gateway.change_settings(tokens=["rotated"])
    world.wait_provider("CredentialsValid", "False", "CredentialsRejected")
    running.wait_condition("Ready", "Unknown")
    waiting = world.create("waiting")
    waiting.wait_condition("Stalled", "True", "CredentialsRejected")
    assert condition(world.provider(), "Ready") == ("False", "CredentialsRejected")
    assert running.condition("Ready") == ("Unknown", "ProviderUnreachable")
    assert running.condition("Stalled") == ("False", "NotStalled")
    assert waiting.creates() == []
    set_token(world, "rotated")
    world.wait_provider("CredentialsValid", "True", "Authenticated")
    running.wait_ready()
    waiting.wait_ready()
    assert waiting.condition("Stalled") == ("False", "NotStalled")
    assert (running.sent(), waiting.sent()) == (["n"], ["n"])


def test_a_deletion_waits_while_the_token_is_refused(world: World) -> None:
    instance = world.create_ready("leaving")
    world.gateway.change_settings(tokens=["rotated"])
    world.wait_provider("CredentialsValid", "False", "CredentialsRejected")
    instance.delete()
    instance.wait_condition("Deleting", "True", "CredentialsRejected")
    assert holds_for(2, lambda: instance.body() is not None)
    assert len(instance.live()) == 1
    set_token(world, "rotated")
    instance.wait_gone()
    assert instance.live() == []


def test_a_token_of_another_account_is_no_proof_that_machines_are_gone(world: World) -> None:
    world.gateway.change_settings(tokens={world.gateway.token: "ours", "theirs": "another"})
    instance = world.create_ready("elsewhere")
    machine = instance.live()[0]["id"]
    set_token(world, "theirs")
    # Longer than the settling time: it would be long enough for a proof.
    assert holds_for(6, lambda: len(instance.creates()) == 1 and instance.status()["replacements"] == 0)
    assert "ending" not in instance.launch()
    set_token(world, world.gateway.token)
    instance.wait_ready()
    assert [entry["id"] for entry in instance.live()] == [machine]


def test_a_provider_without_its_secret_says_so_and_heals(operator: OperatorProcess, bare_world: World) -> None:
    world = bare_world
    world.make_provider()
    instance = world.create("waiting")
    world.wait_provider("Accepted", "False", "SecretNotFound")
    instance.wait_condition("Accepted", "False", "SecretNotFound")
    assert condition(world.provider(), "CredentialsValid") == ("False", "SecretNotFound")
    assert world.name in instance.message("Accepted")
    world.make_secret()
    world.wait_provider("Ready", "True")
    instance.wait_ready()


def test_a_secret_without_that_key_is_no_secret(operator: OperatorProcess, bare_world: World) -> None:
    world = bare_world
    world.make_secret(other="text")
    world.make_provider()
    world.wait_provider("Accepted", "False", "SecretNotFound")
    set_token(world, world.gateway.token)
    world.wait_provider("Ready", "True")


def test_what_a_secret_holds_reaches_the_machine_and_nothing_else(world: World) -> None:
    world.make_secret("birth", key="from a Secret", script="#!/bin/sh\ntrue\n")
    secret = {"name": "CODE", "valueFrom": {"secretKeyRef": {"name": "birth", "key": "key"}}}
    env = [secret, {"name": "OPEN", "value": "for all"}]
    bootstrap = {"env": env, "userDataSecretRef": {"name": "birth", "key": "script"}}
    instance = world.create_ready("told", bootstrap=bootstrap)
    body = instance.creates()[0]["body"]
    assert (body["env"]["CODE"], body["env"]["OPEN"]) == ("from a Secret", "for all")
    assert body["user_data"] == "#!/bin/sh\ntrue\n"


def test_no_secret_is_seen_anywhere(operator: OperatorProcess, cluster: Cluster, home: str) -> None:
    """All that can go wrong goes wrong, with the log at DEBUG; then everything that can be read is searched."""
    canaries = {name: f"canary-{name}-{secrets.token_hex(8)}" for name in ("token", "env", "data", "wrong")}
    with GatewayProcess(FAST_BOOT, token=canaries["token"]) as gateway:
        world = World(cluster, home, gateway, "canaries")
        world.make_secret()
        world.make_secret("canary-birth", key=canaries["env"], data=canaries["data"])
        world.make_provider()
        bootstrap = env_from("canary-birth") | {"userDataSecretRef": {"name": "canary-birth", "key": "data"}}
        faults: dict[str, dict[str, object]] = {
            "canary-reset": {"action": "drop", "commit": "first"},
            "canary-garbled": {"action": "garble", "how": "html"},
            "canary-refused": {"action": "answer", "status": 422, "code": "invalid"},
            "canary-promised": {"action": "answer", "status": 500},
            "canary-redirected": {"action": "redirect", "location": "http://127.0.0.1:1/", "commit": "first"},
        }
        for name, fault in faults.items():
            world.gateway.add_fault(call="create", name=f"{name}-*", **fault)  # type: ignore[arg-type]  # it is JSON
        instances = {name: world.create(name, bootstrap=bootstrap) for name in faults}
        instances["canary-refused"].wait_condition("Stalled", "True", "RequestRejected")
        for name, instance in instances.items():
            if name != "canary-refused":
                instance.wait_ready()
        set_token(world, canaries["wrong"])
        world.wait_provider("CredentialsValid", "False")
        shown = _all_that_can_be_read(operator, cluster, home)
        assert len(instances["canary-reset"].creates()) == 1
        assert canaries["env"] in json.dumps(instances["canary-reset"].creates())
        set_token(world, canaries["token"])
        world.close()
        shown |= {f"{place} at the end": text for place, text in _all_that_can_be_read(operator, cluster, home).items()}
    for name, canary in canaries.items():
        encoded = base64.b64encode(canary.encode()).decode().rstrip("=")
        for place, text in shown.items():
            assert text, place
            assert canary not in text, f"{name} is in {place}"
            assert encoded not in text, f"{name} is in {place}, in base64"


def _all_that_can_be_read(operator: OperatorProcess, cluster: Cluster, home: str) -> dict[str, str]:
    objects = [*cluster.all(INSTANCES, home), *cluster.all(PROVIDERS, home), *cluster.all(CLUSTER_PROVIDERS, home)]
    return {
        "the log": operator.logs(),
        "the metrics": operator.ask("/metrics")[1],
        "the Events": json.dumps(cluster.all(EVENTS, home)),
        "the objects": json.dumps(objects),
    }


def test_an_instance_goes_on_when_its_secret_has_come(early: Early) -> None:
    early.instance.wait_ready(seconds=45)
    assert early.instance.creates()[0]["body"]["env"]["CODE"] == "late but right"
    assert early.instance.condition("Accepted") == ("True", "Accepted")


def test_nothing_went_wrong_in_the_operator(operator: OperatorProcess) -> None:
    assert operator.complaints() == []
