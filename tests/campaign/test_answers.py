"""What a row of answers proves about a name."""

import pytest
from tests.campaign.answers import Call, unproven
from tests.campaign.trace import Sent

APART = 2.0
LIST, LOOK, CREATE = "list", "look", "create"


def row(*answers: tuple[str, str]) -> list[Call]:
    """Return calls a second after another, each answered at once."""
    names = {LIST: ""}
    return [
        Call(Sent(float(at), "operator-1", verb, names.get(verb, "n"), "", ""), result, float(at))
        for at, (verb, result) in enumerate(answers)
    ]


SHOWN, MISSED = (LIST, "listed n=i-1=Running"), (LIST, "listed")
TOMBSTONE = (LOOK, "tombstone i-1")


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([SHOWN, TOMBSTONE], id="a tombstone"),
        pytest.param([SHOWN, TOMBSTONE, SHOWN], id="a tombstone, and a list that lags"),
        pytest.param([SHOWN, (LIST, "listed n=i-1=Gone")], id="a dead word"),
        pytest.param([SHOWN, MISSED, MISSED, (LOOK, "absent")], id="looks far enough apart, one of them direct"),
    ],
)
def test_is_proven(answers: list[tuple[str, str]]) -> None:
    assert unproven(row(*answers), "n", 10.0, APART) == ""


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([SHOWN], id="nothing"),
        pytest.param([SHOWN, MISSED, MISSED, MISSED], id="lists alone"),
        pytest.param([SHOWN, MISSED, (LOOK, "absent")], id="looks too close"),
        pytest.param([MISSED, MISSED, (LOOK, "absent"), SHOWN], id="shown after all"),
        pytest.param([TOMBSTONE, (LIST, "listed n=i-2=Running")], id="another machine than the one with a tombstone"),
        pytest.param([TOMBSTONE, (CREATE, "created i-2")], id="made again since"),
    ],
)
def test_is_not_proven(answers: list[tuple[str, str]]) -> None:
    assert unproven(row(*answers), "n", 10.0, APART) != ""


def test_an_answer_that_came_later_proves_nothing() -> None:
    assert unproven(row(SHOWN, TOMBSTONE), "n", 0.5, APART) != ""
