"""One object of ours with what belongs to it, and how it stands against the gateway's own truth."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.campaign import l5_stands
from tests.campaign.l5_ground import Ground
from tests.campaign.l5_leaves import KINDS
from tests.campaign.l5_stands import Body, flat, unlike
from tests.campaign.l5_values import Stands
from tests.crds.schema import INSTANCES, Manifest
from tests.crds.server import Answer
from tests.e2e.cluster import SECRETS

FINALIZER = "gpuwright.dev/in-use"
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Truth:
    """What the gateway itself knows, and which Secrets are held, at one moment."""

    machines: Mapping[str, tuple[Mapping[str, Any], ...]]  # by the owner's uid
    owners: Mapping[str, Mapping[str, Any]]
    held: frozenset[str]

    @classmethod
    def now(cls, ground: Ground) -> "Truth":
        """Ask."""
        machines: dict[str, tuple[Mapping[str, Any], ...]] = {}
        for machine in ground.gateway.machines():
            owner = str(machine["owner_uid"])
            machines[owner] = (*machines.get(owner, ()), machine)
        secrets = ground.cluster.all(SECRETS, ground.namespace)
        held = {one["metadata"]["name"] for one in secrets if FINALIZER in (one["metadata"].get("finalizers") or ())}
        return cls(machines, ground.gateway.owners(), frozenset(held))


@dataclass(slots=True)
class Thing:
    """An instance, or a provider with the one instance that lives there.

    Attributes:
        alone: a provider without an instance.
        manifest: what was accepted last.
        generation: of that.
        stands: how it must stand.
        first: the machine's id, as the gateway had it when it first stood right.
    """

    ground: Ground
    plural: str
    name: str
    manifest: Manifest
    stands: Stands = Stands.USUAL
    alone: bool = False
    generation: int = 0
    first: str = ""
    trouble: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_instance(self) -> bool:
        """Return whether it is an instance itself."""
        return self.plural == INSTANCES

    @property
    def kind(self) -> str:
        """Its kind."""
        return KINDS[self.plural]

    def refused(self, manifest: Manifest) -> Answer:
        """Return the answer to a create that must not be carried out."""
        return self.ground.server.create(self.ground.placed(self.plural, self.name, manifest), keep=True)

    def create(self) -> None:
        """Create it, its Secrets and its instance."""
        if not self.is_instance:
            self.ground.make_secrets(self.name)
        answer = self.ground.server.create(self.ground.placed(self.plural, self.name, self.manifest), keep=True)
        assert answer.stored is not None, f"{self.name}: {answer.sentences}"
        self.generation = int(answer.stored["metadata"]["generation"])
        if not self.is_instance and not self.alone:
            self.ground.make_instance(self.kind, self.name)

    def replace(self, manifest: Manifest) -> Answer:
        """Return the answer to an update with this manifest; what an operator has put into metadata is kept."""
        placed = self.ground.placed(self.plural, self.name, manifest)
        for _try in range(_TRIES):
            current = self.ground.server.read(placed)
            kept = {name: current["metadata"][name] for name in ("finalizers",) if name in current["metadata"]}
            answer = self.ground.server.replace({**placed, "metadata": {**placed["metadata"], **kept}}, keep=True)
            if not any("the object has been modified" in sentence for sentence in answer.sentences):
                return answer
        raise AssertionError(f"{self.name} is written all the time")

    def body(self) -> Body | None:
        """Return it as it was seen last."""
        return self.ground.watcher.latest(self.kind, self.name)

    def instance(self) -> Body | None:
        """Return the instance as it was seen last."""
        return self.ground.watcher.latest(KINDS[INSTANCES], self.name)

    def wrongs(self, truth: Truth) -> list[tuple[str, str]]:
        """Return an invariant and words for each way in which it does not stand as it must."""
        wrongs = []
        if not self.is_instance:
            wanted = l5_stands.PROVIDER[self.stands]
            wrongs += [(name, f"provider: {words}") for name, words in unlike(self.body(), wanted, self.generation)]
        if not self.alone:
            generation = self.generation if self.is_instance else 1
            wrongs += unlike(self.instance(), l5_stands.INSTANCE[self.stands], generation)
            wrongs += self._about_machine(truth)
        return wrongs

    def _about_machine(self, truth: Truth) -> Iterator[tuple[str, str]]:
        instance = self.instance() or {"metadata": {"uid": ""}}
        uid = instance["metadata"]["uid"]
        owned, count = truth.machines.get(uid, ()), truth.owners.get(uid, {"live": 0, "peak": 0, "created": 0})
        if count["live"] != 1 or count["peak"] != 1:
            yield "I1", f"it has {count['live']} machines that bill, and had {count['peak']} at the most"
        if count["created"] != 1:
            yield "I3", f"{count['created']} machines were made for it"
        recorded = ((instance.get("status") or {}).get("machine") or {}).get("id")
        if [machine["id"] for machine in owned if machine["alive"]] != [recorded]:
            yield "I3", f"on record is {recorded}, and the gateway has {[machine['id'] for machine in owned]}"
        state = "stopped" if self.stands is Stands.STOPPED else "running"
        if any(machine["alive"] and machine["state"] != state for machine in owned):
            yield "I12", f"its machine is {[machine['state'] for machine in owned]}, and must be {state}"
        if not self.is_instance and self.stands is not Stands.NO_SECRET and self._secret() not in truth.held:
            yield "I6", f"Secret {self._secret()} is in use, and has not the finalizer {FINALIZER}"

    def _secret(self) -> str:
        placed = self.ground.placed(self.plural, self.name, self.manifest)
        return str(placed["spec"]["gateway"]["credentialsSecretRef"]["name"])

    def told(self, truth: Truth, *, alone: bool = False) -> dict[str, str]:
        """Return all that its status and the gateway say of it, in words that do not depend on its name.

        Args:
            truth: what the gateway says.
            alone: leave its instance out, and what a provider counts of it.
        """
        names = {self.name: "<name>"}
        status = dict((self.body() or {}).get("status") or {})
        if alone and not self.is_instance:
            status.pop("instances", None)
        if alone and self.stands in {Stands.NO_SECRET, Stands.UNUSABLE}:
            # What was learned before it came to this is kept; who began like this has learned nothing.
            status = {name: value for name, value in status.items() if name not in {"capabilities", "place"}}
        told: dict[str, Any] = {"status": status}
        if self.is_instance or not alone:
            instance = self.instance() or {"metadata": {"uid": "?"}}
            uid = instance["metadata"]["uid"]
            machines = [one for one in truth.machines.get(uid, ()) if one["alive"]]
            told["machines"] = [{"request": one["request"], "state": one["state"]} for one in machines]
            told["instance"] = instance.get("status")
            names |= {uid: "<uid>"} | {str(one["id"]): "<id>" for one in machines}
        return flat(told, names)
