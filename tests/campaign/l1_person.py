"""What a person does in a run: applies, edits, deletes, waits; and what somebody does at the provider."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from tests.campaign.l1_provider import Vm
from tests.campaign.l1_world import SECOND_ENDPOINT, World
from tests.campaign.story import condition_of, status_of
from tests.engine.manual_clock import START
from tests.kube.fake_api import Body, a_provider, an_instance

from gpuwright.model.conditions import timestamp
from gpuwright.model.resources import INSTANCES, PROVIDERS, SECRETS, Resource

NAMESPACE = "team-a"
FIRST_TOKEN = "canary-first-token"
SECOND_TOKEN = "another-canary-token"
PATIENCE_SECONDS = 2000.0
PACE_SECONDS = 0.25


class Person:
    """Somebody with kubectl and with access to the provider."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.api = world.api

    def sets_up(self, **spec: Any) -> None:
        """Create the Secret and the provider."""
        self.puts_secret(FIRST_TOKEN)
        traits = self.world.traits
        gateway = {"idempotencyKeys": traits.tokens, "dialect": "Full" if traits.reads else "CreateOnly"}
        body = a_provider("https://gateway.example", gateway=gateway, **spec)
        self.api.add(PROVIDERS, body)

    def sets_up_two(self) -> None:
        """Create two providers, each with its Secret; the first of them has no room for anything."""
        self.sets_up()
        data = {"token": base64.b64encode(FIRST_TOKEN.encode()).decode()}
        self.api.add(SECRETS, {"metadata": {"name": "second-token", "namespace": NAMESPACE}, "data": data})
        first = self.api.now(PROVIDERS, NAMESPACE, "gateway")
        assert first is not None
        secret = {"name": "second-token", "key": "token"}
        block = {**first["spec"]["gateway"], "endpoint": SECOND_ENDPOINT, "credentialsSecretRef": secret}
        self.api.add(PROVIDERS, a_provider(SECOND_ENDPOINT, "second", gateway=block))
        self.world.far.full = True
        self.world.second.secrets = self.world.far.secrets

    def puts_secret(self, token: str) -> None:
        """Create the Secret, or change its value; the provider takes the new one at once, and no other."""
        data = {"token": base64.b64encode(token.encode()).decode()}
        written = {"manager": "kubectl", "time": self._moment(), "fieldsV1": {"f:data": {"f:token": {}}}}
        metadata = {"name": "gateway-token", "namespace": NAMESPACE, "managedFields": [written]}
        if self.api.now(SECRETS, NAMESPACE, "gateway-token") is None:
            self.api.add(SECRETS, {"metadata": metadata, "data": data})
        else:
            self.api.change(SECRETS, NAMESPACE, "gateway-token", {"metadata": metadata, "data": data})
        self.world.far.secrets = {token}

    def _moment(self) -> str:
        return timestamp(START + timedelta(seconds=self.world.now))

    def applies(self, name: str, annotations: Mapping[str, str] | None = None, **spec: Any) -> None:
        """Create an instance."""
        body = an_instance(name, NAMESPACE, **spec)
        body["metadata"]["annotations"] = dict(annotations or {})
        self.api.add(INSTANCES, body)

    def edits(self, name: str, **spec: Any) -> None:
        """Change an instance's spec."""
        self.api.change(INSTANCES, NAMESPACE, name, {"spec": spec})

    def annotates(self, name: str, annotations: Mapping[str, str]) -> None:
        """Annotate an instance."""
        self.api.change(INSTANCES, NAMESPACE, name, {"metadata": {"annotations": dict(annotations)}})

    def tears(self, resource: Resource, name: str) -> None:
        """Take an object's finalizers off by hand."""
        body = self.api.now(resource, NAMESPACE, name)
        if body is None or not body["metadata"].get("finalizers"):
            return
        if "deletionTimestamp" in body["metadata"]:
            self.api._remove(resource.path(NAMESPACE, name))
        else:
            self.api.change(resource, NAMESPACE, name, {"metadata": {"finalizers": None}})

    def deletes(self, name: str) -> None:
        """Ask for an instance's end."""
        if self.body(name) is not None:
            self.api.delete(INSTANCES, NAMESPACE, name)

    def applies_when_gone(self, name: str) -> None:
        """Have an instance of the same name applied the moment that it is gone."""
        waiting = [name]

        def listen(kind: str, event: str, body: Body) -> None:
            if (kind, event) == (INSTANCES.kind, "DELETED") and body["metadata"]["name"] in waiting:
                waiting.clear()
                asyncio.get_running_loop().call_soon(self.applies, name)

        self.api.listen(listen)

    def uid(self, name: str) -> str:
        """Return an instance's uid; empty where there is none."""
        body = self.body(name)
        return str(body["metadata"]["uid"]) if body else ""

    def body(self, name: str) -> Body | None:
        """Return an instance as it is now."""
        found = [body for body in self.world.scene.instances() if body["metadata"]["name"] == name]
        return dict(found[0]) if found else None

    def machine(self, name: str) -> Vm | None:
        """Return the machine that bills for the instance of this name, or None."""
        body = self.body(name)
        uid = body["metadata"]["uid"] if body else ""
        vms = (*self.world.far.vms, *self.world.second.vms)
        return next((vm for vm in vms if vm.alive and vm.billed().uid == uid), None)

    def is_ready(self, name: str) -> bool:
        """Return whether Ready is True for the spec as it is now."""
        body = self.body(name)
        ready = condition_of(body, "Ready")
        generation = body["metadata"]["generation"] if body else 0
        return ready.get("status") == "True" and ready.get("observedGeneration") == generation

    def is_at(self, name: str, reason: str) -> bool:
        """Return whether Ready has this reason."""
        return condition_of(self.body(name), "Ready").get("reason") == reason

    def is_gone(self, name: str) -> bool:
        """Return whether there is no such instance any more."""
        return self.body(name) is None

    def outcome(self, name: str) -> str:
        """Return what is on record about the newest create."""
        return str((status_of(self.body(name)).get("launch") or {}).get("outcome") or "")

    async def waits(self, until: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something is so; go on when patience is at its end."""
        end = self.world.now + seconds
        while not until() and self.world.now < end:  # noqa: ASYNC110 - time is virtual, and looking costs nothing
            await asyncio.sleep(PACE_SECONDS)

    async def waits_ready(self, name: str) -> None:
        """Wait until the instance is Ready."""
        await self.waits(lambda: self.is_ready(name))

    async def waits_gone(self, name: str) -> None:
        """Wait until the instance is gone."""
        await self.waits(lambda: self.is_gone(name))

    def runs_a_machine(self, name: str) -> None:
        """Make a machine by hand: it carries no tag of ours."""
        self.world.far.make(name, {})

    def ends_namespace(self) -> None:
        """Delete the namespace with all that is in it; the API server takes no new Events there."""
        self.api.terminating.add(NAMESPACE)
        for resource in (SECRETS, PROVIDERS, INSTANCES):
            for body in self.api.all(resource):
                self.api.delete(resource, NAMESPACE, body["metadata"]["name"])
