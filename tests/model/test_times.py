"""Times as Kubernetes and providers write them."""

import pytest

from gpuwright.model.times import age_since, seconds_of

WALL = 1_795_305_600.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("2026-11-22T00:00:00Z", WALL, id="UTC"),
        pytest.param("2026-11-22T02:00:00+02:00", WALL, id="with an offset"),
        pytest.param("2026-11-22T00:00:00", WALL, id="without a zone it is UTC"),
        pytest.param("2026-11-22T00:00:00.5Z", WALL + 0.5, id="a fraction"),
        pytest.param("", None, id="empty"),
        pytest.param("yesterday", None, id="a word"),
        pytest.param("2026-13-01T00:00:00Z", None, id="a month that does not exist"),
    ],
)
def test_a_time_in_seconds(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("now", "age"),
    [
        pytest.param(WALL - 1, 0.0, id="a clock that goes wrong"),
        pytest.param(WALL, 0.0, id="just born"),
        pytest.param(WALL + 1, 1.0, id="a second old"),
    ],
)
def test_an_age_is_never_negative(now: float, age: float) -> None:
    assert age_since("2026-11-22T00:00:00Z", now) == age


def test_the_age_of_what_cannot_be_read_is_unknown() -> None:
    assert age_since("never", WALL) is None
