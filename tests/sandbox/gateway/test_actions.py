"""Every action has a word, and a body that can be sent as JSON."""

import pytest

from gpuwright_sandbox.gateway.actions import ACTIONS, AnswerWith, Commit, Drop, Garble, Hang, Spoil, body_of, word_of
from gpuwright_sandbox.gateway.shapes import FieldError, as_json, read


def test_every_word_leads_to_its_action_and_back() -> None:
    assert word_of(Drop()) == "drop"
    assert word_of(Garble(how=Spoil.HTML)) == "garble"
    assert ACTIONS["hang"] is Hang


def test_what_was_read_can_be_shown_and_read_again() -> None:
    hang = read(Hang, {"seconds": 0.5, "commit": "later", "commit_after_seconds": 2})
    assert hang == Hang(seconds=0.5, commit=Commit.LATER, commit_after_seconds=2)
    assert read(Hang, as_json(hang)) == hang


def test_a_hang_without_its_length_is_no_action() -> None:
    with pytest.raises(FieldError, match="seconds"):
        read(Hang, {})


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("a page", b"a page", id="text is a page"),
        pytest.param({"a": [1]}, {"a": [1]}, id="an object is JSON"),
        pytest.param([], [], id="a list is JSON"),
    ],
)
def test_a_scripted_body_is_a_page_or_json(sent: object, body: object) -> None:
    assert body_of(AnswerWith(status=200, body=sent)) == body
