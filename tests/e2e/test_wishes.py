"""What a machine is wished to have beside its hardware: keys that may log in, ports, and a login for its image."""

import json
import secrets
from typing import Any

import pytest
from tests.e2e.cluster import EVENTS, INSTANCES, SECRETS, wait_for
from tests.e2e.world import MACHINE, World

pytestmark = pytest.mark.cluster

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@example"
PORTS = [{"name": "ssh", "port": 22}, {"name": "web", "port": 8888, "protocol": "HTTP"}]
SECRET_SECONDS = 45.0  # a Secret that an instance names is asked for every 30 s


def wishing(registry: str) -> dict[str, Any]:
    """Return a spec with all of it."""
    machine = {**MACHINE, "ports": PORTS, "imagePullSecretRef": {"name": registry}}
    return {"machine": machine, "bootstrap": {"sshAuthorizedKeys": [KEY]}, "onLoss": "Fail"}


def make_registry(world: World, name: str, host: str, password: str) -> None:
    """Create a Secret with the login of one registry."""
    content = json.dumps({"auths": {host: {"username": "team-a", "password": password}}})
    body = {"metadata": {"name": name, "namespace": world.namespace}, "type": "kubernetes.io/dockerconfigjson"}
    world.cluster.create(SECRETS, {**body, "stringData": {".dockerconfigjson": content}})


def test_keys_ports_and_a_login_reach_the_gateway_and_only_the_ways_in_come_back(world: World) -> None:
    password = f"canary-{secrets.token_hex(8)}"
    made = world.create("wished", **wishing("comes-late"))
    made.wait_condition("Accepted", "False", "SecretNotFound")
    assert "comes-late" in made.message("Accepted")
    make_registry(world, "comes-late", "registry.example", password)
    made.wait_ready(SECRET_SECONDS)
    (machine,) = made.live()
    told = machine["request"]
    assert told["ssh_authorized_keys"] == [KEY]
    assert told["ports"] == [{**PORTS[0], "protocol": "TCP"}, PORTS[1]]
    assert told["registry_auth"] == {"server": "registry.example", "username": "team-a", "password": password}
    ssh, web = made.status()["machine"]["endpoints"]
    assert ssh.pop("externalPort") >= 20000
    assert ssh == {"name": "ssh", "port": 22, "address": "203.0.113.9"}
    assert web == {"name": "web", "port": 8888, "url": f"https://{machine['id']}-8888.sandbox.test"}
    world.gateway.act(machine["id"], "vanish")
    made.wait_condition("Stalled", "True", "Lost")
    wait_for("no way in is left", lambda: made.status()["machine"]["endpoints"] == [], 10, made.status)
    shown = {
        "the log": world.operator.logs(),
        "the Events": json.dumps(world.cluster.all(EVENTS, world.namespace)),
        "the objects": json.dumps(world.cluster.all(INSTANCES, world.namespace)),
    }
    assert [place for place, text in shown.items() if password in text] == []


def test_a_login_for_another_registry_is_told_before_anything_is_sent(world: World) -> None:
    make_registry(world, "elsewhere", "other.example", "hush")
    made = world.create("refused", **wishing("elsewhere"))
    made.wait_condition("Accepted", "False", "SecretNotFound")
    assert "no login with user name and password for registry.example" in made.message("Accepted")
    assert made.creates() == []
