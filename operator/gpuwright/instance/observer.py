"""Gathers what one decision sees, and keeps what this process has witnessed. The only reads are here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from gpuwright.adapters.desk import ProviderDesk
from gpuwright.instance.observation import Instance, Observation, Unmet
from gpuwright.instance.secrets import SecretReader
from gpuwright.instance.witness import Witness
from gpuwright.kube.cache import ObjectCache
from gpuwright.kube.client import KubeClient, NotFound
from gpuwright.model.api_base import sentences
from gpuwright.model.clock import Clock
from gpuwright.model.conditions import Reason
from gpuwright.model.instance_spec import InstanceSpec
from gpuwright.model.machine import Machine
from gpuwright.model.memory import Launch, Memory, Outcome, ProviderRef, parse_memory
from gpuwright.model.names import FINALIZER_MACHINE, Owner
from gpuwright.model.provider_view import Hindrance, ProviderView
from gpuwright.model.request import Wishes
from gpuwright.model.resources import INSTANCES, Key
from gpuwright.model.size_spec import UnknownSize, resolved


class Observer:
    """Turns a key into an Observation; the witness of each object lives here, by uid."""

    def __init__(
        self,
        client: KubeClient,
        cache: ObjectCache,
        desk: ProviderDesk,
        secrets: SecretReader,
        clock: Clock,
        *,
        cluster: str,
        process: str,
        watched: Sequence[str] = (),
        random: Callable[[], float],
    ) -> None:
        self._client = client
        self._cache = cache
        self._desk = desk
        self._secrets = secrets
        self._clock = clock
        self._cluster = cluster
        self._process = process
        self._watched = watched
        self._random = random
        self._witnesses: dict[str, Witness] = {}
        self._specs: dict[str, tuple[int, InstanceSpec | None, str]] = {}

    def witness(self, instance: Instance) -> Witness:
        """Return what this process knows of the object."""
        uid = instance.owner.uid
        if uid not in self._witnesses:
            self._witnesses[uid] = Witness(first_seen=self._clock.monotonic())
        return self._witnesses[uid]

    def remember(self, instance: Instance, witness: Witness) -> None:
        """Replace what this process knows of the object."""
        self._witnesses[instance.owner.uid] = witness

    def forget(self, uid: str) -> None:
        """Drop what is known of an object that is gone."""
        self._witnesses.pop(uid, None)
        self._specs.pop(uid, None)

    async def read_live(self, key: Key) -> Mapping[str, Any] | None:
        """Read the object from the API server and cache it; None where it is gone. Raises ApiError."""
        try:
            body = await self._client.get(INSTANCES, key.namespace, key.name)
        except NotFound:
            known = self._cache.get(key)
            if known is not None:
                self._cache.remove(INSTANCES.kind, known)
            return None
        self._cache.put(INSTANCES.kind, body)
        return body

    async def observe(self, key: Key) -> Observation | None:
        """Return what the next decision sees, or None where there is no such object."""
        instance = self.instance(key)
        if instance is None:
            return None
        wishes = await self._wishes(instance) if _may_send(instance) else None
        # Read again: nothing below waits, so the decision and the slot it takes rest on one moment.
        instance = self.instance(key)
        return None if instance is None else self._picture(instance, wishes)

    def instance(self, key: Key) -> Instance | None:
        """Return the cached object, parsed."""
        body = self._cache.get(key)
        if body is None:
            return None
        metadata = body["metadata"]
        spec, error = self._spec(body)
        memory, record_error = _remembered(body.get("status") or {})
        return Instance(
            key=key,
            owner=Owner(self._cluster, key.namespace, key.name, metadata["uid"]),
            generation=int(metadata.get("generation", 1)),
            deleting="deletionTimestamp" in metadata,
            finalized=FINALIZER_MACHINE in (metadata.get("finalizers") or ()),
            annotations=metadata.get("annotations") or {},
            spec=spec,
            spec_error=error,
            memory=memory,
            body=body,
            record_error=record_error,
        )

    def _spec(self, body: Mapping[str, Any]) -> tuple[InstanceSpec | None, str]:
        uid, generation = body["metadata"]["uid"], int(body["metadata"].get("generation", 1))
        known = self._specs.get(uid)
        if known is None or known[0] != generation:
            known = (generation, *_parsed(body.get("spec") or {}))
            self._specs[uid] = known
        return known[1], known[2]

    async def _wishes(self, instance: Instance) -> Wishes | Unmet | None:
        if instance.spec is None:
            return None
        return await self._secrets.wishes(instance.key.namespace, instance.spec)

    def _picture(self, instance: Instance, wishes: Wishes | Unmet | None) -> Observation:
        now = self._clock.monotonic()
        providers: dict[ProviderRef, ProviderView] = {}
        missing: dict[ProviderRef, Hindrance] = {}
        for ref in _refs(instance):
            view = self._desk.view(ref, instance.key)
            if isinstance(view, ProviderView):
                providers[ref] = _with_sizes(instance, view)
            elif view is not None:
                missing[ref] = view
        witness = brought_up_to_date(self.witness(instance), instance, providers, now)
        self.remember(instance, witness)
        return Observation(
            now=now,
            wall=self._clock.wall().timestamp(),
            instance=instance,
            witness=witness,
            providers=providers,
            missing=missing,
            wishes=wishes,
            process=self._process,
            jitter=self._random(),
            other_owner_alive=self._other_owner_alive(instance, providers),
        )

    def _other_owner_alive(self, instance: Instance, providers: Mapping[ProviderRef, ProviderView]) -> bool:
        """Return whether the object that the machine to adopt is tagged with still exists, as far as we can see."""
        if not instance.adopt:
            return False
        for view in providers.values():
            machine = (view.snapshot.by_id.get(instance.adopt) if view.snapshot else None) or self.witness(
                instance
            ).trail(instance.adopt).machine
            owner = machine.owner if machine else None
            if owner is not None:
                return self._may_be_alive(owner)
        return False

    def _may_be_alive(self, owner: Owner) -> bool:
        """Return whether the object may exist; another cluster or an unwatched namespace cannot be judged."""
        if owner.cluster != self._cluster or (self._watched and owner.namespace not in self._watched):
            return True
        body = self._cache.get(Key(INSTANCES.kind, owner.namespace, owner.name))
        return body is not None and body["metadata"]["uid"] == owner.uid


def _with_sizes(instance: Instance, view: ProviderView) -> ProviderView:
    """Return the provider as it is, or with a hindrance where it has no size of a name that it is asked for."""
    if instance.spec is None or view.hindrance is not None:
        return view
    try:
        for offer in instance.spec.offers:
            if offer.ref == view.ref:
                resolved(offer.machine(instance.spec.machine), view.spec.sizes)
    except UnknownSize as error:
        return replace(view, hindrance=Hindrance(Reason.INVALID_SPEC, str(error), stalls=True))
    return view


def _parsed(spec: Mapping[str, Any]) -> tuple[InstanceSpec | None, str]:
    try:
        return InstanceSpec.model_validate(spec), ""
    except ValidationError as error:
        return None, "; ".join(sentences(error))


def _remembered(status: Mapping[str, Any]) -> tuple[Memory, str]:
    try:
        return parse_memory(status), ""
    except KeyError as error:
        return Memory(), f"it has no {error}"
    except (ValueError, TypeError, AttributeError) as error:
        return Memory(), str(error)


def _may_send(instance: Instance) -> bool:
    """Return whether a create may be next, so that what would be sent must be known."""
    launch = instance.memory.launch
    if instance.deleting or instance.paused:
        return False
    return launch is None or launch.outcome is not Outcome.COMMITTED or launch.ends is not None


def _refs(instance: Instance) -> tuple[ProviderRef, ...]:
    """Return every provider that matters: where the launch is, where names were tried, and those of the spec."""
    refs = [instance.memory.launch.provider] if instance.memory.launch is not None else []
    refs += [entry.provider for entry in instance.memory.residue]
    refs += [offer.ref for offer in instance.spec.offers] if instance.spec is not None else []
    return tuple(dict.fromkeys(refs))


def visible_seconds(providers: Mapping[ProviderRef, ProviderView], launch: Launch | None) -> float:
    """Return for how long the launch's provider has answered us; before there is a launch, the one that did longest."""
    if launch is not None and launch.provider in providers:
        return providers[launch.provider].visible_seconds
    return max((view.visible_seconds for view in providers.values()), default=0.0)


