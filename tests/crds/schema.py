"""Reading the generated CRDs: every place of a schema, and putting a value at one."""

import copy
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CRDS = ROOT / "crds"
EXAMPLES = ROOT / "examples"

Node = dict[str, Any]
Manifest = dict[str, Any]

INSTANCES = "computeinstances"
PROVIDERS = "computeproviders"
CLUSTER_PROVIDERS = "clustercomputeproviders"
PLURALS = (INSTANCES, PROVIDERS, CLUSTER_PROVIDERS)


@cache
def definition(plural: str) -> Node:
    """Return a whole CustomResourceDefinition as it is committed."""
    parsed: Node = yaml.safe_load((CRDS / f"gpuwright.dev_{plural}.yaml").read_text(encoding="utf-8"))
    return parsed


def version(plural: str) -> Node:
    """Return the one version of a CRD."""
    (only,) = definition(plural)["spec"]["versions"]
    found: Node = only
    return found


def part(plural: str, name: str) -> Node:
    """Return the schema of spec or status."""
    found: Node = version(plural)["schema"]["openAPIV3Schema"]["properties"][name]
    return found


def walk(node: Node, at: str) -> Iterator[tuple[str, Node]]:
    """Yield each place and its schema: `[]` stands for the items of a list, `{}` for the values of a map."""
    yield at, node
    for name, field in node.get("properties", {}).items():
        yield from walk(field, f"{at}.{name}")
    if "items" in node:
        yield from walk(node["items"], f"{at}[]")
    if "additionalProperties" in node:
        yield from walk(node["additionalProperties"], f"{at}{{}}")


def every_place(plural: str, name: str = "spec") -> dict[str, Node]:
    """Return every place of spec or status."""
    return dict(walk(part(plural, name), name))


OTHER_PROVIDERS = (
    "spec.ec2",
    "spec.machine.ec2",
    "spec.skypilot",
    "spec.machine.skypilot",
    "spec.runpod",
    "spec.machine.runpod",
    "spec.placements",
    "spec.placements[]",
    "spec.placementOrder",
)


def places(plural: str, name: str = "spec") -> dict[str, Node]:
    """Return every place but those of the blocks of providers that are no gateway, and of placements.

    This is what the campaign's L5 changes on a living operator: it has one gateway there, and no other provider.
    """
    found = every_place(plural, name)
    return {
        at: node for at, node in found.items() if not f"{at}.".startswith(tuple(f"{own}." for own in OTHER_PROVIDERS))
    }


def leaves(plural: str, name: str = "spec") -> list[str]:
    """Return the places that hold a value of their own."""
    return [at for at, node in every_place(plural, name).items() if not node.get("properties") and "items" not in node]


Step = str | int
Missing = type("Missing", (), {"__repr__": lambda self: "MISSING"})
MISSING = Missing()
"""Put in place of a value, it takes the field away."""


def steps_to(manifest: Manifest, at: str) -> tuple[Step, ...] | None:
    """Return the way to a place that this manifest has, or None; the last step may be absent from a map or block."""
    tokens = at.replace("[]", ".[]").replace("{}", ".{}").split(".")
    return _steps(manifest, tokens)


def _steps(value: object, tokens: list[str]) -> tuple[Step, ...] | None:
    if not tokens:
        return ()
    head, *rest = tokens
    for step, below in _candidates(value, head):
        way = _steps(below, rest)
        if way is not None:
            return (step, *way)
    return None


def _candidates(value: object, token: str) -> list[tuple[Step, object]]:
    if token == "[]":
        return list(enumerate(value)) if isinstance(value, list) else []
    if not isinstance(value, Mapping):
        return []
    if token == "{}":
        return list(value.items())
    return [(token, value[token])] if token in value else []


def shown(steps: tuple[Step, ...]) -> str:
    """Return the way as the API server writes it in its messages."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def changed(manifest: Manifest, changes: Mapping[str, object]) -> Manifest:
    """Return a copy with values put at dotted ways, such as `spec.bootstrap.env.0.name`; MISSING takes one away."""
    result = copy.deepcopy(manifest)
    for way, value in changes.items():
        put(result, tuple(int(step) if step.isdigit() else step for step in way.split(".")), value)
    return result


def put(manifest: Manifest, steps: tuple[Step, ...], value: object) -> None:
    """Put a value where the steps lead, making blocks on the way."""
    target: Any = manifest
    for step in steps[:-1]:
        target = target.setdefault(step, {}) if isinstance(step, str) else target[step]
    if value is MISSING:
        del target[steps[-1]]
    else:
        target[steps[-1]] = copy.deepcopy(value)


def example(file: str, name: str) -> Manifest:
    """Return one object of ours in a file of examples/, without its namespace."""
    documents = yaml.safe_load_all((EXAMPLES / file).read_text(encoding="utf-8"))
    ours = (document for document in documents if document["apiVersion"].startswith("gpuwright.dev/"))
    found: Manifest = next(document for document in ours if document["metadata"]["name"] == name)
    found["metadata"].pop("namespace", None)
    return found


BASES = {
    "trainer-full": example("instance-full.yaml", "trainer-full"),
    "trainer-typed": example("instance-full.yaml", "trainer-typed"),
    "sized-0": example("sizes.yaml", "sized-0"),
    "shared-gateway": example("cluster-provider.yaml", "shared-gateway"),
    "trainer-anywhere": example("placements.yaml", "trainer-anywhere"),
    "trainer-cheapest": example("cheapest.yaml", "trainer-cheapest"),
    "trainer-long-tail": example("placements.yaml", "trainer-long-tail"),
    "trainer-ec2": example("ec2-instance.yaml", "trainer-ec2"),
    "shared-ec2": example("ec2-cluster-provider.yaml", "shared-ec2"),
    "trainer-skypilot": example("skypilot-instance.yaml", "trainer-skypilot"),
    "shared-skypilot": example("skypilot-cluster-provider.yaml", "shared-skypilot"),
    "trainer-runpod": example("runpod-instance.yaml", "trainer-runpod"),
    "trainer-runpod-data": example("runpod-instance.yaml", "trainer-runpod-data"),
    "shared-runpod": example("runpod-cluster-provider.yaml", "shared-runpod"),
}
"""Manifests that have every field between them: the instances three ways of buying, the provider all of it, and both
for EC2, for SkyPilot and for RunPod."""
