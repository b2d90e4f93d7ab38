"""What every model of the API shares: spelling, what an empty string means, and how a rule stands beside its field.

A rule is written once and used twice: as CEL in the CRD, where the API server applies it, and as Python when an object
is parsed. Both say the same sentence. `hack/crds.py` turns the models into CRDs; it finds rules under the key `RULES`,
and rules that belong to the object around a field under `RULES_OF_THE_PARENT`.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Generic, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")
M = TypeVar("M", bound="ApiModel")

RULES = "x-kubernetes-validations"
RULES_OF_THE_PARENT = "x-rules-of-the-parent"
TEN_YEARS_IN_SECONDS = 315_360_000


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence that the API server holds a manifest to.

    `cel` is true for a good value. `field` names the field below the ruled object that the message is shown at.
    `forbids` is for rules about changes: the server then says "Forbidden" and leaves the value out.
    """

    cel: str
    message: str
    field: str = ""
    forbids: bool = False
    expression: str = ""  # CEL text of the message, where the message shows the value

    def as_schema(self) -> dict[str, JsonValue]:
        """Return the entry as it stands in a CRD."""
        entry: dict[str, JsonValue] = {"rule": self.cel}
        if self.expression:
            entry["messageExpression"] = self.expression
        else:
            entry["message"] = self.message
        if self.field:
            entry["fieldPath"] = f".{self.field}"
        if self.forbids:
            entry["reason"] = "FieldValueForbidden"
        return entry


def with_rules(json_schema: JsonSchemaValue, rules: Iterable[Rule]) -> JsonSchemaValue:
    """Return the schema with these rules after the ones that it has."""
    return {**json_schema, RULES: [*json_schema.get(RULES, []), *(found.as_schema() for found in rules)]}


