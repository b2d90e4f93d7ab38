"""Every place of the API's specs, read off the CRDs, and a manifest that has it: a new field is a new place at once."""

import copy
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.crds.schema import (
    BASES,
    CLUSTER_PROVIDERS,
    INSTANCES,
    PROVIDERS,
    Manifest,
    Node,
    Step,
    places,
    shown,
    steps_to,
)

KINDS = {
    INSTANCES: "ComputeInstance",
    PROVIDERS: "ComputeProvider",
    CLUSTER_PROVIDERS: "ClusterComputeProvider",
}
ONLY_CLUSTER = ("allowedNamespaces", "adoption")
PLAIN = "plain"
PLAIN_MACHINE: Manifest = {"gpu": {"type": "H100"}, "image": "registry.example/trainer:1"}
QUICK: Manifest = {
    "poll": {"periodSeconds": 3},
    "sweep": {"mode": "Report", "periodSeconds": 5, "minAgeSeconds": 1, "maxPerPass": 10},
}
"""What a provider has in place of the example's values, so that lists and sweeps come many times in a run."""

_LETTERS = {INSTANCES: "i", PROVIDERS: "p", CLUSTER_PROVIDERS: "c"}


class NoExample(Exception):
    """No base manifest has this place: give it a value in examples/."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One place of one kind's spec: `[]` stands for an item of a list, `{}` for a value of a map.

    Attributes:
        base: the name of the manifest in which it has a value.
        way: the way to it there.
        required: whether the block around it cannot be without it.
    """

    plural: str
    at: str
    node: Node
    base: str
    way: tuple[Step, ...]
    required: bool

    @property
    def id(self) -> str:
        """What it is called in a campaign."""
        return f"{KINDS[self.plural]}:{self.at}"

    @property
    def name(self) -> str:
        """What its object is called: short, because an operator cuts long names, and no two objects alike."""
        words = re.sub("[^a-z0-9]+", "-", self.at.removeprefix("spec.").lower())
        digest = hashlib.sha256(self.id.encode()).hexdigest()[:4]
        return f"{_LETTERS[self.plural]}-{words[-24:].strip('-')}-{digest}"

    @property
    def path(self) -> str:
        """The way to it, as the API server writes it."""
        return shown(self.way)

    @property
    def is_instance(self) -> bool:
        """Return whether it is a field of a machine's spec, not of a provider's."""
        return self.plural == INSTANCES

    def value(self) -> Any:
        """Return what it has in its base."""
        found: Any = base_of(self.plural, self.base)
        for step in self.way:
            found = found[step]
        return copy.deepcopy(found)


def leaves() -> list[Leaf]:
    """Return every place of the three specs. Raises NoExample."""
    return [leaf for plural in KINDS for leaf in _leaves(plural)]


def _leaves(plural: str) -> Iterator[Leaf]:
    nodes = places(plural)
    for at, node in nodes.items():
        if at == "spec":
            continue
        parent, _, name = at.rpartition(".")
        required = name in nodes[parent].get("required", ())
        for base in bases_of(plural):
            way = steps_to(base_of(plural, base), at)
            if way is not None:
                yield Leaf(plural, at, node, base, way, required)
                break
        else:
            raise NoExample(f"{KINDS[plural]} {at}: no manifest of tests/crds/schema.py BASES has it; add it there")


def bases_of(plural: str) -> list[str]:
    """Return the names of the manifests of this kind that have every place between them."""
    wanted = KINDS[INSTANCES] if plural == INSTANCES else KINDS[CLUSTER_PROVIDERS]
    return [name for name, manifest in BASES.items() if manifest["kind"] == wanted]


def base_of(plural: str, name: str) -> Manifest:
    """Return a copy of a base; `plain` is the least that one can write."""
    if name == PLAIN:
        spec = {"providerRef": {"name": "gateway"}, "machine": copy.deepcopy(PLAIN_MACHINE)}
        return {**copy.deepcopy(BASES["trainer-full"]), "spec": spec}
    found = copy.deepcopy(BASES[name])
    if plural != INSTANCES:
        found["spec"] |= copy.deepcopy(QUICK)
    if plural == PROVIDERS:
        spec = {field: value for field, value in found["spec"].items() if field not in ONLY_CLUSTER}
        return {**found, "kind": KINDS[PROVIDERS], "spec": spec}
    return found
