"""Merge patches: the smallest one, and applying it gives the target."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.kube.fake_api import merged

from gpuwright.kube.merge_patch import merge_patch

# A null in an object cannot be told from a field that is not there: the RFC's own limit, and no status of ours has one.
LEAVES = st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x"]) | st.lists(st.integers(0, 1), max_size=2)
INNER = LEAVES | st.dictionaries(st.sampled_from("ab"), LEAVES, max_size=2)
OBJECTS = st.dictionaries(
    st.sampled_from("abc"), INNER | st.dictionaries(st.sampled_from("ab"), INNER, max_size=2), max_size=3
)

EXAMPLES = [
    # RFC 7386, appendix A: those whose target and result are objects without nulls.
    pytest.param({"a": "b"}, {"a": "c"}, {"a": "c"}, id="a change"),
    pytest.param({"a": "b"}, {"a": "b", "b": "c"}, {"b": "c"}, id="an addition"),
    pytest.param({"a": "b"}, {}, {"a": None}, id="a removal"),
    pytest.param({"a": "b", "b": "c"}, {"b": "c"}, {"a": None}, id="one of two removed"),
    pytest.param({"a": ["b"]}, {"a": "c"}, {"a": "c"}, id="a list becomes a value"),
    pytest.param({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}, id="a value becomes a list"),
    pytest.param({"a": {"b": "c"}}, {"a": {"b": "d"}}, {"a": {"b": "d"}}, id="a change further down"),
    pytest.param({"a": {"b": "c"}}, {"a": {}}, {"a": {"b": None}}, id="a removal further down"),
    pytest.param({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}, id="lists are replaced whole"),
    pytest.param({}, {"a": {"bb": {}}}, {"a": {"bb": {}}}, id="an empty object is something"),
    pytest.param({"a": {"b": "c"}}, {"a": 1}, {"a": 1}, id="an object becomes a value"),
    pytest.param({"a": 1}, {"a": {"b": "c"}}, {"a": {"b": "c"}}, id="a value becomes an object"),
    pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}, id="siblings stay out of it"),
    pytest.param({"a": [1, 2]}, {"a": [1, 2]}, {}, id="nothing changed"),
]


@pytest.mark.parametrize(("before", "after", "patch"), EXAMPLES)
def test_says_no_more_than_what_changes(before: Any, after: Any, patch: Any) -> None:
    assert merge_patch(before, after) == patch


@settings(max_examples=50)
@given(OBJECTS, OBJECTS)
def test_applied_to_what_was_gives_what_is_wanted(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert merged(before, merge_patch(before, after)) == after


@settings(max_examples=25)
@given(OBJECTS)
def test_of_equal_objects_is_empty(value: dict[str, Any]) -> None:
    assert merge_patch(value, value) == {}


@settings(max_examples=50)
@given(OBJECTS, OBJECTS)
def test_is_not_empty_where_something_changes(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert bool(merge_patch(before, after)) is (before != after)


@settings(max_examples=50)
@given(OBJECTS, OBJECTS)
def test_applied_twice_does_no_more_than_once(before: dict[str, Any], after: dict[str, Any]) -> None:
    patch = merge_patch(before, after)
    assert merged(merged(before, patch), patch) == after
