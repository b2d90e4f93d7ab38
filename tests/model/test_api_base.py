"""What every model shares: spelling, immutability, rules that say the same sentence on both sides."""

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from gpuwright.model.api_base import (
    EMPTY_IS_ABSENT,
    RULES,
    RULES_OF_THE_PARENT,
    ApiModel,
    Must,
    ObjectName,
    Rule,
    Seconds,
    SecretKeyRef,
    at_most_bytes,
    crd,
    distinct,
    final_quantity,
    final_text,
    final_value,
    given,
    keys_at_most,
    matches,
    must_match,
    rule,
    sentences,
)

EVEN: Must[int] = Must("self % 2 == 0", lambda number: number % 2 == 0, "must be even, such as 2")


class Wheel(ApiModel):
    """An invented block."""

    spoke_count: Annotated[int, Field(strict=True), EVEN]
    rim_colour: Annotated[str | None, EMPTY_IS_ABSENT] = None
    life: Seconds = 60

    @rule("!has(self.rimColour) || self.spokeCount > 0", "a colour needs spokes: write spokeCount", "rimColour")
    def _has_spokes_under_its_colour(self) -> bool:
        return self.rim_colour is None or self.spoke_count > 0


class FrontWheel(Wheel):
    """A block with the rules of another and one more."""

    @rule("self.life > 1", "lives too short")
    def _lives(self) -> bool:
        return self.life > 1


class Bicycle(ApiModel):
    """A block with blocks."""

    wheels: list[Wheel]


def refusal(model: type[ApiModel], body: object) -> tuple[str, ...]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return sentences(caught.value)


def test_camel_case_outside_is_snake_case_inside() -> None:
    assert Wheel.model_validate({"spokeCount": 32, "rimColour": "red"}).rim_colour == "red"


def test_a_parsed_block_cannot_be_changed() -> None:
    wheel = Wheel(spoke_count=32)
    with pytest.raises(ValidationError, match="frozen"):
        wheel.spoke_count = 34  # type: ignore[misc]  # that it cannot be done is the point


def test_a_field_of_a_newer_crd_is_dropped() -> None:
    assert Wheel.model_validate({"spokeCount": 32, "tyre": {"width": 25}}) == Wheel(spoke_count=32)


def test_the_empty_string_is_the_same_as_none() -> None:
    assert Wheel.model_validate({"spokeCount": 32, "rimColour": ""}) == Wheel(spoke_count=32)


def test_a_broken_rule_of_a_field_is_named_with_its_place_and_sentence() -> None:
    body = {"wheels": [{"spokeCount": 2}, {"spokeCount": 3}]}
    assert refusal(Bicycle, body) == ("spec.wheels.1.spokeCount: must be even, such as 2",)


def test_a_broken_rule_of_a_block_is_named_with_its_place_and_sentence() -> None:
    body = {"wheels": [{"spokeCount": 0, "rimColour": "red"}]}
    assert refusal(Bicycle, body) == ("spec.wheels.0: a colour needs spokes: write spokeCount",)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert refusal(FrontWheel, {"spokeCount": 0, "rimColour": "red", "life": 1}) == (
        "spec: a colour needs spokes: write spokeCount; lives too short",
    )


def test_a_block_keeps_the_rules_of_the_block_it_grew_from() -> None:
    assert [found.message for found in FrontWheel.rules] == [
        "a colour needs spokes: write spokeCount",
        "lives too short",
    ]
    assert len(Wheel.rules) == 1