def brought_up_to_date(
    witness: Witness, instance: Instance, providers: Mapping[ProviderRef, ProviderView], now: float
) -> Witness:
    """Return the witness with what the record and the newest lists say."""
    memory = instance.memory
    witness = witness.sighted(memory, now, visible_seconds(providers, memory.launch))
    residue = {entry.name: witness.residue_since.get(entry.name, now) for entry in memory.residue}
    if residue != witness.residue_since:
        witness = replace(witness, residue_since=residue)
    for view in providers.values():
        if view.snapshot is not None:
            shown = _shown(instance, view)
            names = [name for name in memory.names_at(view.ref) if name in shown or not _untagged(instance, name)]
            counts = absence_counts(memory, view)
            witness = witness.after_list(view.ref, view.snapshot.began, shown, names, counts=counts)
    return witness


def absence_counts(memory: Memory, view: ProviderView) -> bool:
    """Return whether it proves anything at the moment that this provider does not show a name of ours."""
    is_here = memory.launch is None or memory.launch.provider == view.ref
    return view.absence_counts and not (is_here and memory.machine_id in view.mass_absent)


def _shown(instance: Instance, view: ProviderView) -> dict[str, Machine]:
    """Return what the newest list shows of ours, by the name on record; a renamed machine is found by its id."""
    snapshot, memory = view.snapshot, instance.memory
    if snapshot is None:
        return {}
    shown = {}
    for name in memory.names_at(view.ref):
        machine = snapshot.by_name.get(name)
        if machine is not None and is_dead_namesake(instance, machine):
            machine = None
        if machine is None and memory.launch is not None and name == memory.launch.name:
            machine = snapshot.by_id.get(memory.machine_id)
        if machine is None:
            continue
        if machine.owner_uid in {"", instance.owner.uid} or is_taken_over(instance, machine):
            shown[name] = machine
    return shown


def is_taken_over(instance: Instance, machine: Machine) -> bool:
    """Return whether a person had us adopt this machine: then it is ours, whatever owner its tag goes on naming."""
    launch = instance.memory.launch
    return launch is not None and launch.adopted and machine.id == instance.memory.machine_id


def is_dead_namesake(instance: Instance, machine: Machine) -> bool:
    """Return whether this is what is left of another machine that had the name of the one that we adopted.

    Where names are not unique it may be listed for ever: it neither is our machine nor hides that ours is gone.
    """
    memory = instance.memory
    adopted = memory.launch is not None and memory.launch.adopted and memory.launch.name == machine.name
    return adopted and not machine.alive and machine.id != memory.machine_id


def _untagged(instance: Instance, name: str) -> bool:
    """Return whether lists cannot show the machine, because a person had us adopt one that carries no tag of ours."""
    launch = instance.memory.launch
    return launch is not None and launch.adopted and launch.name == name
