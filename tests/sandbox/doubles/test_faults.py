"""Which calls a fault strikes."""

from dataclasses import dataclass

import pytest

from gpuwright_sandbox.doubles.faults import BODIES, Fault, FaultBook, How


@dataclass(frozen=True)
class ACall:
    kind: str = "list"
    page: int = 1


def test_a_fault_strikes_as_many_calls_as_it_says() -> None:
    fault = Fault(frozenset({"list"}), times=2)
    book = FaultBook([fault])
    assert [book.take(ACall()) for _ in range(3)] == [fault, fault, None]


def test_calls_of_other_kinds_are_let_pass_and_not_counted() -> None:
    book = FaultBook([Fault(frozenset({"list", "look"}))])
    assert book.take(ACall("create")) is None
    assert book.take(ACall("look")) is not None


def test_the_first_fault_that_strikes_is_taken() -> None:
    first, second = Fault(frozenset({"list"}), How.DROP), Fault(frozenset({"list"}), How.HANG)
    book = FaultBook([Fault(frozenset({"create"})), first, second])
    assert [book.take(ACall()), book.take(ACall())] == [first, second]


@pytest.mark.parametrize(
    ("struck", "page", "meant"), [(0, 1, True), (0, 2, True), (2, 1, False), (2, 2, True)], ids=str
)
def test_a_fault_strikes_the_page_that_it_names_or_any(struck: int, page: int, meant: bool) -> None:
    assert Fault(frozenset({"list"}), page=struck).strikes(ACall(page=page)) is meant


@pytest.mark.parametrize(
    ("how", "body"),
    [(How.MALFORMED, b'{"a'), (How.EMPTY, b""), (How.LIST, b"[]"), (How.HUGE, b'{"a":1}   ')],
)
def test_what_becomes_of_a_body_whatever_it_says(how: How, body: bytes) -> None:
    assert BODIES[how](b'{"a":1}', 3) == body
