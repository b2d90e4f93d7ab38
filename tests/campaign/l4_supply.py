"""What a machine needs beside its object, and what people do to that: the Secret, its token, the provider object."""

import base64
from typing import Any

from tests.campaign.l1_person import FIRST_TOKEN, NAMESPACE, SECOND_TOKEN, Person
from tests.campaign.l4_world import FOREIGN_TOKEN, Company
from tests.campaign.story import condition_of
from tests.kube.fake_api import Body

from gpuwright.model.names import ANNOTATION_RECONCILE
from gpuwright.model.resources import PROVIDERS, SECRETS

WRONG_TOKEN = "refused-canary-token"
SWEEP = {"periodSeconds": 30, "minAgeSeconds": 60}
_TOKENS = {"first": FIRST_TOKEN, "second": SECOND_TOKEN, "wrong": WRONG_TOKEN, "foreign": FOREIGN_TOKEN}


class Supply(Person):
    """Somebody who has the provider in hand. `sweep`: the mode of its sweep."""

    world: Company

    def __init__(self, world: Company, sweep: str) -> None:
        super().__init__(world)
        self.world = world
        self._requests = 0
        self.sweep: dict[str, Any] = {**SWEEP, "mode": sweep}
        self.sets_up(sweep=self.sweep)

    def secret(self, what: str) -> None:
        """Change the Secret, delete it, or lose it; `both` changes it at the provider, too."""
        if what == "delete":
            if self.api.now(SECRETS, NAMESPACE, "gateway-token") is not None:
                self.api.delete(SECRETS, NAMESPACE, "gateway-token")
        elif what == "lose":
            self.secret("delete")
            self.tears(SECRETS, "gateway-token")
        elif what == "both":
            accepted = self.world.far.secrets
            self.puts_secret(FIRST_TOKEN if accepted == {SECOND_TOKEN} else SECOND_TOKEN)
        elif what != "foreign" or self.world.traits.reads:
            self._put(_TOKENS[what])

    def _put(self, token: str) -> None:
        """Change the Secret only; what the provider takes stays as it is."""
        accepted = set(self.world.far.secrets)
        self.puts_secret(token)
        self.world.far.secrets = accepted

    def token(self, what: str) -> None:
        """Change the token at the provider only."""
        self.world.far.secrets = {_TOKENS[what]}

    def provider(self, what: str) -> None:
        """Change the provider object, delete it, or apply it again."""
        body = self.api.now(PROVIDERS, NAMESPACE, "gateway")
        if what == "apply":
            if body is None:
                self._sets_up_again()
        elif body is None:
            return
        elif what == "delete":
            self.api.delete(PROVIDERS, NAMESPACE, "gateway")
        elif what == "ask":
            self._requests += 1
            change = {"annotations": {ANNOTATION_RECONCILE: f"request {self._requests}"}}
            self.api.change(PROVIDERS, NAMESPACE, "gateway", {"metadata": change})
        elif what in {"drain", "fill"}:
            self.api.change(PROVIDERS, NAMESPACE, "gateway", {"spec": {"draining": what == "drain"}})
        else:
            self.sweep["mode"] = what
            self.api.change(PROVIDERS, NAMESPACE, "gateway", {"spec": {"sweep": {"mode": what}}})

    def _sets_up_again(self) -> None:
        accepted = set(self.world.far.secrets)
        value = self.secret_value()
        self.sets_up(sweep=self.sweep)
        self.world.far.secrets = accepted
        if value:
            self._put(value)

    def secret_value(self) -> str:
        """Return the token in the Secret; empty where there is none."""
        found = self.api.now(SECRETS, NAMESPACE, "gateway-token")
        return base64.b64decode(found["data"]["token"]).decode() if found else ""


def is_refused(provider: Body | None) -> bool:
    """Return whether our credentials were refused when they were tried last: that may be ten minutes ago."""
    return condition_of(provider, "CredentialsValid").get("status") == "False"


def is_going(body: Body) -> bool:
    """Return whether an object's end has been asked for."""
    return "deletionTimestamp" in body["metadata"]
