"""Every type, length, number, word and required field of spec: what just fits is taken, what just does not is refused.

The cases are read off the generated CRDs, so a field that is added is tested without a line here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.crds.schema import (
    BASES,
    CLUSTER_PROVIDERS,
    INSTANCES,
    MISSING,
    PROVIDERS,
    Manifest,
    Node,
    Step,
    changed,
    every_place,
    put,
    shown,
    steps_to,
)
from tests.crds.server import Server

from gpuwright.model.ec2_spec import REGION_IS_FINAL
from gpuwright.model.instance_spec import (
    BOOTSTRAP_IS_FINAL,
    PLACEMENTS_ARE_FINAL,
    PROVIDER_IS_FINAL,
    TAGS_ARE_FINAL,
)
from gpuwright.model.machine_spec import MACHINE_IS_FINAL
from gpuwright.model.provider_spec import ENDPOINT_IS_FINAL, TYPE_IS_FINAL

pytestmark = pytest.mark.cluster

FINAL = (
    PROVIDER_IS_FINAL,
    MACHINE_IS_FINAL,
    BOOTSTRAP_IS_FINAL,
    TAGS_ARE_FINAL,
    PLACEMENTS_ARE_FINAL,
    TYPE_IS_FINAL,
    ENDPOINT_IS_FINAL,
    REGION_IS_FINAL,
)
PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----"

TEXTS: dict[str, Callable[[int], str]] = {
    "spec.gateway.endpoint": lambda length: "https://".ljust(length, "a"),
    "spec.ec2.endpoint": lambda length: "https://".ljust(length, "a"),
    "spec.runpod.endpoint": lambda length: "https://".ljust(length, "a"),
    "spec.placements[].runpod.volume": lambda length: "20Gi".rjust(length, "0"),
    "spec.placements[].runpod.volumePath": lambda length: "/".ljust(length, "a"),
    "spec.placements[].runpod.minCudaVersion": lambda length: "12.".ljust(length, "8"),
    "spec.machine.runpod.volume": lambda length: "20Gi".rjust(length, "0"),
    "spec.machine.runpod.volumePath": lambda length: "/".ljust(length, "a"),
    "spec.machine.runpod.minCudaVersion": lambda length: "12.".ljust(length, "8"),
    "spec.ec2.stsEndpoint": lambda length: "https://".ljust(length, "a"),
    "spec.ec2.region": lambda length: f"us-{'a' * (length - 5)}-1",
    "spec.ec2.defaults.subnetId": lambda length: "subnet-".ljust(length, "0"),
    "spec.ec2.defaults.securityGroupIds[]": lambda length: "sg-".ljust(length, "0"),
    "spec.machine.ec2.subnetId": lambda length: "subnet-".ljust(length, "0"),
    "spec.machine.ec2.securityGroupIds[]": lambda length: "sg-".ljust(length, "0"),
    "spec.skypilot.endpoint": lambda length: "https://".ljust(length, "a"),
    "spec.skypilot.caBundle": lambda length: PEM.format("a" * (length - len(PEM) + 2)),
    "spec.gateway.caBundle": lambda length: PEM.format("a" * (length - len(PEM) + 2)),
    "spec.machine.cpu": lambda length: "8".rjust(length, "0"),
    "spec.machine.memory": lambda length: "64Gi".rjust(length, "0"),
    "spec.machine.disk": lambda length: "200Gi".rjust(length, "0"),
    "spec.placements[].disk": lambda length: "200Gi".rjust(length, "0"),
    "spec.placements[].ec2.subnetId": lambda length: "subnet-".ljust(length, "0"),
    "spec.placements[].ec2.securityGroupIds[]": lambda length: "sg-".ljust(length, "0"),
    "spec.sizes[].cpu": lambda length: "8".rjust(length, "0"),
    "spec.sizes[].memory": lambda length: "64Gi".rjust(length, "0"),
    "spec.sizes[].pricePerHour": lambda length: f".{'0' * 9}".rjust(length, "1"),
    "spec.bootstrap.sshAuthorizedKeys[]": lambda length: "ssh-ed25519 AAAA".ljust(length, "a"),
    "spec.machine.maxPricePerHour": lambda length: f".{'0' * 9}".rjust(length, "1"),
    "spec.placements[].maxPricePerHour": lambda length: f".{'0' * 9}".rjust(length, "1"),
    "spec.allowedNamespaces.selector.matchExpressions[].key": lambda length: "/".join(("a" * (length - 64), "b" * 63)),
}
"""Texts of a given length where not just any will do."""

EC2 = {"region": "us-east-1", "credentialsSecretRef": {"name": "aws", "key": "credentials"}}
SKY = {"endpoint": "https://skypilot.example", "credentialsSecretRef": {"name": "skypilot", "key": "token"}}
RUNPOD = {"credentialsSecretRef": {"name": "runpod", "key": "apiKey"}}
OPERATOR = "spec.allowedNamespaces.selector.matchExpressions[].operator"
BESIDE: dict[str, dict[str, object]] = {
    "spec.settleSeconds": {"spec.timeouts.requestSeconds": 1},
    # The blocks and the types belong together.
    "spec.type enum EC2": {"spec.gateway": MISSING, "spec.ec2": EC2, "spec.settleSeconds": 300},
    "spec.type enum SkyPilot": {"spec.gateway": MISSING, "spec.skypilot": SKY, "spec.settleSeconds": 1800},
    "spec.type enum RunPod": {"spec.gateway": MISSING, "spec.runpod": RUNPOD, "spec.settleSeconds": 300},
    "spec.type enum Gateway": {},
    "spec.timeouts.requestSeconds": {"spec.settleSeconds": 3601},
    f"{OPERATOR} enum Exists": {"spec.allowedNamespaces.selector.matchExpressions.0.values": MISSING},
    f"{OPERATOR} enum DoesNotExist": {"spec.allowedNamespaces.selector.matchExpressions.0.values": MISSING},
}
"""What another rule wants changed along with a place, or with one word there."""

LEAST = {"spec.settleSeconds": 2}
"""Where another rule bites before the bound does: a call takes at least a second, and less than settleSeconds."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One keyword of the schema at one place: a value that fits, one that does not, and what is said of that."""

    base: str
    at: str
    keyword: str
    steps: tuple[Step, ...]
    good: object
    bad: object
    sentence: str

    def manifest(self, value: object) -> Manifest:
        """Return the base with this value at the place."""
        beside = BESIDE.get(self.at, {}) | BESIDE.get(f"{self.at} {self.keyword}", {})
        found = changed(BASES[self.base], beside)
        put(found, self.steps, value)
        return found


