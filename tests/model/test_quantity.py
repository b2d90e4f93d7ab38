"""Amounts: read as the API server reads them, and turned into what the wire wants."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuwright.model.quantity import QuantityBetween, cpu_cores, memory_gib_ceil, parse_quantity

SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
MEMORY = QuantityBetween("64Mi", "64Ti", "64Gi", "a plain number is bytes, so write 64Gi and not 64")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_scales(suffix: str) -> None:
    assert parse_quantity(f"3{suffix}") == 3 * SUFFIXES[suffix]


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        pytest.param(8, Decimal(8), id="a number"),
        pytest.param(-1, Decimal(-1), id="a negative number"),
        pytest.param("+8", Decimal(8), id="a plus"),
        pytest.param("0.5", Decimal("0.5"), id="a fraction"),
        pytest.param(".5", Decimal("0.5"), id="a fraction without a nought"),
        pytest.param("5.", Decimal(5), id="a point at the end"),
        pytest.param("1.5Gi", Decimal(1610612736), id="a fraction of a suffix"),
        pytest.param("1e3", Decimal(1000), id="an exponent"),
        pytest.param("1E3", Decimal(1000), id="a large exponent letter"),
        pytest.param("1e+3", Decimal(1000), id="a positive exponent"),
        pytest.param("1500e-3", Decimal("1.5"), id="a negative exponent"),
        pytest.param("1E", Decimal(10) ** 18, id="exa is no exponent"),
        pytest.param("007", Decimal(7), id="leading noughts"),
        pytest.param("0.1n", Decimal("1e-9"), id="less than a nano is rounded up"),
        pytest.param("1.0000000001", Decimal("1.000000001"), id="finer than a nano is rounded up"),
        pytest.param("1e999", Decimal(10) ** 999, id="a huge exponent"),
    ],
)
def test_a_quantity_is_read_exactly(written: int | str, amount: Decimal) -> None:
    assert parse_quantity(written) == amount


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "eight", "64GB", "64 Gi", " 64Gi", "64gi", "64K", "64KI", "1e", "1e1000", "1e3Gi", "1Gi3", "1.2.3",
        "--1", "1,5", "0x10", "NaN", "inf", "٣", "1_000", "1m1", "e3", "Gi", "9" * 33,
    ],
)  # fmt: skip
def test_what_the_server_would_refuse_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        parse_quantity(written)


@given(st.integers(-(10**18), 10**18), st.sampled_from(sorted(SUFFIXES)))
def test_whole_amounts_are_exact_for_every_suffix(number: int, suffix: str) -> None:
    assert Fraction(parse_quantity(f"{number}{suffix}")) == number * Fraction(SUFFIXES[suffix])


@pytest.mark.parametrize(
    ("amount", "gib"),
    [
        pytest.param("64Gi", 64, id="whole"),
        pytest.param("64G", 60, id="decimal gigabytes"),
        pytest.param(64 * 2**30 + 1, 65, id="a byte more"),
        pytest.param(64 * 2**30 - 1, 64, id="a byte less"),
        pytest.param("64Mi", 1, id="less than one"),
        pytest.param("1Pi", 2**20, id="a lot"),
    ],
)
def test_bytes_become_whole_gib_rounded_up(amount: int | str, gib: int) -> None:
    assert memory_gib_ceil(parse_quantity(amount)) == gib


@pytest.mark.parametrize(
    ("amount", "cores"),
    [
        pytest.param("8", 8, id="whole"),
        pytest.param("8000m", 8, id="whole in thousandths"),
        pytest.param("500m", 0.5, id="half"),
        pytest.param("1u", 0.001, id="less than a thousandth is one"),
        pytest.param("1.0001", 1.001, id="finer than a thousandth is rounded up"),
        pytest.param("10k", 10_000, id="the most"),
    ],
)
def test_cores_become_a_number_in_thousandths(amount: str, cores: float) -> None:
    found = cpu_cores(parse_quantity(amount))
    assert found == cores
    assert isinstance(found, int) == (cores == int(cores))


@pytest.mark.parametrize("written", ["64Mi", 2**26, "64Ti", "1e10"])
def test_an_amount_within_the_bounds_is_taken(written: int | str) -> None:
    assert MEMORY.parse(written) == parse_quantity(written)


def test_an_amount_that_was_parsed_stays_as_it_is() -> None:
    assert MEMORY.parse(Decimal(1)) == Decimal(1)


@pytest.mark.parametrize("written", [0, 64, 2**26 - 1, "65Ti", -(2**30)])
def test_an_amount_out_of_bounds_is_refused_with_the_hint(written: int | str) -> None:
    sentence = (
        f"must be between 64Mi and 64Ti, but {written} was given: a plain number is bytes, so write 64Gi and not 64"
    )
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        MEMORY.parse(written)


@pytest.mark.parametrize("written", ["64GB", True, 0.5, None, [], {}])
def test_what_is_no_amount_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(ValueError, match=r"is no quantity: write for example 64Gi$"):
        MEMORY.parse(written)


def test_the_server_says_the_same_sentences_with_the_value_in_place() -> None:
    no_quantity, out_of_bounds = MEMORY.rules()
    assert no_quantity.expression == "'\"' + string(self) + '\" is no quantity: write for example 64Gi'"
    assert out_of_bounds.expression == (
        "'must be between 64Mi and 64Ti, but ' + string(self) + "
        "' was given: a plain number is bytes, so write 64Gi and not 64'"
    )
