"""What the models accept the API server accepts, and the other way round: no rule stands on one side only."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.crds.schema import (
    BASES,
    CLUSTER_PROVIDERS,
    INSTANCES,
    MISSING,
    Manifest,
    Node,
    changed,
    every_place,
    put,
    steps_to,
)
from tests.crds.server import Server

from gpuwright.model.api_base import ApiModel, sentences
from gpuwright.model.instance_spec import InstanceSpec
from gpuwright.model.provider_spec import ClusterProviderSpec

pytestmark = pytest.mark.cluster

EXAMPLES_EACH = 400
LEAST_OF_EACH = EXAMPLES_EACH // 20
WORDS = st.text("aA0.-_/:@ é", max_size=6)
AMOUNTS = st.text("0189.eEinumkKMGTP+-", max_size=8) | st.sampled_from(["8", "64Gi", "1e10", ".5Ti", "1.5e1", "+70Gi"])
URLS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["https://", "http://", "HTTP://", "https:/", "ftp://", ""]),
    st.sampled_from(["a", "a.b-c", "10.0.0.7", "[::1]", "", "a_b", "-a", "u:p@a", "é"]),
    st.sampled_from(["", ":1", ":0", ":65535", ":65536", ":", ":a", ":080"]),
    st.sampled_from(["", "/", "/a/b", "/a b", "/?a", "#a", "a"]),
)
# 2.0 is not among them: the server takes it for 2 where no rule looks at the field, and stores 2.
ANYTHING = st.one_of(
    st.sampled_from(["", 0, 1, 2, -1, 1.5, True, False, [], {}, ["a"], ["a", "a"], {"a": "b"}, {"a": 1}, [{}]]),
    st.sampled_from(
        [{"name": "a"}, {"name": "a", "key": "b"}, {"a": {}}, {"": ""}, {"gpuwright.dev/a": ""}, 2**40, 2**70]
    ),
    st.sampled_from([{" 500": "Unknown"}, {"0500": "Unknown"}, {"599": "Unknown"}, {"600": "Unknown"}]),
    st.integers(-3, 70),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    WORDS,
)


def lengths(node: Node) -> st.SearchStrategy[str]:
    """Return texts around the bounds of a place, in one and in two bytes a character."""
    sizes = st.sampled_from([node.get("minLength", 1), node.get("maxLength", 8)]).flatmap(
        lambda bound: st.integers(max(0, bound - 1), bound + 1)
    )
    return st.builds(lambda letter, size: letter * size, st.sampled_from("aé0"), sizes)


def near(at: str, node: Node) -> st.SearchStrategy[object]:
    """Return what is near the mark at a place, on either side of it."""
    if "enum" in node:
        return st.sampled_from([*node["enum"], node["enum"][0].lower(), ""])
    if "minimum" in node:
        return st.sampled_from([node["minimum"], node["maximum"]]).flatmap(lambda b: st.integers(b - 1, b + 1))
    if at.lower().endswith("endpoint"):
        return URLS
    if "x-kubernetes-int-or-string" in node:
        return AMOUNTS | st.integers()
    if node.get("type") == "string":
        return WORDS | lengths(node) | st.just("a")
    return st.sampled_from([MISSING, {}, {"a": "b"}] if node["type"] == "object" else [MISSING, [], True, False])


def edits(plural: str) -> st.SearchStrategy[tuple[str, object]]:
    """Return changes of one place: mostly another value near the mark or none, and sometimes anything."""
    found = [(at, node) for at, node in every_place(plural).items() if at != "spec"]
    return st.sampled_from(found).flatmap(
        lambda place: st.tuples(
            st.just(place[0]),
            st.one_of(near(*place), near(*place), near(*place), st.just(MISSING), ANYTHING, st.just({"unknown": 1})),
        )
    )


def edited(base: Manifest, changes: list[tuple[str, object]]) -> Manifest:
    """Return the base with every change made whose place it still has."""
    result = changed(base, {"metadata.name": "guess"})
    for at, value in changes:
        steps = steps_to(result, at)
        if steps is not None and not (value is MISSING and isinstance(steps[-1], int)):
            put(result, steps, value)
    return result


def refusal(model: type[ApiModel], spec: Manifest) -> tuple[str, ...]:
    """Return what the model has against a spec, unknown fields included, as the server is strict about them too."""
    try:
        model.model_validate(spec, extra="forbid")
    except ValidationError as error:
        return sentences(error)
    return ()


@pytest.mark.parametrize(
    ("plural", "model", "bases"),
    [
        pytest.param(
            INSTANCES,
            InstanceSpec,
            [
                "trainer-full",
                "trainer-typed",
                "trainer-ec2",
                "trainer-skypilot",
                "trainer-runpod",
                "trainer-runpod-data",
            ],
            id="instance",
        ),
        pytest.param(
            CLUSTER_PROVIDERS,
            ClusterProviderSpec,
            [name for name in BASES if name.startswith("shared-")],
            id="provider",
        ),
    ],
)
def test_the_model_and_the_server_accept_the_same(
    server: Server, plural: str, model: type[ApiModel], bases: list[str]
) -> None:
    seen: Counter[bool] = Counter()
    base = st.sampled_from([BASES[name] for name in bases])
    limits: Callable[[Any], Any] = settings(
        max_examples=EXAMPLES_EACH, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )

    @limits
    @given(st.builds(edited, base, st.lists(edits(plural), max_size=2)))
    def agree(manifest: Manifest) -> None:
        ours, theirs = refusal(model, manifest["spec"]), server.create(manifest).sentences
        seen[bool(theirs)] += 1
        assert bool(ours) == bool(theirs), (ours, theirs)

    agree()
    assert min(seen[True], seen[False]) >= LEAST_OF_EACH, "the guesses are too good or too bad to tell anything"
