"""Secrets: rotated, wrong, missing and late; used where they belong, and seen nowhere else."""

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from tests.e2e.cluster import EVENTS, INSTANCES, PROVIDERS, SECRETS, condition, holds_for
from tests.e2e.stage import Stage
from tests.e2e.together import Begun, cleared_away, together
from tests.e2e.world import FAST_BOOT, MACHINE, World

from gpuwright_sandbox.gateway.process import GatewayProcess

pytestmark = pytest.mark.cluster

PULL_SECRET = "kubernetes.io/dockerconfigjson"
SECRET_SECONDS = 45.0  # a Secret that an instance names is asked for every 30 s


def env_from(secret: str) -> dict[str, Any]:
    """Return a bootstrap whose one variable comes from a Secret."""
    return {"env": [{"name": "CODE", "valueFrom": {"secretKeyRef": {"name": secret, "key": "key"}}}]}


def set_token(world: World, token: str) -> None:
    """Put another token into the provider's Secret."""
    encoded = base64.b64encode(token.encode()).decode()
    world.cluster.merge(SECRETS, world.namespace, world.name, {"data": {"token": encoded}})


@together()
def test_an_instance_waits_for_its_secret_and_goes_on_when_that_has_come(world: World) -> None:
    instance = world.create("early", bootstrap=env_from("comes-late"))
    instance.wait_condition("Accepted", "False", "SecretNotFound")
    assert "comes-late" in instance.message("Accepted")
    assert instance.condition("Ready") == ("False", "SecretNotFound")
    assert instance.condition("Stalled") == ("False", "NotStalled")
    assert instance.launch() == {}
    world.make_secret("comes-late", key="late but right")
    instance.wait_ready(SECRET_SECONDS)
    assert instance.condition("Accepted") == ("True", "Accepted")
    assert instance.creates()[0]["body"]["env"]["CODE"] == "late but right"


@together(own_gateway=True)
def test_a_rotated_token_is_rejected_and_works_again_once_the_secret_has_it(world: World) -> None:
    running = world.create_ready("running")
    world.gateway.change_settings(tokens=["rotated"])
    world.wait_provider("CredentialsValid", "False", "CredentialsRejected")
    running.wait_condition("Ready", "Unknown")
    assert running.condition("Ready") == ("Unknown", "ProviderUnreachable")
    assert running.condition("Stalled") == ("False", "NotStalled")
    assert condition(world.provider(), "Ready") == ("False", "CredentialsRejected")
    set_token(world, "rotated")
    world.wait_provider("CredentialsValid", "True", "Authenticated")
    running.wait_ready()
    assert running.sent() == ["n"]


@together(own_gateway=True)
def test_a_new_instance_stalls_while_the_token_is_refused(world: World) -> None:
    world.wait_provider("Ready", "True")
    world.gateway.change_settings(tokens=["rotated"])
    world.wait_provider("CredentialsValid", "False", "CredentialsRejected")
    instance = world.create("waiting")
    instance.wait_condition("Stalled", "True", "CredentialsRejected")
    assert instance.condition("Launched") == ("False", "CredentialsRejected")
    assert instance.creates() == []
    set_token(world, "rotated")
    instance.wait_ready()
    assert instance.condition("Stalled") == ("False", "NotStalled")
    assert instance.sent() == ["n"]


@together(own_gateway=True)
def test_a_create_that_is_refused_for_its_token_is_sent_again_with_the_new_one(world: World) -> None:
    """The first that hears of the rotation is the create itself."""
    world.gateway.change_settings(tokens=[world.gateway.token, "rotated"])
    world.fault("first-to-know", action="answer", status=401, code="unauthorized")
    instance = world.create("first-to-know")
    # Not what the provider says of itself: its probe is answered, and may take that back before anybody reads it.
    instance.wait_condition("Launched", "False", "CredentialsRejected")
    assert holds_for(2, lambda: instance.sent() == ["n"])
    set_token(world, "rotated")
    instance.wait_ready()
    assert instance.sent() == ["n", "n"]
    assert instance.outcomes() == []


@together(own_gateway=True)
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


@together(own_gateway=True)
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


@together(provider=False)
def test_a_provider_without_its_secret_says_so_and_heals(world: World) -> None:
    world.make_provider()
    instance = world.create("waiting")
    world.wait_provider("Accepted", "False", "SecretNotFound")
    instance.wait_condition("Accepted", "False", "SecretNotFound")
    assert condition(world.provider(), "CredentialsValid") == ("False", "SecretNotFound")
    assert world.name in instance.message("Accepted")
    world.make_secret()
    world.wait_provider("Ready", "True")
    instance.wait_ready()


