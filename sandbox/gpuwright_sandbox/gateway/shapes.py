"""JSON in, frozen dataclasses out, and the name of the field that was wrong."""

import dataclasses
import functools
import types
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import orjson

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Shape = TypeVar("Shape")

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}


class FieldError(ValueError):
    """A field is missing, unknown or of another type; say its name to whoever sent it.

    Attributes:
        field: dotted path of the field, such as `gpu.count`; empty for the whole body.
        problem: what was expected there.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


def parse(raw: bytes) -> Json:
    """Return the JSON of a body; an empty body is an empty object.

    Raises:
        FieldError: the bytes are no JSON.
    """
    try:
        parsed: Json = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as error:
        raise FieldError("", f"the body is no JSON: {error}") from error
    return parsed


def dump(value: object) -> bytes:
    """Return JSON; times are RFC 3339 in UTC, dataclasses objects, enumerations their values."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS)


def read(shape: type[Shape], body: object, where: str = "") -> Shape:
    """Return the dataclass `shape` filled from a JSON object; what is missing or null takes the field's default.

    Raises:
        FieldError: a field is unknown, of another type, or missing without a default.
    """
    if not isinstance(body, dict):
        raise FieldError(where, "must be an object")
    # As an object, because mypy does not see that a class can be hashed.
    described: object = shape
    fields = _fields_of(described)
    for key in body:
        if key not in fields:
            raise FieldError(_join(where, str(key)), f"unknown; known are {', '.join(fields)}")
    values: dict[str, object] = {}
    for name, (hint, required) in fields.items():
        if body.get(name) is not None:
            values[name] = _convert(body[name], hint, _join(where, name))
        elif required:
            raise FieldError(_join(where, name), "is missing")
    return shape(**values)


def as_json(record: object) -> Json:
    """Return a dataclass as plain JSON values, as a client would read it."""
    plain: Json = orjson.loads(dump(record))
    return plain


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


@functools.cache
def _fields_of(shape: object) -> dict[str, tuple[object, bool]]:
    if not dataclasses.is_dataclass(shape) or not isinstance(shape, type):
        raise TypeError(f"{shape} is no dataclass")
    hints: dict[str, object] = get_type_hints(shape)
    return {
        field.name: (
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(shape)
    }


def _convert(value: object, hint: object, where: str) -> object:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _one_of(value, get_args(hint), where)
    if origin is tuple:
        return tuple(_items(value, get_args(hint)[0], where))
    if origin is Mapping:
        return _mapping(value, get_args(hint)[1], where)
    if isinstance(hint, type):
        return _plain(value, hint, where)
    return value


def _one_of(value: object, hints: tuple[object, ...], where: str) -> object:
    problem: FieldError | None = None
    for hint in hints:
        if hint is type(None):
            continue
        try:
            return _convert(value, hint, where)
        except FieldError as error:
            problem = problem or error
    raise problem or FieldError(where, "must be null")


def _items(value: object, hint: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise FieldError(where, "must be a list")
    return [_convert(item, hint, f"{where}[{index}]") for index, item in enumerate(value)]


def _mapping(value: object, hint: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise FieldError(where, "must be an object")
    return {str(key): _convert(item, hint, _join(where, str(key))) for key, item in value.items()}


def _plain(value: object, hint: type, where: str) -> object:
    if hint is object:
        return value
    if dataclasses.is_dataclass(hint):
        return read(hint, value, where)
    if hint in _WORDS:
        return _scalar(value, hint, where)
    return _text(value, hint, where)


def _scalar(value: object, hint: type, where: str) -> object:
    accepted = (int, float) if hint is float else (hint,)
    # bool is an int to Python, and `"count": true` is a mistake to everybody else.
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        raise FieldError(where, f"must be {_WORDS[hint]}, not {value!r}")
    return value


def _text(value: object, hint: type, where: str) -> object:
    try:
        if issubclass(hint, Enum):
            return hint(value)
        if hint is datetime and isinstance(value, str):
            return datetime.fromisoformat(value)
    except ValueError as error:
        words = f"one of {', '.join(str(word.value) for word in hint)}" if issubclass(hint, Enum) else "a time"
        raise FieldError(where, f"must be {words}, not {value!r}") from error
    raise FieldError(where, f"must be a {hint.__name__}")
