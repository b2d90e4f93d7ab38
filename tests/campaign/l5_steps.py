"""What is done to one object, one manifest after the other, and what the API server must say to each."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.campaign.l5_leaves import KINDS, PLAIN, Leaf, base_of
from tests.campaign.l5_values import Bad, Stands, row_of
from tests.crds.schema import MISSING, Manifest, Node, changed, put, steps_to

from gpuwright.model.instance_spec import BOOTSTRAP_IS_FINAL, PROVIDER_IS_FINAL, TAGS_ARE_FINAL
from gpuwright.model.machine_spec import MACHINE_IS_FINAL
from gpuwright.model.provider_spec import ENDPOINT_IS_FINAL, TYPE_IS_FINAL

# What may not change after creation: the table of docs/api, first row.
FINAL: Mapping[str, str] = {
    "spec.providerRef": PROVIDER_IS_FINAL,
    "spec.machine": MACHINE_IS_FINAL,
    "spec.bootstrap": BOOTSTRAP_IS_FINAL,
    "spec.tags": TAGS_ARE_FINAL,
    "spec.type": TYPE_IS_FINAL,
    "spec.gateway.endpoint": ENDPOINT_IS_FINAL,
}
REQUIRED = "Required value"
WRONG_TYPES: Mapping[str, object] = {
    "object": "H100:8",
    "array": "a",
    "string": 42,
    "integer": "15m",
    "boolean": "true",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One manifest that an object is changed to.

    Attributes:
        word: what is done, such as `unset`.
        says: words of which one must stand in the refusal; none = it must be accepted.
        stands: how things stand afterwards, if it is accepted.
        direct: whether an object that is created with this manifest must end alike.
    """

    leaf: Leaf
    word: str
    manifest: Manifest
    says: tuple[str, ...] = ()
    stands: Stands = Stands.USUAL
    direct: bool = False

    @property
    def id(self) -> str:
        """What it is called in a campaign."""
        return f"{self.leaf.id} {self.word}"


@dataclass(frozen=True, slots=True)
class Course:
    """One object: the manifest with which it begins, what must be refused before that, and its steps."""

    leaf: Leaf
    name: str
    base: str
    begin: Manifest
    refused_first: tuple[Step, ...]
    steps: tuple[Step, ...]

    @property
    def points(self) -> int:
        """Return how many manifests the API server is shown."""
        return len(self.refused_first) + 1 + len(self.steps)


def courses_of(leaf: Leaf, seed: int) -> list[Course]:
    """Return what is done about one place; the order of what is accepted comes from the seed."""
    begin = base_of(leaf.plural, leaf.base)
    bad = tuple(_bad(leaf, begin))
    steps = (*bad, *_accepted_or_final(leaf, begin, Random(f"{seed}/{leaf.id}")), Step(leaf, "back", begin))
    first = tuple(Step(leaf, f"create with {step.word}", step.manifest, step.says) for step in bad)
    return [Course(leaf, leaf.name, leaf.base, begin, first, steps), *_added(leaf)]


def _added(leaf: Leaf) -> Iterator[Course]:
    """Yield the course of an object that was made without a final field."""
    if not final_words(leaf) or leaf.required or "[]" in leaf.at or "{}" in leaf.at or "default" in leaf.node:
        return
    plain = base_of(leaf.plural, PLAIN)
    if steps_to(plain, leaf.at) is not None:
        return
    step = Step(leaf, "add", _with(plain, leaf.way, leaf.value()), (final_words(leaf),))
    yield Course(leaf, f"{leaf.name}-add", PLAIN, plain, (), (step, Step(leaf, "back after add", plain)))


def final_words(leaf: Leaf) -> str:
    """Return what is said to a change of it; empty where it may be changed."""
    return next((words for at, words in FINAL.items() if f"{leaf.at}.".startswith((f"{at}.", f"{at}{{}}."))), "")


def _accepted_or_final(leaf: Leaf, begin: Manifest, random: Random) -> list[Step]:
    """Return the changes: in any order where they are accepted, with a way back from `unset` among them."""
    row, final = row_of(leaf), final_words(leaf)
    refusal = (final,) if final else ()
    groups: list[list[Step]] = [_unset(leaf, begin)]
    for number, to in enumerate(row.to, 1):
        manifest = _with(changed(begin, to.beside), leaf.way, to.value)
        direct = to.direct and not final
        groups.append([Step(leaf, f"change {number}", manifest, refusal, to.stands, direct)])
    for number, value in enumerate(row.same, 1):
        groups.append([Step(leaf, f"same {number}", _with(begin, leaf.way, value))])
    random.shuffle(groups)
    return [step for group in groups for step in group]


def _unset(leaf: Leaf, begin: Manifest) -> list[Step]:
    row, final = row_of(leaf), final_words(leaf)
    manifest = _with(begin, leaf.way, MISSING)
    if row.unset_says:
        return [Step(leaf, "unset", manifest, (row.unset_says,))]
    if leaf.required:
        return [Step(leaf, "unset", manifest, (f"{leaf.path}: {REQUIRED}",))]
    if final and leaf.node.get("default") != leaf.value():
        return [Step(leaf, "unset", manifest, (final,))]
    return [Step(leaf, "unset", manifest, direct=not final), Step(leaf, "set", begin)]


def _bad(leaf: Leaf, begin: Manifest) -> Iterator[Step]:
    for number, bad in enumerate(row_of(leaf).bad, 1):
        yield Step(leaf, f"bad {number}", _with(changed(begin, bad.beside), leaf.way, bad.value), (bad.says,))
    for keyword, bad in _bounds(leaf.node):
        # A text that is too long is refused in the words of its own rule, too.
        said = (f"{leaf.path}: {bad.says}",)
        yield Step(leaf, f"bad {keyword}", _with(begin, leaf.way, bad.value), said)


def _bounds(node: Node) -> Iterator[tuple[str, Bad]]:
    """Yield what the schema itself must refuse."""
    wrong = WRONG_TYPES.get(node.get("type", ""), 0.5)
    yield "type", Bad(wrong, "Invalid value")
    if "minimum" in node:
        yield "minimum", Bad(node["minimum"] - 1, f"Invalid value: {node['minimum'] - 1}")
    if "maximum" in node:
        yield "maximum", Bad(node["maximum"] + 1, f"Invalid value: {node['maximum'] + 1}")
    if "enum" in node:
        yield "word", Bad("Other", 'Unsupported value: "Other": supported values')
    if "minLength" in node:
        yield "minLength", Bad("", "Invalid value")
    if "maxLength" in node:
        yield "maxLength", Bad("8".rjust(node["maxLength"] + 1, "0"), "Too long")
    if "maxItems" in node:
        yield "maxItems", Bad([_filler(node["items"])] * (node["maxItems"] + 1), "Too many")
    if "maxProperties" in node:
        most = node["maxProperties"] + 1
        yield "maxProperties", Bad({f"a{number}": _word(node) for number in range(most)}, "Too many")


def _filler(node: Node) -> Any:
    if node.get("type") == "string":
        return _word({"additionalProperties": node})
    return {name: _filler(node["properties"][name]) for name in node.get("required", ())}


def _word(node: Node) -> str:
    return str((node["additionalProperties"].get("enum") or ["a"])[0])


def _with(manifest: Manifest, way: tuple[Any, ...], value: object) -> Manifest:
    result = copy.deepcopy(manifest)
    put(result, way, value)
    return result


def kind_of(leaf: Leaf) -> str:
    """Return the kind of the object that has it."""
    return KINDS[leaf.plural]
