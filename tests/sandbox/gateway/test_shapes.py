"""JSON becomes dataclasses, and what does not fit is named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from gpuwright_sandbox.gateway.shapes import FieldError, Json, as_json, dump, parse, read


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Wheel:
    size: int


@dataclass(frozen=True)
class Car:
    name: str
    speed: float = 1.0
    fast: bool = False
    colour: Colour = Colour.RED
    wheel: Wheel | None = None
    wheels: tuple[Wheel, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)
    code: int | str | None = None
    made: datetime | None = None
    anything: object = None


def test_fills_every_kind_of_field() -> None:
    body: Json = {
        "name": "a",
        "speed": 2,
        "fast": True,
        "colour": "blue",
        "wheel": {"size": 4},
        "wheels": [{"size": 1}, {"size": 2}],
        "tags": {"k": "v"},
        "extra": {"n": [1, None]},
        "code": "x",
        "made": "2026-01-02T03:04:05Z",
        "anything": {"a": [1]},
    }
    assert read(Car, body) == Car(
        "a",
        2,
        True,
        Colour.BLUE,
        Wheel(4),
        (Wheel(1), Wheel(2)),
        {"k": "v"},
        {"n": [1, None]},
        "x",
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        {"a": [1]},
    )


def test_null_and_missing_take_the_default() -> None:
    assert read(Car, {"name": "a", "speed": None, "wheel": None}) == Car("a")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param([], "", id="no object"),
        pytest.param({}, "name", id="missing"),
        pytest.param({"name": None}, "name", id="null where it is required"),
        pytest.param({"name": "a", "colr": 1}, "colr", id="unknown"),
        pytest.param({"name": 1}, "name", id="number for text"),
        pytest.param({"name": "a", "speed": "2"}, "speed", id="text for a number"),
        pytest.param({"name": "a", "speed": True}, "speed", id="true for a number"),
        pytest.param({"name": "a", "fast": 1}, "fast", id="number for true"),
        pytest.param({"name": "a", "colour": "green"}, "colour", id="unknown word"),
        pytest.param({"name": "a", "wheel": {"size": 1.5}}, "wheel.size", id="fraction for a whole number"),
        pytest.param({"name": "a", "wheels": {}}, "wheels", id="object for a list"),
        pytest.param({"name": "a", "wheels": [{"size": 1}, {}]}, "wheels[1].size", id="inside a list"),
        pytest.param({"name": "a", "tags": {"k": 1}}, "tags.k", id="inside a mapping"),
        pytest.param({"name": "a", "tags": "k"}, "tags", id="text for a mapping"),
        pytest.param({"name": "a", "code": []}, "code", id="none of several"),
        pytest.param({"name": "a", "made": "yesterday"}, "made", id="no time"),
        pytest.param({"name": "a", "made": 5}, "made", id="number for a time"),
    ],
)
def test_names_the_field_that_does_not_fit(body: Json, named: str) -> None:
    with pytest.raises(FieldError) as caught:
        read(Car, body)
    assert caught.value.field == named


def test_what_is_written_can_be_read_again() -> None:
    car = Car("a", colour=Colour.BLUE, wheel=Wheel(3), made=datetime(2026, 1, 1, tzinfo=UTC))
    assert read(Car, as_json(car)) == car


def test_only_dataclasses_can_be_read() -> None:
    with pytest.raises(TypeError, match="no dataclass"):
        read(int, {})


def test_an_empty_body_is_an_empty_object() -> None:
    assert parse(b"") == {}


def test_a_body_that_is_no_json_says_so() -> None:
    with pytest.raises(FieldError, match="no JSON"):
        parse(b"{")


def test_times_are_written_in_utc() -> None:
    assert dump({"at": datetime(2026, 1, 1, tzinfo=UTC)}) == b'{"at":"2026-01-01T00:00:00Z"}'