@dataclass(frozen=True, slots=True)
class Must(Generic[T]):
    """An annotation: the value keeps this rule, on the API server as CEL and here as `holds`.

    `cel` is empty where the API server keeps the rule by another keyword, such as the type of a list.
    """

    cel: str
    holds: Callable[[T], bool]
    message: str

    def check(self, value: T) -> T:
        """Return the value as it is.

        Raises:
            ValueError: the rule is broken; the text is the rule's sentence.
        """
        if not self.holds(value):
            raise ValueError(self.message)
        return value

    def __get_pydantic_core_schema__(self, source: type[T], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler(schema)
        if not self.cel:
            return json_schema
        return with_rules(json_schema, [Rule(self.cel, self.message)])


def matches(pattern: str, value: str = "self") -> str:
    """Return the CEL that asks whether a text matches the whole pattern, which RE2 and Python must read alike."""
    quoted = pattern.replace("\\", "\\\\").replace("'", "\\'")
    return f"{value}.matches('^(?:{quoted})$')"


def must_match(pattern: str, message: str) -> Must[str]:
    """Return the rule that a text matches the whole pattern."""
    return Must(cel=matches(pattern), holds=lambda value: re.fullmatch(pattern, value) is not None, message=message)


def rule(cel: str, message: str, field: str = "") -> Callable[[Callable[[M], bool]], Callable[[M], bool]]:
    """Make a method that answers "is it good?" a rule of its model, beside the CEL that asks the same."""

    def mark(holds: Callable[[M], bool]) -> Callable[[M], bool]:
        holds.rule = Rule(cel, message, field)  # type: ignore[attr-defined]  # a mark on a function, read below
        return holds

    return mark


class ApiModel(BaseModel):
    """A block of the API: camelCase outside, snake_case inside, never changed after it was parsed.

    Fields that this version does not know are dropped: a newer CRD gives old objects new defaults, and an operator that
    is still the older one must go on serving them. The API server refuses misspelt fields before they are stored.
    """

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        hide_input_in_errors=True,  # a manifest may hold what belongs into no log
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    _checks: ClassVar[tuple[tuple[str, Rule], ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        marked = ((name, getattr(member, "rule", None)) for name, member in vars(cls).items() if callable(member))
        cls._checks = (*cls._checks, *((name, found) for name, found in marked if isinstance(found, Rule)))
        cls.rules = tuple(found for _, found in cls._checks)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        json_schema = handler(schema)
        if cls.rules:
            handler.resolve_ref_schema(json_schema).update(with_rules({}, cls.rules))
        return json_schema

    @model_validator(mode="after")
    def _keep_the_rules(self) -> Self:
        broken = [found.message for name, found in self._checks if not getattr(self, name)()]
        if broken:
            raise ValueError("; ".join(broken))
        return self


def sentences(error: ValidationError, root: str = "spec") -> tuple[str, ...]:
    """Return one line per thing that is wrong, each as `path: what to write instead`, in the order of the fields."""
    return tuple(
        f"{'.'.join((root, *(str(step) for step in found['loc'])))}: {found['msg'].removeprefix('Value error, ')}"
        for found in error.errors(include_url=False, include_input=False)
    )


def crd(
    *,
    parent_rules: Sequence[Rule] = (),
    list_type: str = "",
    map_keys: Sequence[str] = (),
) -> dict[str, JsonValue]:
    """Return what a field tells the CRD beyond its type, for `Field(json_schema_extra=...)`.

    A rule about adding or removing a field has to stand on the object around it, because the API server skips it on the
    field itself; `parent_rules` keeps it in sight of the field all the same.
    """
    extra: dict[str, JsonValue] = {}
    if parent_rules:
        extra[RULES_OF_THE_PARENT] = [found.as_schema() for found in parent_rules]
    if list_type:
        extra["x-kubernetes-list-type"] = list_type
    if map_keys:
        extra["x-kubernetes-list-map-keys"] = list(map_keys)
    return extra


def given(field: str, owner: str = "self") -> str:
    """Return the CEL that asks whether a text or a quantity is there and not empty."""
    # Optional types (self.?field.orValue('')) read better, but the server's cost estimate forgets maxLength there.
    return f"(has({owner}.{field}) && string({owner}.{field}) != '')"


def final_text(field: str, message: str) -> dict[str, JsonValue]:
    """Return the rule that a text neither changes nor comes nor goes; the empty string is the same as none."""
    cel = (
        f"{given(field)} == {given(field, 'oldSelf')}"
        f" && (!has(self.{field}) || !has(oldSelf.{field}) || self.{field} == oldSelf.{field})"
    )
    return crd(parent_rules=[Rule(cel, message, field, forbids=True)])


def final_value(field: str, message: str) -> dict[str, JsonValue]:
    """Return the rule that a block, list or map neither changes nor comes nor goes."""
    cel = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    return crd(parent_rules=[Rule(cel, message, field, forbids=True)])


def final_quantity(field: str, message: str) -> dict[str, JsonValue]:
    """Return the rule that an amount stays the same, however it is written: 16Gi may become 16384Mi."""
    new, old = f"string(self.{field})", f"string(oldSelf.{field})"
    cel = (
        f"{given(field)} == {given(field, 'oldSelf')}"
        f" && (!has(self.{field}) || !has(oldSelf.{field}) || {new} == {old}"
        f" || (isQuantity({new}) && isQuantity({old}) && quantity({new}).compareTo(quantity({old})) == 0))"
    )
    return crd(parent_rules=[Rule(cel, message, field, forbids=True)])


def none_when_empty(value: object) -> object:
    """Return None for the empty string, which in this API is the same as leaving the field out."""
    return None if value == "" else value


EMPTY_IS_ABSENT = BeforeValidator(none_when_empty)


Seconds = Annotated[int, Field(strict=True, ge=1, le=TEN_YEARS_IN_SECONDS)]
SecondsOrNone = Annotated[int, Field(strict=True, ge=0, le=TEN_YEARS_IN_SECONDS)]

LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
ObjectName = Annotated[
    str,
    StringConstraints(max_length=253),
    must_match(
        rf"{LABEL}(\.{LABEL})*",
        "must be the name of an object: lower-case letters, digits, '-' and '.', such as gateway-token",
    ),
]
SecretKey = Annotated[
    str,
    StringConstraints(max_length=253),
    must_match(
        r"[-._a-zA-Z0-9]+", "must be a key of the Secret's data: letters, digits, '-', '_' and '.', such as token"
    ),
]


def no_label(example: str) -> str:
    """Return what is said of a name that is not a LABEL."""
    return f"must be a name of lower-case letters, digits and '-', such as {example}"


def at_most_bytes(limit: int, remedy: str) -> Must[str]:
    """Return the rule that a text is at most `limit` bytes of UTF-8; maxLength counts characters."""
    return Must(
        cel=f"bytes(self).size() <= {limit}",
        holds=lambda value: len(value.encode()) <= limit,
        message=f"must be at most {limit} bytes: {remedy}",
    )


def keys_at_most(limit: int, example: str) -> Must[Mapping[str, str]]:
    """Return the rule that a map's keys are 1 to `limit` characters long; a schema bounds values only."""
    return Must(
        cel=f"self.all(key, key != '' && key.size() <= {limit})",
        holds=lambda entries: all(0 < len(key) <= limit for key in entries),
        message=f"keys are 1 to {limit} characters long, such as {example}",
    )


def distinct(key: Callable[[T], Hashable], message: str) -> Must[list[T]]:
    """Return the rule that no entry of a list stands there twice; the API server keeps it by the type of the list."""
    return Must(cel="", holds=lambda entries: len({key(entry) for entry in entries}) == len(entries), message=message)


class SecretKeyRef(ApiModel):
    """One value inside a Secret."""

    name: ObjectName = Field(description="Such as gateway-token. Name of the Secret. Required.")
    key: SecretKey = Field(description="Such as token. The key of the Secret's data that holds the value. Required.")
