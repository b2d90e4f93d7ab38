"""Labels that every cloud takes, and back without loss."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuwright.adapters.skypilot_labels import decoded, encoded
from gpuwright.model.errors import Rejected
from gpuwright.model.names import Owner, owner_labels, owner_of

KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
VALUE = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
LETTERS = st.text("a0-", max_size=60)
NAMESPACES = st.builds(lambda middle: f"n{middle}9", LETTERS)
NAMES = st.lists(NAMESPACES, min_size=1, max_size=4).map(".".join)


@given(namespace=NAMESPACES, name=NAMES, incarnation=st.integers(1, 10**6))
def test_every_owner_comes_back_and_fits_everywhere(namespace: str, name: str, incarnation: int) -> None:
    owner = Owner("7d8c2c1e-0000-4000-8000-000000000000", namespace, name, "1f9c2c1e-0000-4000-8000-000000000000")
    sent = encoded({"team": "vision", **owner_labels(owner, incarnation)})
    assert all(KEY.fullmatch(key) and VALUE.fullmatch(value) for key, value in sent.items())
    back = decoded(sent)
    assert back == {"team": "vision", **owner_labels(owner, incarnation)}
    assert owner_of(back) == owner


def test_a_short_owner_can_be_read_by_people() -> None:
    sent = encoded(owner_labels(Owner("c", "team-a", "trainer.0", "u"), 1))
    assert sent["gpuwright-owner"] == "team-a_trainer_0"


def test_a_tag_that_would_be_taken_for_ours_is_refused() -> None:
    with pytest.raises(Rejected, match="gpuwright-owner-2"):
        encoded({"gpuwright-owner-2": "0x0"})


def test_labels_of_others_are_left_as_they_are() -> None:
    others = {"owner": "me", "gpuwright-ownership": "x", "gpuwright.dev/owner": "spoofed"}
    assert decoded(others) == others


def test_parts_come_back_in_their_order() -> None:
    parts = {f"gpuwright-owner-{number}": f"0{letter}0" for number, letter in enumerate("abcdefghijkl", 1)}
    assert decoded(dict(reversed(parts.items())))["gpuwright.dev/owner"] == "abcdefghijkl"
