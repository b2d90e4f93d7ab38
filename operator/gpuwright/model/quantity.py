"""Amounts as Kubernetes writes them: 8, "500m", 64Gi, 1e3."""

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_UP, Context, Decimal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from gpuwright.model.api_base import Rule, with_rules

MAX_LENGTH = 32
_VALUE = "{value}"
GIB = Decimal(2**30)
_THOUSANDTH = Decimal("0.001")
_NANO = Decimal("1e-9")
_EXACT = Context(prec=1200, rounding=ROUND_UP)  # room for every exponent below, so that nothing is lost on the way
_MAX_EXPONENT = 999
# The grammar of apimachinery's parseQuantityString (pkg/api/resource/quantity.go, v1.34.2), with digits compulsory: Go
# reads "+" and "Ki" as zero, which no field of this API accepts anyway.
_GRAMMAR = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([a-zA-Z]*)([+-]?[0-9]*)", re.ASCII)
_SCALES = {
    "": Decimal(1),
    **{suffix: Decimal(10) ** power for suffix, power in zip("num", (-9, -6, -3), strict=True)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


def parse_quantity(value: int | str) -> Decimal:
    """Return the amount, exact to nine places after the point and rounded up there, as the API server does.

    Raises:
        ValueError: the API server would not accept it as a quantity either.
    """
    found = _GRAMMAR.fullmatch(str(value))
    if found is None or len(str(value)) > MAX_LENGTH:
        raise ValueError(f"{value} is no quantity")
    number, suffix, exponent = found.groups()
    amount = _scaled(Decimal(number), suffix, exponent)
    if amount is None:
        raise ValueError(f"{value} is no quantity")
    return _EXACT.quantize(amount, _NANO)


def _scaled(number: Decimal, suffix: str, exponent: str) -> Decimal | None:
    if not exponent and suffix in _SCALES:
        return _EXACT.multiply(number, _SCALES[suffix])
    if suffix not in ("e", "E") or not exponent.lstrip("+-") or abs(int(exponent)) > _MAX_EXPONENT:
        return None
    return _EXACT.scaleb(number, int(exponent))


def memory_gib_ceil(amount: Decimal) -> int:
    """Return bytes as whole GiB, rounded up: what the wire calls memory_gb and disk_gb."""
    return int(_EXACT.divide(amount, GIB).to_integral_value(ROUND_CEILING))


def cpu_cores(amount: Decimal) -> int | float:
    """Return cores, rounded up to thousandths: an int where they are whole."""
    cores = amount.quantize(_THOUSANDTH, ROUND_CEILING)
    return int(cores) if cores == cores.to_integral_value() else float(cores)


@dataclass(frozen=True, slots=True)
class QuantityBetween:
    """An annotation for a Decimal that a manifest writes as a quantity: bounds, an example, a hint for who misses them.

    The empty string is left to the field: where it means "none", the field says so.
    """

    low: str
    high: str
    example: str
    hint: str

    def parse(self, value: object) -> Decimal:
        """Return the amount.

        Raises:
            ValueError: it is no quantity, or out of bounds; the text shows the value and says what to write.
        """
        if isinstance(value, Decimal):
            return value
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError(self._no_quantity(value))  # noqa: TRY004  # pydantic collects ValueError only
        try:
            amount = parse_quantity(value)
        except ValueError:
            raise ValueError(self._no_quantity(value)) from None
        if not parse_quantity(self.low) <= amount <= parse_quantity(self.high):
            raise ValueError(self._out_of_bounds(value))
        return amount

    def _no_quantity(self, value: object) -> str:
        return f'"{value}" is no quantity: write for example {self.example}'

    def _out_of_bounds(self, value: object) -> str:
        return f"must be between {self.low} and {self.high}, but {value} was given: {self.hint}"

    def rules(self) -> tuple[Rule, Rule]:
        """Return the same two checks for the API server, which reads the empty string as left out."""
        amount = "quantity(string(self))"
        within = f"{amount}.compareTo(quantity('{self.low}')) >= 0 && {amount}.compareTo(quantity('{self.high}')) <= 0"
        return (
            _with_value("string(self) == '' || isQuantity(string(self))", self._no_quantity(_VALUE)),
            _with_value(f"!isQuantity(string(self)) || ({within})", self._out_of_bounds(_VALUE)),
        )

    def __get_pydantic_core_schema__(self, source: type[Decimal], handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.parse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return with_rules({"x-kubernetes-int-or-string": True, "maxLength": MAX_LENGTH}, self.rules())


def _with_value(cel: str, message: str) -> Rule:
    """Return a rule whose message shows the value, because the server shows none of an int-or-string."""
    before, after = message.split(_VALUE)
    return Rule(cel, message, expression=f"'{before}' + string(self) + '{after}'")