def text(at: str, length: int) -> str:
    """Return a text of so many characters that the place's rules take."""
    return TEXTS[at](length) if at in TEXTS else "a" * length


def items(at: str, node: Node, count: int) -> list[object]:
    """Return a list of so many entries that the place's rules take."""
    if at == "spec.bootstrap.env":
        return [{"name": f"A{number}"} for number in range(count)]
    if at == "spec.allowedNamespaces.selector.matchExpressions":
        return [{"key": f"a{number}", "operator": "Exists"} for number in range(count)]
    if at == "spec.bootstrap.sshAuthorizedKeys":
        return [f"ssh-ed25519 AAAA{number}" for number in range(count)]
    if at.endswith("securityGroupIds"):
        return [f"sg-{number:08x}" for number in range(count)]
    if at == "spec.machine.ports":
        return [{"name": f"a{number}", "port": number + 1} for number in range(count)]
    if at == "spec.placements":
        return [{"providerRef": {"name": f"a{number}"}} for number in range(count)]
    if at == "spec.sizes":
        return [{"name": f"a{number}", "instanceType": "a"} for number in range(count)]
    assert node["items"]["type"] == "string"
    return [f"a{number}" for number in range(count)]


def entries(at: str, count: int) -> dict[str, str]:
    """Return a map of so many entries that the place's rules take."""
    if at == "spec.gateway.outcomes":
        return {str(500 + number): "Unknown" for number in range(count)}
    return {f"a{number}": "a" for number in range(count)}


Case = tuple[object, object, str]


def numbers(path: str, at: str, node: Node) -> Iterator[tuple[str, Case]]:
    """Yield the bounds of a number."""
    if "minimum" in node:
        low = node["minimum"]
        said = f"{path}: Invalid value: {low - 1}: {path} in body should be greater than or equal to {low}"
        yield "minimum", (LEAST.get(at, low), low - 1, said)
    if "maximum" in node:
        high = node["maximum"]
        said = f"{path}: Invalid value: {high + 1}: {path} in body should be less than or equal to {high}"
        yield "maximum", (high, high + 1, said)


def sizes(path: str, at: str, node: Node) -> Iterator[tuple[str, Case]]:
    """Yield the bounds of texts, lists and maps."""
    if "minLength" in node:
        said = f'{path}: Invalid value: "": {path} in body should be at least {node["minLength"]} chars long'
        yield "minLength", ("a" * node["minLength"], "", said)
    if "maxLength" in node:
        most = node["maxLength"]
        said = f"{path}: Too long: may not be more than {most} bytes"
        yield "maxLength", (text(at, most), text(at, most + 1), said)
    if "maxItems" in node:
        most = node["maxItems"]
        said = f"{path}: Too many: {most + 1}: must have at most {most} items"
        yield "maxItems", (items(at, node, most), items(at, node, most + 1), said)
    if "maxProperties" in node:
        most = node["maxProperties"]
        said = f"{path}: Too many: {most + 1}: must have at most {most} items"
        yield "maxProperties", (entries(at, most), entries(at, most + 1), said)