def test_what_was_given_stands_in_no_error() -> None:
    with pytest.raises(ValidationError) as caught:
        SecretKeyRef.model_validate({"name": "hunter2 is my password", "key": "a"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["60", 60.0, True, 0, 315_360_001])
def test_seconds_are_whole_bounded_and_no_text(value: object) -> None:
    assert refusal(Wheel, {"spokeCount": 2, "life": value})


def test_rules_stand_in_the_schema_at_the_field_and_at_the_block() -> None:
    schema = Wheel.model_json_schema(by_alias=True)
    assert schema["properties"]["spokeCount"][RULES] == [
        {"rule": "self % 2 == 0", "message": "must be even, such as 2"}
    ]
    assert schema[RULES] == [
        {
            "rule": "!has(self.rimColour) || self.spokeCount > 0",
            "message": "a colour needs spokes: write spokeCount",
            "fieldPath": ".rimColour",
        }
    ]


def test_a_rule_that_another_keyword_keeps_stands_in_no_schema() -> None:
    class Names(ApiModel):
        names: Annotated[list[str], distinct(str, "once each")]

    assert RULES not in Names.model_json_schema()["properties"]["names"]
    assert refusal(Names, {"names": ["a", "a"]}) == ("spec.names: once each",)


@pytest.mark.parametrize(
    ("found", "schema"),
    [
        pytest.param(Rule("a", "b"), {"rule": "a", "message": "b"}, id="plain"),
        pytest.param(
            Rule("a", "b", "c", forbids=True),
            {"rule": "a", "message": "b", "fieldPath": ".c", "reason": "FieldValueForbidden"},
            id="about a change",
        ),
        pytest.param(Rule("a", "b", expression="'b'"), {"rule": "a", "messageExpression": "'b'"}, id="with the value"),
    ],
)
def test_a_rule_is_written_as_a_crd_wants_it(found: Rule, schema: dict[str, str]) -> None:
    assert found.as_schema() == schema


def test_a_pattern_is_quoted_for_cel() -> None:
    assert matches(r"a\.b'c") == r"self.matches('^(?:a\\.b\'c)$')"
    assert matches("a", "key") == "key.matches('^(?:a)$')"


@pytest.mark.parametrize("text", ["ab\n", "xab", "abx", ""])
def test_a_pattern_is_about_the_whole_text(text: str) -> None:
    assert not must_match("ab", "").holds(text)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        pytest.param("é" * 4, True, id="just"),
        pytest.param("é" * 4 + "a", False, id="a byte more"),
        pytest.param("", True, id="nothing"),
    ],
)
def test_bytes_are_counted_not_characters(text: str, fits: bool) -> None:
    assert at_most_bytes(8, "").holds(text) is fits


@pytest.mark.parametrize(
    ("key", "fits"),
    [("a", True), ("abc", True), ("abcd", False), ("", False)],
    ids=["one", "just", "one more", "empty"],
)
def test_keys_have_a_length(key: str, fits: bool) -> None:
    assert keys_at_most(3, "team").holds({key: ""}) is fits


@pytest.mark.parametrize("name", ["a", "gateway-token", "a.b", "9", "a" * 253])
def test_a_name_of_an_object_is_taken(name: str) -> None:
    assert SecretKeyRef(name=name, key="k").name == name


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a..b", ".a", "a.", "../a", "a/b", "a\n", "é", "a" * 254])
def test_what_no_object_can_be_called_is_refused(name: str) -> None:
    assert refusal(SecretKeyRef, {"name": name, "key": "k"})


def test_an_object_name_is_text() -> None:
    class Named(ApiModel):
        name: ObjectName

    assert refusal(Named, {"name": 1}) == ("spec.name: Input should be a valid string",)


def test_a_field_tells_the_crd_only_what_it_has_to_say() -> None:
    assert crd() == {}
    assert crd(list_type="map", map_keys=["name"]) == {
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }


@pytest.mark.parametrize("final", [final_text, final_value, final_quantity])
def test_what_is_final_is_ruled_by_the_block_around_it(final: object) -> None:
    assert callable(final)
    (found,) = final("cpu", "stays")[RULES_OF_THE_PARENT]
    assert "oldSelf.cpu" in found.pop("rule")
    assert found == {"message": "stays", "fieldPath": ".cpu", "reason": "FieldValueForbidden"}


def test_given_asks_for_presence_and_content() -> None:
    assert given("cpu", "oldSelf") == "(has(oldSelf.cpu) && string(oldSelf.cpu) != '')"