@together(provider=False)
def test_a_secret_without_that_key_is_no_secret(world: World) -> None:
    world.make_secret(other="text")
    world.make_provider()
    world.wait_provider("Accepted", "False", "SecretNotFound")
    set_token(world, world.gateway.token)
    world.wait_provider("Ready", "True")


@together()
def test_what_a_secret_holds_reaches_the_machine(world: World) -> None:
    world.make_secret("birth", key="from a Secret", script="#!/bin/sh\ntrue\n")
    env = [*env_from("birth")["env"], {"name": "OPEN", "value": "for all"}]
    bootstrap = {"env": env, "userDataSecretRef": {"name": "birth", "key": "script"}}
    body = world.create_ready("told", bootstrap=bootstrap).creates()[0]["body"]
    assert (body["env"]["CODE"], body["env"]["OPEN"]) == ("from a Secret", "for all")
    assert body["user_data"] == "#!/bin/sh\ntrue\n"


MISHAPS: Mapping[str, Mapping[str, Any]] = {
    "canary-reset": {"action": "drop", "commit": "first"},
    "canary-garbled": {"action": "garble", "how": "html"},
    "canary-refused": {"action": "answer", "status": 422, "code": "invalid"},
    "canary-promised": {"action": "answer", "status": 500},
    "canary-redirected": {"action": "redirect", "location": "http://127.0.0.1:1/", "commit": "first"},
}


def test_no_secret_is_seen_anywhere(begun: Begun, stage: Stage) -> None:
    """All that can go wrong goes wrong, with the log at DEBUG; then everything that can be read is searched."""
    canaries = {name: f"canary-{name}-{secrets.token_hex(8)}" for name in ("token", "env", "data", "pull", "wrong")}
    with (
        GatewayProcess(FAST_BOOT, token=canaries["token"]) as gateway,
        cleared_away(World(stage, gateway, "canaries")) as world,
    ):
        _live_through_mishaps(world, canaries)
        shown = _all_that_can_be_read(stage)
        set_token(world, canaries["token"])
    begun.wait()
    shown |= {f"{place} at the end": text for place, text in _all_that_can_be_read(stage).items()}
    for name, canary in canaries.items():
        encoded = base64.b64encode(canary.encode()).decode().rstrip("=")
        for place, text in shown.items():
            assert text, place
            assert canary not in text, f"{name} is in {place}"
            assert encoded not in text, f"{name} is in {place}, in base64"


def _live_through_mishaps(world: World, canaries: Mapping[str, str]) -> None:
    world.make_secret()
    world.make_secret("canary-birth", key=canaries["env"], data=canaries["data"])
    login = json.dumps({"auths": {"registry.example": {"username": "team-a", "password": canaries["pull"]}}})
    registry = {"metadata": {"name": "canary-registry", "namespace": world.namespace}, "type": PULL_SECRET}
    world.cluster.create(SECRETS, {**registry, "stringData": {".dockerconfigjson": login}})
    world.make_provider()
    machine = {**MACHINE, "imagePullSecretRef": {"name": "canary-registry"}}
    bootstrap = env_from("canary-birth") | {"userDataSecretRef": {"name": "canary-birth", "key": "data"}}
    for name, fault in MISHAPS.items():
        world.fault(name, **fault)
    instances = {name: world.create(name, machine=machine, bootstrap=bootstrap) for name in MISHAPS}
    instances.pop("canary-refused").wait_condition("Stalled", "True", "RequestRejected")
    for instance in instances.values():
        instance.wait_ready()
        sent = json.dumps(instance.creates())
        assert canaries["env"] in sent
        assert canaries["pull"] in sent
    set_token(world, canaries["wrong"])
    world.wait_provider("CredentialsValid", "False")


def _all_that_can_be_read(stage: Stage) -> dict[str, str]:
    objects = [body for kind in (INSTANCES, PROVIDERS) for body in stage.cluster.all(kind, stage.home)]
    return {
        "the log": stage.operator.logs(),
        "the metrics": stage.operator.ask("/metrics")[1],
        "the Events": json.dumps(stage.cluster.all(EVENTS, stage.home)),
        "the objects": json.dumps(objects),
    }


def test_nothing_went_wrong_in_the_operator(begun: Begun, stage: Stage) -> None:
    begun.wait()
    assert stage.operator.complaints() == []