def words(path: str, node: Node) -> Iterator[tuple[str, Case]]:
    """Yield each word of an enum."""
    supported = ", ".join(f'"{word}"' for word in node.get("enum", ()))
    for word in node.get("enum", ()):
        yield f"enum {word}", (word, "Other", f'{path}: Unsupported value: "Other": supported values: {supported}')


WRONG: dict[str, tuple[object, str]] = {
    "object": ("H100:8", "string"),
    "array": ("a", "string"),
    "string": (42, "integer"),
    "integer": ("15m", "string"),
    "boolean": ("true", "string"),
}


def types(path: str, node: Node, present: object) -> Iterator[tuple[str, Case]]:
    """Yield the type."""
    wanted = node.get("type", "integer,string")
    bad, seen = WRONG.get(wanted, (0.5, "number"))
    said = f'{path}: Invalid value: "{seen}": {path} in body must be of type {wanted}: "{seen}"'
    yield "type", (present, bad, said)


def value_at(manifest: Manifest, steps: tuple[Step, ...]) -> Any:
    """Return what stands at the end of the steps."""
    found: Any = manifest
    for step in steps:
        found = found[step]
    return found


def home(plural: str, at: str) -> tuple[str, tuple[Step, ...]]:
    """Return which base has this place, and the way to it."""
    kind = "ComputeInstance" if plural == INSTANCES else "ClusterComputeProvider"
    for name, base in BASES.items():
        steps = steps_to(base, at) if base["kind"] == kind else None
        if steps is not None:
            return name, steps
    raise AssertionError(f"no base has {at}: add it to examples/")


def bounds(plural: str) -> Iterator[Bound]:
    """Yield every bound of a kind's spec."""
    for at, node in every_place(plural).items():
        base, steps = home(plural, at)
        path = shown(steps)
        present = value_at(BASES[base], steps)
        for keyword, (good, bad, said) in (
            *types(path, node, present),
            *numbers(path, at, node),
            *sizes(path, at, node),
            *words(path, node),
        ):
            yield Bound(base, at, keyword, steps, good, bad, said)
        for name in node.get("required", ()):
            below = (*steps, name)
            wanted = f"{path}.{name}: Required value"
            owner, way = home(plural, f"{at}.{name}")
            yield Bound(owner, f"{at}.{name}", "required", way, value_at(BASES[owner], way), MISSING, wanted)
            assert below == way


BOUNDS = [*bounds(INSTANCES), *bounds(CLUSTER_PROVIDERS)]
IDS = [f"{bound.at} {bound.keyword}" for bound in BOUNDS]


@pytest.mark.parametrize("bound", BOUNDS, ids=IDS)
def test_what_just_fits_is_created(server: Server, bound: Bound) -> None:
    manifest = renamed(bound.manifest(bound.good))
    assert server.create(manifest).sentences == ()


@pytest.mark.parametrize("bound", BOUNDS, ids=IDS)
def test_what_just_does_not_fit_is_not_created_and_the_sentence_says_why(server: Server, bound: Bound) -> None:
    assert bound.sentence in server.create(renamed(bound.manifest(bound.bad))).sentences


@pytest.mark.parametrize("bound", BOUNDS, ids=IDS)
def test_what_just_fits_may_be_changed_to_unless_the_field_is_final(server: Server, bound: Bound) -> None:
    sentences = server.replace(bound.manifest(bound.good)).sentences
    assert all(sentence.endswith(FINAL) for sentence in sentences)
    assert not sentences or bound.good != value_at(BASES[bound.base], bound.steps)


@pytest.mark.parametrize("bound", BOUNDS, ids=IDS)
def test_what_just_does_not_fit_cannot_be_changed_to(server: Server, bound: Bound) -> None:
    assert bound.sentence in server.replace(bound.manifest(bound.bad)).sentences


def test_the_namespaced_provider_is_the_cluster_provider_without_its_two_fields() -> None:
    cluster = every_place(CLUSTER_PROVIDERS)
    own = ("spec.allowedNamespaces", "spec.adoption")
    assert {at for at in cluster if not at.startswith(own)} == set(every_place(PROVIDERS))
    assert all(node == cluster[at] for at, node in every_place(PROVIDERS).items() if at != "spec" and at in cluster)


def renamed(manifest: Manifest) -> Manifest:
    """Return the manifest under a name that is free."""
    return {**manifest, "metadata": {**manifest["metadata"], "name": "fresh"}}
